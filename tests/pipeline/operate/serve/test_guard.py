"""Whose requests a server takes."""

import pytest

from pipeline.operate.serve.errors import RefusalError
from pipeline.operate.serve.guard import Guard


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8501"},
        {"host": "127.0.0.1"},
        {"host": "[::1]:8501"},
        {"host": "LOCALHOST:1", "origin": "http://127.0.0.1:3000"},
    ],
)
def test_this_machines_names_are_taken(headers: dict[str, str]):
    Guard("127.0.0.1").check(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "rebound.example:8501"},
        {"host": "127.0.0.1.rebound.example"},
        {"host": "localhost@rebound.example"},
        {"host": "[::1"},
        {"host": "localhost", "origin": "https://other.example"},
        {"host": "localhost", "origin": "null"},
    ],
)
def test_other_names_and_other_sites_are_refused(headers: dict[str, str]):
    with pytest.raises(RefusalError) as caught:
        Guard("127.0.0.1").check(headers)
    assert caught.value.status == 403
    assert "--host" in str(caught.value)


def test_a_host_of_ones_own_is_taken_beside_the_loopback_names():
    guard = Guard("models.example")
    guard.check({"host": "models.example:80"})
    guard.check({"host": "localhost"})
    with pytest.raises(RefusalError):
        guard.check({"host": "other.example"})


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - not bound to
def test_every_interface_takes_every_name(host: str):
    Guard(host).check({"host": "anything.example", "origin": "https://other.example"})

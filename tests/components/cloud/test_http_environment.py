"""The client in environments whose proxy or certificates are wrong."""

from pathlib import Path

import pytest
from support.environment import BROKEN, clear
from support.proxy import refusing
from support.tls import TlsServer

from components.cloud.http import Api, HttpRequest, Patience, RequestError
from pipeline.commands.shared import failure
from pipeline.runners.submit.credentials import Credentials
from preprocessing.errors import UserError

BEARER = "not-a-real-token"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)


@pytest.fixture
def waits() -> list[float]:
    return []


def api(address: str, waits: list[float]) -> Api:
    return Api(address, Credentials(lambda: BEARER), {}, Patience(sleep=waits.append))


def failed(address: str, waits: list[float]) -> RequestError:
    with api(address, waits) as client, pytest.raises(RequestError) as caught:
        client.send(HttpRequest("POST", f"{address}/things", body={}))
    assert not caught.value.maybe_done
    return caught.value


@pytest.mark.parametrize(("variable", "value"), BROKEN)
def test_what_can_not_be_used_is_named_and_not_shown(
    variable: str, value: str, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError) as caught:
        api("https://example.com", waits)
    assert variable in caught.value.message
    assert variable in caught.value.hint
    shown = failure(caught.value, debug=True)
    assert value not in shown
    assert "hunter" not in shown


def test_what_is_not_needed_does_not_matter(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    with api("http://127.0.0.1:1", waits):
        pass


def test_a_proxy_that_is_fine_is_used(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(502) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        assert "check that the server is up" in failed("https://example.com", waits).hint
        assert proxy.asked == ["example.com:443"] * 4


@pytest.mark.parametrize(
    ("status", "words"), [(407, "put the proxy's user and password into HTTPS_PROXY"), (403, "whoever runs the proxy")]
)
def test_a_proxys_refusal_is_final(
    status: int, words: str, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@{proxy.address}")
        error = failed("https://example.com", waits)
        assert proxy.asked == ["example.com:443"]
    assert str(status) in error.message
    assert words in error.hint
    assert not error.passing
    assert waits == []
    assert "hunter2" not in failure(error, debug=True)


def test_a_certificate_that_nobody_signed_is_final(tmp_path: Path, waits: list[float]) -> None:
    with TlsServer(tmp_path) as server:
        error = failed(server.url, waits)
    assert "self-signed certificate" in error.message
    assert "SSL_CERT_FILE" in error.hint
    assert not error.passing
    assert waits == []
    assert server.received == []


def test_the_next_step_helps_against_it(tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    with TlsServer(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        with api(server.url, waits) as client:
            assert client.send(HttpRequest("GET", f"{server.url}/things")) == {"path": "/things"}

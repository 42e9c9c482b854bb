"""Where `push.directory` leads."""

from pathlib import Path

import pytest

from components.pusher.config import PushConfig


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("serving", "/somewhere/run/serving"),
        ("/srv/models", "/srv/models"),
        ("~/models", "/home/me/models"),
        ("gs://bucket/models", "gs://bucket/models"),
    ],
)
def test_a_folder_starts_from_the_root_and_a_url_stays_one(
    monkeypatch: pytest.MonkeyPatch, directory: str, expected: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert PushConfig(directory=directory).destination(Path("/somewhere/run")) == expected

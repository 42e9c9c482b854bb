"""Secrets of a step on Vertex, against a server that answers as Google's Secret Manager does."""

import base64
from typing import Any

import pytest
from support.rest_server import Received, RefusedError, RestServer

from components.cloud.google_login import TOKEN_VARIABLE
from components.cloud.notify_config import NotifyConfig
from components.cloud.secret_manager import looked_up
from components.cloud.webhook import Notification, send
from preprocessing.errors import UserError

VERSION = "projects/p/secrets/hook/versions/latest"
BEARER = "a-token-of-the-account"


class Manager(RestServer):
    """Has one secret."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.accepts = BEARER
        self.content = content

    def handle(self, request: Received) -> Any:
        if request.call != f"GET /v1/{VERSION}:access":
            raise RefusedError(403, "Permission 'secretmanager.versions.access' denied")
        return {"name": VERSION, "payload": {"data": base64.b64encode(self.content).decode(), "dataCrc32c": "1"}}


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, BEARER)
    monkeypatch.delenv("HOOK", raising=False)


def test_a_secret_is_read_and_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with Manager("https://hooks.example.com/ä\n".encode()) as server:
        lookup = looked_up({"HOOK": VERSION}, server.url)
        assert lookup("HOOK") == "https://hooks.example.com/ä"
        assert lookup("OTHER") is None
        monkeypatch.setenv("HOOK", "from here")
        assert lookup("HOOK") == "from here"
        assert len(server.received) == 1


def test_what_can_not_be_read_is_said_and_fails_nothing() -> None:
    told = Notification("failed", "penguins", "1", "vertex")
    with Manager(b"x") as server:
        lookup = looked_up({"HOOK": "projects/p/secrets/other/versions/1"}, server.url)
        with pytest.raises(UserError, match="Permission") as caught:
            lookup("HOOK")
        assert "Secret Manager Secret Accessor" in caught.value.hint
        assert "HTTP 403" in send(NotifyConfig(url_env="HOOK"), told, lookup=lookup)
    with Manager(b"\xff\xfe") as server, pytest.raises(UserError, match="expected base64 of text"):
        looked_up({"HOOK": VERSION}, server.url)("HOOK")

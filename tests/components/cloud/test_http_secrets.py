"""A server that repeats the token that it was sent: nothing of it is shown, also not by --debug."""

import json
import string
from collections.abc import Iterator

import pytest
from support.rest_server import Reply, RestServer

from components.cloud.http import Api, HttpRequest, Patience, RequestError
from pipeline.commands.shared import failure
from pipeline.runners.submit.credentials import Credentials

ALPHABET = string.ascii_letters + string.digits
LONG, MIDDLE, SHORT = (ALPHABET * 13)[:803], (ALPHABET * 2)[:75], "abcdefgh"
PIECE = 8
"""So many characters of a token in a row are too many."""
TEXT = {"Content-Type": "text/plain"}
QUICK = Patience(sleep=lambda _: None)


@pytest.fixture
def server() -> Iterator[RestServer]:
    with RestServer() as server:
        yield server


def shown(server: RestServer, token: str, reply: Reply) -> str:
    """All that a user sees of a failure, with --debug."""
    server.fails(".*", reply, times=99)
    with Api(server.url, Credentials(lambda: token), {}, QUICK) as api, pytest.raises(RequestError) as caught:
        api.send(HttpRequest("POST", f"{server.url}/things", body={}))
    return failure(caught.value, debug=True)


def assert_hidden(token: str, text: str) -> None:
    found = [token[at : at + PIECE] for at in range(len(token) - PIECE + 1) if token[at : at + PIECE] in text]
    assert not found


@pytest.mark.parametrize("token", [LONG, MIDDLE, SHORT])
@pytest.mark.parametrize("before", ["", "x" * 30, "x" * 250])
@pytest.mark.parametrize("status", [200, 403, 500])
def test_a_token_in_a_text_is_not_cut_but_hidden(server: RestServer, token: str, before: str, status: int) -> None:
    text = shown(server, token, Reply(status, f"{before} Authorization: Bearer {token} is not known", TEXT))
    assert_hidden(token, text)
    assert f"HTTP {status}" in text


@pytest.mark.parametrize("token", [LONG, MIDDLE, SHORT])
def test_a_token_in_googles_and_kubeflows_errors(server: RestServer, token: str) -> None:
    words = f"Authorization: Bearer {token}"
    for body in ({"error": {"message": words}}, {"error": words, "message": words}, {"detail": [words]}):
        text = shown(server, token, Reply(403, body))
        assert_hidden(token, text)
        assert "Bearer [token]" in text


def test_a_token_in_the_escapes_of_json(server: RestServer) -> None:
    token = f"{MIDDLE}+/=="
    escaped = json.dumps({"message": f"Bearer {token}."}).replace("=", "\\u003d").replace("/", "\\/")
    text = shown(server, token, Reply(403, escaped))
    assert_hidden(token, text)
    assert "Bearer [token]." in text


def test_a_token_in_a_redirect(server: RestServer) -> None:
    text = shown(server, LONG, Reply(302, "", {"Location": f"{server.url}/login/{LONG}"}))
    assert_hidden(LONG, text)
    assert "/login/[token]" in text


def test_a_token_in_a_header_that_is_none(server: RestServer) -> None:
    # What the client makes of this quotes the line.
    text = shown(server, MIDDLE, Reply(403, "", {"X-Echo": f"\x00Bearer {MIDDLE}"}))
    assert_hidden(MIDDLE, text)
    assert "the connection broke" in text


def test_a_word_as_a_token_changes_no_answer(server: RestServer) -> None:
    server.fails(".*", Reply(200, {"things": [{"name": "things-1"}]}))
    with Api(server.url, Credentials(lambda: "things"), {}, QUICK) as api:
        found = api.every(HttpRequest("GET", f"{server.url}/list"), "things", token=("page", "next"))
    assert found == [{"name": "things-1"}]

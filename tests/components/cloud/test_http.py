"""The client against a server that fails in every way."""

import math
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from support.rest_server import Reply, RestServer, closed_port

from components.cloud.http import Api, HttpRequest, Patience, RequestError
from pipeline.runners.submit.credentials import Credentials
from preprocessing.errors import UserError

BEARER = "not-a-real-token"
HTML = Reply(200, "<!DOCTYPE html><html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"})


@pytest.fixture
def server() -> Iterator[RestServer]:
    with RestServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


def api(server: RestServer, waits: list[float], token: str | None = BEARER, seconds: float = 20) -> Api:
    patience = Patience(read_seconds=seconds, sleep=waits.append)
    return Api(server.url, Credentials(lambda: token), {403: "ask the owner"}, patience)


def get(server: RestServer) -> HttpRequest:
    return HttpRequest("GET", f"{server.url}/things", {"secret": "in the query"})


def post(server: RestServer) -> HttpRequest:
    return HttpRequest("POST", f"{server.url}/things", body={"name": "thing"})


def failure(client: Api, request: HttpRequest, *, repeatable: bool | None = None) -> RequestError:
    with client, pytest.raises(RequestError) as caught:
        client.send(request, repeatable=repeatable)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(request.shown)
    assert caught.value.hint
    assert BEARER not in str(caught.value)
    return caught.value


def test_a_request_carries_the_token_the_query_and_the_body(server: RestServer, waits: list[float]) -> None:
    with api(server, waits) as client:
        assert client.send(HttpRequest("POST", f"{server.url}/things", {"a": "b c"}, {"name": "é"})) == {
            "path": "/things"
        }
    [received] = server.received
    assert received.headers["authorization"] == f"Bearer {BEARER}"
    assert (received.query, received.body) == ({"a": "b c"}, {"name": "é"})
    assert waits == []


def test_without_a_token_no_header_is_sent(server: RestServer, waits: list[float]) -> None:
    with api(server, waits, token=None) as client:
        client.send(get(server))
    assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "server's message"),
        (401, "new token"),
        (403, "ask the owner"),
        (404, "address"),
        (409, "server's message"),
    ],
)
def test_a_refusal_is_final(server: RestServer, waits: list[float], status: int, hint: str) -> None:
    server.fails(".*", Reply(status, {"error": {"message": "no,\n  not today", "code": status}}))
    error = failure(api(server, waits), get(server))
    assert error.message == f"GET {server.url}/things: HTTP {status}, no, not today"
    assert hint in error.hint
    assert (error.status, error.maybe_done, error.passing) == (status, False, False)
    assert len(server.received) == 1


def test_an_error_as_text(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(400, {"error": "invalid_scope"}))
    assert failure(api(server, waits), get(server)).message.endswith("HTTP 400, invalid_scope")


@pytest.mark.parametrize("status", [408, 499, 500, 502, 503, 504, 520, 524, 599])
def test_a_get_is_repeated_a_few_times(server: RestServer, waits: list[float], status: int) -> None:
    server.fails(".*", Reply(status, "upstream connect error"), times=3)
    with api(server, waits) as client:
        assert client.send(get(server)) == {"path": "/things"}
    assert waits == [1, 2, 4]
    server.fails(".*", Reply(status, {"message": "down", "code": 14}), times=9)
    error = failure(api(server, waits), get(server))
    assert error.message.endswith(f"HTTP {status}, down")
    assert error.passing
    assert len(server.received) == 4 + 4


def test_a_thing_that_is_not_there(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(404, {"message": "no such thing"}))
    server.fails(".*", Reply(403, {"message": "not for you"}))
    with api(server, waits) as client:
        assert client.find(get(server)) is None
        with pytest.raises(RequestError, match="HTTP 403, not for you"):
            client.find(get(server))
        assert client.find(get(server)) == {"path": "/things"}


def test_the_next_step_where_no_answer_came_is_the_servers_own(waits: list[float]) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    client = Api(address, Credentials(lambda: BEARER), {0: "start it"}, Patience(sleep=waits.append))
    assert failure(client, HttpRequest("GET", address)).hint == "start it"


def test_an_answer_that_is_not_compressed_as_it_says(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(200, "no gzip", {"Content-Encoding": "gzip"}), times=9)
    error = failure(api(server, waits), post(server))
    assert "an answer that can't be decompressed" in error.message
    assert (error.maybe_done, error.passing, waits) == (True, True, [])


@pytest.mark.parametrize("fault", ["drop", "hang", Reply(200, {"name": "a thing"}, cut=True), Reply(200, '{"name"')])
def test_a_get_is_repeated_after_a_lost_answer(server: RestServer, waits: list[float], fault: Reply) -> None:
    server.fails(".*", fault)
    with api(server, waits, seconds=0.5) as client:
        assert client.send(get(server)) == {"path": "/things"}
    assert waits == [1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Reply(500, {"message": "broken"}), "HTTP 500, broken"),
        (Reply(503, ""), "HTTP 503, without a message"),
        (Reply(408, {"message": "slow"}), "HTTP 408, slow"),
        (Reply(499, {"message": "gone"}), "HTTP 499, gone"),
        (Reply(501, {"message": "unknown method"}), "HTTP 501, unknown method"),
        (Reply(520, HTML.body, HTML.headers), "HTTP 520, a page in HTML"),
        (Reply(524, "error code: 524"), "HTTP 524, error code: 524"),
        (HTML, "HTTP 200, a page in HTML instead of JSON"),
        (Reply(201, "<p>Created"), "HTTP 201, a page in HTML instead of JSON"),
        (Reply(200, {"name": "a thing"}, cut=True), "the connection broke"),
        (Reply(200, "[1]"), "not a JSON object"),
        ("drop", "the connection broke"),
        ("hang", "no answer within 0.5 s"),
    ],
)
def test_a_post_is_not_repeated_where_it_may_have_worked(
    server: RestServer, waits: list[float], fault: Reply, words: str
) -> None:
    server.fails(".*", fault)
    error = failure(api(server, waits, seconds=0.5), post(server))
    assert words in error.message
    assert error.maybe_done
    assert (len(server.received), waits) == (1, [])


@pytest.mark.parametrize("status", [501, 505, 511])
def test_what_stays_as_it_is_is_not_asked_again(server: RestServer, waits: list[float], status: int) -> None:
    server.fails(".*", Reply(status, {"message": "no"}))
    error = failure(api(server, waits), get(server))
    assert (error.maybe_done, error.passing, waits) == (False, False, [])


def test_a_repeatable_post_is_repeated(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", "drop")
    server.fails(".*", Reply(500, {}))
    with api(server, waits) as client:
        client.send(post(server), repeatable=True)
    assert (len(server.received), waits) == (3, [1, 2])


def test_a_refusal_after_a_lost_answer_says_that_the_first_try_may_have_worked(
    server: RestServer, waits: list[float]
) -> None:
    server.fails(".*", "drop")
    server.fails(".*", Reply(409, {"message": "exists"}))
    error = failure(api(server, waits), post(server), repeatable=True)
    assert (error.status, error.maybe_done) == (409, True)


def test_too_many_requests_did_nothing_and_are_repeated(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(429, {"message": "slowly"}, {"Retry-After": "7"}))
    server.fails(".*", Reply(429, {"message": "slowly"}))
    with api(server, waits) as client:
        client.send(post(server))
    assert waits == [7, 2]


def test_retry_after_may_be_a_date(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(429, {}, {"Retry-After": formatdate(time.time() + 40, usegmt=True)}))
    with api(server, waits) as client:
        client.send(post(server))
    assert math.isclose(waits[0], 40, abs_tol=15)


@pytest.mark.parametrize(
    "value", ["soon", "-1", "1e9", "9" * 30, "Wed, 21 Oct 20999999999999999999 07:28:00 GMT", "Wed, 99 Oct 2026"]
)
def test_retry_after_may_say_nothing(server: RestServer, waits: list[float], value: str) -> None:
    server.fails(".*", Reply(429, {}, {"Retry-After": value}))
    with api(server, waits) as client:
        client.send(post(server))
    assert waits == [1]


def test_a_wait_that_is_too_long_is_left_to_the_user(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(429, {"message": "quota"}, {"Retry-After": "3600"}))
    error = failure(api(server, waits), post(server))
    assert "3600 s" in error.hint
    assert not error.maybe_done
    assert (len(server.received), waits) == (1, [])


def test_no_connection_did_nothing_and_is_repeated(waits: list[float]) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    client = Api(address, Credentials(lambda: BEARER), {}, Patience(sleep=waits.append))
    error = failure(client, HttpRequest("POST", f"{address}/things", body={}))
    assert "no connection" in error.message
    assert not error.maybe_done
    assert waits == [1, 2, 4]


def test_a_login_page_is_named(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", HTML)
    error = failure(api(server, waits), get(server))
    assert "HTTP 200, a page in HTML instead of JSON: probably a login page" in error.message
    assert error.hint == "check the address: it must be the service's API, not a login or proxy page"
    assert (error.maybe_done, error.passing, waits) == (False, False, [])


def test_what_the_server_says_is_as_short_as_promised(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(400, {"message": "\x1b" * 400}))
    message = failure(api(server, waits), get(server)).message
    assert len(message.partition("HTTP 400, ")[2]) == 300
    assert message.isprintable()


def test_a_redirect_is_not_followed(server: RestServer, waits: list[float]) -> None:
    with RestServer() as other:
        server.fails(".*", Reply(302, {}, {"Location": f"{other.url}/dex/auth?ticket=secret"}))
        error = failure(api(server, waits), get(server))
        assert other.received == []
    assert error.message.endswith(f"HTTP 302, a redirect to {other.url}/dex/auth: probably a login page")


def test_the_message_has_neither_query_nor_control_characters_nor_the_token(
    server: RestServer, waits: list[float]
) -> None:
    server.fails(".*", Reply(403, {"message": f"\x1b[31mBearer {BEARER} may not{' at all' * 100}"}))
    error = failure(api(server, waits), get(server))
    assert "secret" not in error.message
    assert "Bearer [token] may not" in error.message
    assert error.message.isprintable()
    assert len(error.message) < 400


def test_a_refused_token_is_renewed_once(server: RestServer, waits: list[float]) -> None:
    server.accepts = "second"
    tokens = iter(["first", "second", "third"])
    with Api(server.url, Credentials(lambda: next(tokens)), {}, Patience(sleep=waits.append)) as client:
        client.send(post(server))
        server.accepts = "another"
        with pytest.raises(RequestError, match="HTTP 401, the token is not valid"):
            client.send(post(server))
    sent = [each.headers["authorization"] for each in server.received]
    assert sent == ["Bearer first", "Bearer second", "Bearer second", "Bearer third"]
    assert waits == []


def test_a_token_that_stays_the_same_is_not_tried_twice(server: RestServer, waits: list[float]) -> None:
    server.accepts = "another"
    assert failure(api(server, waits), post(server)).status == 401
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "address", ["http://kubeflow.example.com", "http://10.0.0.1:8888", "http://127.0.0.1.evil.com"]
)
def test_a_token_never_goes_over_the_network_in_the_clear(address: str) -> None:
    with pytest.raises(UserError, match="unencrypted"):
        Api(address, Credentials(lambda: BEARER), {})
    Api(address, Credentials(lambda: None), {})


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://example.com"]
)
def test_a_token_may_go_to_this_machine_or_encrypted(address: str) -> None:
    Api(address, Credentials(lambda: BEARER), {})


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://me:secret@example.com", "user or a password"),
        ("https://", "not a URL"),
        ("https://a:b:c", "not a URL"),
    ],
)
def test_an_address_that_can_not_be(address: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        Api(address, Credentials(lambda: None), {})
    assert "secret" not in str(caught.value)


def test_nothing_in_the_clear_goes_through_a_proxy(
    server: RestServer, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with api(server, waits) as client:
        client.send(get(server))
    assert len(server.received) == 1


def test_all_pages_of_a_list(server: RestServer, waits: list[float]) -> None:
    server.fails(".*", Reply(200, {"things": [{"n": 1}], "next": "p2"}))
    server.fails(".*", Reply(200, {"next": "p3"}))
    server.fails(".*", Reply(200, {"things": [{"n": 2}]}))
    with api(server, waits) as client:
        found = client.every(HttpRequest("GET", f"{server.url}/things", {"q": "x"}), "things", token=("page", "next"))
    assert found == [{"n": 1}, {"n": 2}]
    assert [each.query for each in server.received] == [{"q": "x"}, {"q": "x", "page": "p2"}, {"q": "x", "page": "p3"}]


@pytest.mark.parametrize("following", ["p2", {"page": 2}, ["p2"], 7])
def test_pages_without_an_end(server: RestServer, waits: list[float], following: Any) -> None:
    server.fails(".*", Reply(200, {"things": [], "next": following}), times=99)
    with api(server, waits) as client, pytest.raises(UserError, match="next: expected the name of another page") as got:
        client.every(HttpRequest("GET", f"{server.url}/things"), "things", token=("page", "next"))
    assert f"GET {server.url}/things: unexpected answer" in got.value.message
    assert len(server.received) == (2 if following == "p2" else 1)


def test_more_pages_than_anybody_has(server: RestServer, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.cloud.http._MOST_PAGES", 5)
    for number in range(9):
        server.fails(".*", Reply(200, {"next": f"p{number}"}))
    with api(server, waits) as client, pytest.raises(UserError, match='of 5 at most, received "p4" after 5 pages'):
        client.every(HttpRequest("GET", f"{server.url}/things"), "things", token=("page", "next"))
    assert len(server.received) == 5

"""Vertex AI's REST API over a real connection to 127.0.0.1: what is asked how often, and how a no is worded."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.environment import BROKEN, clear
from support.rest_server import Reply, RestServer
from support.tls import TlsServer
from support.vertex_registry import LOCATION, Registry, error, serving

from components.cloud import google_rest
from components.cloud.google_login import TOKEN_VARIABLE
from components.cloud.google_rest import VertexApi
from preprocessing.errors import UserError

MODEL = f"{LOCATION}/models/orders"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with serving() as running:
        running.add("orders", "gs://bucket/serving/1")
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(registry: Registry, waits: list[float]) -> VertexApi:
    return VertexApi("shop", "europe-west4", f"{registry.url}/", pause=waits.append)


def test_a_resource_is_found_by_its_name_with_the_token(registry: Registry, api: VertexApi) -> None:
    found = api.find(MODEL)
    assert found is not None
    assert found["artifactUri"] == "gs://bucket/serving/1"
    assert registry.asked == [f"GET /v1/{MODEL}"]
    assert registry.authorizations == ["Bearer a-secret"]


def test_none_of_that_name_is_no_error(api: VertexApi) -> None:
    assert api.find(f"{LOCATION}/models/another") is None


def test_the_region_has_an_address_of_its_own() -> None:
    assert VertexApi("shop", "europe-west4")._base == "https://europe-west4-aiplatform.googleapis.com/v1"


@pytest.mark.parametrize(
    ("status", "times", "hint"),
    [
        (401, 1, "a token that has not expired"),
        (403, 1, "roles/aiplatform.user in the project shop"),
        (400, 1, "correct what the message names"),
        (409, 1, "run the step again"),
        (429, 3, "quota"),
        (500, 3, "the fault is at Vertex AI"),
        (503, 3, "the fault is at Vertex AI"),
    ],
)
def test_a_no_is_one_line_with_the_next_step(
    registry: Registry, api: VertexApi, waits: list[float], status: int, times: int, hint: str
) -> None:
    registry.faults = [(status, error(status, "first line\nsecond line"))] * times
    with pytest.raises(UserError) as caught:
        api.find(MODEL)
    assert caught.value.message == f"GET {MODEL}: {status} first line second line"
    assert hint in caught.value.hint
    assert "a-secret" not in str(caught.value)
    assert len(registry.asked) == times
    assert waits == [2.0, 8.0][: times - 1]


def test_what_passes_by_itself_is_asked_again(registry: Registry, api: VertexApi, waits: list[float]) -> None:
    registry.faults = [(503, error(503, "busy")), (429, error(429, "slowly"))]
    assert api.find(MODEL) is not None
    assert waits == [2.0, 8.0]


@pytest.mark.parametrize("status", [429, 500])
def test_what_changes_something_is_sent_once(registry: Registry, api: VertexApi, status: int) -> None:
    registry.faults = [(status, error(status, "no"))]
    with pytest.raises(UserError, match=f"POST {LOCATION}/models:upload: {status} no"):
        api.post(f"{LOCATION}/models:upload", {})
    assert len(registry.asked) == 1


def test_a_call_to_nowhere_names_the_project(registry: Registry, api: VertexApi) -> None:
    registry.faults = [(404, error(404, "no"))]
    with pytest.raises(UserError, match=r"\(404\)\n.*the project's ID: shop"):
        api.post(f"{LOCATION}/models:upload", {})


@pytest.mark.parametrize("page", ["<html>Please log in</html>", "[]"])
def test_a_proxys_page_is_not_taken_for_an_answer(registry: Registry, api: VertexApi, page: str) -> None:
    registry.faults = [(200, page)]
    with pytest.raises(UserError, match="expected JSON, received"):
        api.find(MODEL)


def test_a_redirect_is_not_followed_with_the_token(registry: Registry, api: VertexApi) -> None:
    registry.faults = [(302, "")]
    with pytest.raises(UserError, match="302 Found"):
        api.find(MODEL)
    assert len(registry.asked) == 1


def test_an_address_where_nobody_listens(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match=f"can't be reached at http://127.0.0.1:{port}/v1: .*\n.*api_endpoint"):
        VertexApi("shop", "europe-west4", f"http://127.0.0.1:{port}", pause=waits.append).find(MODEL)
    assert waits == [2.0, 8.0]


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    monkeypatch.setattr(google_rest, "_REQUEST_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and reads nothing
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UserError, match=r"can't be reached at .* timed out"):
            VertexApi("shop", "europe-west4", url, pause=waits.append).find(MODEL)


def test_an_operation_that_has_ended_is_not_asked_for(registry: Registry, api: VertexApi) -> None:
    assert api.finished({"name": "x", "done": True, "response": {"model": "m"}}, "upload") == {"model": "m"}
    assert registry.asked == []


def test_an_operation_is_not_waited_for_without_end(registry: Registry, api: VertexApi, waits: list[float]) -> None:
    with pytest.raises(UserError, match=r"upload of x: o/1 has not ended after 0 s\n.*run the step again"):
        api.finished({"name": "o/1"}, "upload of x", seconds=0)
    assert (registry.asked, waits) == ([], [])


def test_an_operation_without_a_name_is_none(registry: Registry, api: VertexApi) -> None:
    with pytest.raises(UserError, match=r"upload of x: expected an operation with a name, received {}\n.*console"):
        api.finished({}, "upload of x")
    assert registry.asked == []


@pytest.mark.parametrize(
    ("failure", "words"),
    [("quota", "quota"), ({"message": "quota"}, "quota"), ({"code": 8}, "failed without"), ([], "\\[\\]")],
)
def test_an_operation_that_failed(api: VertexApi, failure: object, words: str) -> None:
    with pytest.raises(UserError, match=f"upload of x: {words}"):
        api.finished({"name": "o/1", "done": True, "error": failure}, "upload of x")


def test_an_operation_whose_error_and_response_are_null_has_ended_well(api: VertexApi) -> None:
    assert api.finished({"name": "o/1", "done": True, "error": None, "response": None}, "upload of x") == {}


def test_an_error_as_text(registry: Registry, api: VertexApi) -> None:
    registry.faults = [(400, {"error": "invalid_scope"})]
    with pytest.raises(UserError, match="400 invalid_scope"):
        api.find(MODEL)


def test_an_answer_that_is_not_compressed_as_it_says(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with RestServer() as server:
        server.fails(".*", Reply(200, "no gzip", {"Content-Encoding": "gzip"}), times=99)
        with pytest.raises(UserError, match=f"Vertex AI sent what can't be decompressed at {server.url}/v1"):
            VertexApi("shop", "europe-west4", server.url, pause=waits.append).find(MODEL)
    assert waits == [2.0, 8.0]


@pytest.mark.parametrize(("variable", "value"), BROKEN)
def test_a_proxy_or_certificates_that_can_not_be_used_are_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    clear(monkeypatch)
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError) as caught:
        VertexApi("shop", "europe-west4", pause=waits.append).find(MODEL)
    assert variable in caught.value.message
    assert value not in str(caught.value)
    assert waits == []


def test_a_certificate_that_nobody_signed_is_final(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waits: list[float]
) -> None:
    clear(monkeypatch)
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with TlsServer(tmp_path) as server, pytest.raises(UserError, match=r"self-signed certificate.*\n.*SSL_CERT_FILE"):
        VertexApi("shop", "europe-west4", server.url, pause=waits.append).find(MODEL)
    assert waits == []


@pytest.mark.parametrize("given", ["a-secret\n", "  a-secret", "a-secret\r\n"])
def test_spaces_around_the_token_are_not_sent(
    registry: Registry, api: VertexApi, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, given)
    assert api.find(MODEL) is not None
    assert registry.authorizations == ["Bearer a-secret"]


def test_what_can_be_no_token_is_not_shown(registry: Registry, api: VertexApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret\nanother")
    with pytest.raises(UserError, match=f"set {TOKEN_VARIABLE} to the token alone") as caught:
        api.find(MODEL)
    assert "secret" not in str(caught.value)
    assert registry.asked == []


@pytest.mark.parametrize("token", ["0123456789" * 80, "a-secret"])
@pytest.mark.parametrize("status", [200, 403])
def test_a_token_that_is_repeated_is_not_shown(
    registry: Registry, api: VertexApi, token: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    words = f"{'x' * 250} Bearer {token}"
    registry.faults = [(status, words if status == 200 else error(status, words))]
    with pytest.raises(UserError, match=r"x Bearer \[token\]") as caught:
        api.find(MODEL)
    assert token[:8] not in str(caught.value)


def test_a_token_in_an_operations_error_is_not_shown(
    registry: Registry, api: VertexApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "0123456789" * 80
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    registry.faults = [(200, {"name": "o/1", "done": True, "error": {"message": f"no access with Bearer {token}"}})]
    with pytest.raises(UserError, match=r"upload of x: no access with Bearer \[token\]\n"):
        api.finished({"name": "o/1"}, "upload of x")


@pytest.mark.parametrize("content", ["[]", None])
def test_a_key_file_that_is_none(
    registry: Registry, api: VertexApi, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    file = tmp_path / "account.json"
    file.mkdir() if content is None else file.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(UserError, match=f"(?s)no credentials for Google Cloud: .*set {TOKEN_VARIABLE}"):
        api.find(MODEL)
    assert registry.asked == []


def test_without_credentials_the_ways_to_give_some_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(UserError, match=f"(?s)no credentials for Google Cloud: .*missing.json.*set {TOKEN_VARIABLE}"):
        VertexApi("shop", "europe-west4", "http://127.0.0.1:9").find(MODEL)


def test_a_service_account_gets_one_token_for_all_questions(
    registry: Registry, api: VertexApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    file = tmp_path / "account.json"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "client_email": "me@shop", "token_uri": f"{registry.url}/token"}
    file.write_text(json.dumps(account | {"private_key": key.decode()}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    registry.faults = [(200, {"access_token": "issued", "expires_in": 3600, "token_type": "Bearer"})]
    assert api.find(MODEL) is not None
    assert api.find(MODEL) is not None
    assert registry.asked == ["POST /token", f"GET /v1/{MODEL}", f"GET /v1/{MODEL}"]
    assert registry.authorizations[1:] == ["Bearer issued"] * 2

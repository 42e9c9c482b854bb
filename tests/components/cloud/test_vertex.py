"""Vertex AI's REST API over a real connection to 127.0.0.1: what is asked how often, and how a no is worded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.environment import clear
from support.proxy import refusing
from support.rest_server import closed_port
from support.vertex_registry import LOCATION, Registry, error, serving

from components.cloud.google_login import TOKEN_VARIABLE
from components.cloud.http import Patience
from components.cloud.vertex import VertexApi, VertexProject
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
def api(registry: Registry, waits: list[float]) -> Iterator[VertexApi]:
    with asking(f"{registry.url}/", waits) as running:
        yield running


def asking(address: str, waits: list[float]) -> VertexApi:
    return VertexApi(VertexProject("shop", "europe-west4", address), Patience(first_wait=2, sleep=waits.append))


def test_a_resource_is_found_by_its_name_with_the_token(registry: Registry, api: VertexApi) -> None:
    found = api.get(MODEL)
    assert found is not None
    assert found["artifactUri"] == "gs://bucket/serving/1"
    assert registry.asked == [f"GET /v1/{MODEL}"]
    assert registry.authorizations == ["Bearer a-secret"]


def test_none_of_that_name_is_no_error(api: VertexApi) -> None:
    assert api.get(f"{LOCATION}/models/another") is None


def test_the_region_has_an_address_of_its_own() -> None:
    assert VertexProject("shop", "europe-west4").address == "https://europe-west4-aiplatform.googleapis.com"


@pytest.mark.parametrize(
    ("status", "times", "hint"),
    [
        (401, 1, "a token that has not expired"),
        (403, 1, "roles/aiplatform.user in the project shop"),
        (400, 1, "correct what the message names"),
        (408, 4, "run the step again later"),
        (409, 1, "run the step again"),
        (413, 1, "correct what the message names, then run the step again"),
        (422, 1, "correct what the message names, then run the step again"),
        (429, 4, "quota"),
        (500, 4, "the fault is at Vertex AI"),
        (501, 1, "check the region and api_endpoint, then run the step again"),
        (503, 4, "the fault is at Vertex AI"),
    ],
)
def test_a_no_is_one_line_with_the_next_step(
    registry: Registry, api: VertexApi, waits: list[float], status: int, times: int, hint: str
) -> None:
    registry.faults = [(status, error(status, "first line\nsecond line"))] * times
    with pytest.raises(UserError) as caught:
        api.get(MODEL)
    assert caught.value.message == f"GET {registry.url}/v1/{MODEL}: HTTP {status}, first line second line"
    assert hint in caught.value.hint
    assert "a-secret" not in str(caught.value)
    assert len(registry.asked) == times
    assert waits == [2, 4, 8][: times - 1]


@pytest.mark.parametrize(("status", "words"), [(200, "a page in HTML instead of JSON"), (302, "a redirect to nowhere")])
def test_a_login_page_is_told_from_the_api(registry: Registry, api: VertexApi, status: int, words: str) -> None:
    registry.faults = [(status, "<html>Who are you?</html>")]
    with pytest.raises(UserError) as caught:
        api.get(MODEL)
    assert caught.value.message.endswith(f"HTTP {status}, {words}: probably a login page")
    assert caught.value.hint == (
        "check the address: it must be the service's API, not a login or proxy page, then run the step again"
    )


def test_behind_a_proxys_refusal_too_the_step_is_run_again(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    with refusing(403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with asking("https://example.com", waits) as api, pytest.raises(UserError) as caught:
            api.get(MODEL)
    assert caught.value.hint.endswith("or name the server in NO_PROXY, then run the step again")


def test_what_passes_by_itself_is_asked_again(registry: Registry, api: VertexApi, waits: list[float]) -> None:
    registry.faults = [(503, error(503, "busy")), (429, error(429, "slowly"))]
    assert api.get(MODEL) is not None
    assert waits == [2, 4]


def test_what_may_have_changed_something_is_sent_once(registry: Registry, api: VertexApi) -> None:
    registry.faults = [(500, error(500, "no"))]
    words = rf"POST .*/{LOCATION}/models:upload: HTTP 500, no; whether it was done all the same is not known\n.*console"
    with pytest.raises(UserError, match=words):
        api.post(f"{LOCATION}/models:upload", {})
    assert len(registry.asked) == 1


def test_what_changed_nothing_is_sent_again(registry: Registry, api: VertexApi, waits: list[float]) -> None:
    registry.faults = [(429, error(429, "slowly")), (200, {"name": "o/1"})]
    assert api.post(f"{LOCATION}/models:upload", {}) == {"name": "o/1"}
    assert (len(registry.asked), waits) == (2, [2])


def test_a_call_to_nowhere_names_the_project(registry: Registry, api: VertexApi) -> None:
    registry.faults = [(404, error(404, "no"))]
    with pytest.raises(UserError, match=r"HTTP 404, no\n.*the project's ID: shop"):
        api.post(f"{LOCATION}/models:upload", {})


def test_an_address_where_nobody_listens(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret")
    address = f"http://127.0.0.1:{closed_port()}"
    with (
        asking(address, waits) as api,
        pytest.raises(UserError, match=f"{address}/v1/.*no connection.*\n.*api_endpoint"),
    ):
        api.get(MODEL)
    assert waits == [2, 4, 8]


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


def test_a_token_in_an_operations_error_is_not_shown(
    registry: Registry, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "0123456789" * 80
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    registry.faults = [(200, {"name": "o/1", "done": True, "error": {"message": f"no access with Bearer {token}"}})]
    words = r"upload of x: no access with Bearer \[token\]\n"
    with asking(registry.url, waits) as api, pytest.raises(UserError, match=words):
        api.finished({"name": "o/1"}, "upload of x")


def test_without_credentials_the_ways_to_give_some_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    with pytest.raises(UserError, match=f"(?s)no credentials for Google Cloud: .*missing.json.*set {TOKEN_VARIABLE}"):
        VertexApi(VertexProject("shop", "europe-west4"))


def test_a_service_account_gets_one_token_for_all_questions_until_it_is_refused(
    registry: Registry, waits: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE)
    file = tmp_path / "account.json"
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {"type": "service_account", "client_email": "me@shop", "token_uri": f"{registry.url}/token"}
    file.write_text(json.dumps(account | {"private_key": key.decode()}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    first, second = (
        (200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}) for token in ("first", "second")
    )
    registry.faults = [first, None, None, (401, error(401, "expired")), second]
    with asking(registry.url, waits) as api:
        for _ in range(3):
            assert api.get(MODEL) is not None
    question = f"GET /v1/{MODEL}"
    assert registry.asked == ["POST /token", *[question] * 3, "POST /token", question]
    sent = [each for each in registry.authorizations if each]
    assert sent == [*["Bearer first"] * 3, "Bearer second"]

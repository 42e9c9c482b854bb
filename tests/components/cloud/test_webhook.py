"""What a webhook gets, against a real server; and that no secret of it is ever shown."""

import hashlib
import hmac
import json
import logging
import math
from collections.abc import Iterator
from typing import Any

import pytest
from support.rest_server import Reply, RestServer, closed_port

from components.cloud.notify_config import NotifyConfig
from components.cloud.webhook import SIGNATURE_HEADER, Notification, send, without_paths

SECRET_PATH = "/services/T0001/not-a-real-secret"  # noqa: S105
TOKEN, KEY = "a-token-of-the-webhook", "a key with blänks"
PUSHED = Notification(
    event="pushed",
    pipeline="penguins",
    run="20260301T120000Z",
    runner="local",
    gates=[{"name": "Evaluator", "passed": True, "reason": "every threshold holds"}],
    metrics={"accuracy": 0.97, "auc": math.nan},
    pushed_version="1772366400",
)
ALL = NotifyConfig(token_env="HOOK_TOKEN", signature_env="HOOK_KEY", timeout_seconds=5)  # noqa: S106


@pytest.fixture
def server() -> Iterator[RestServer]:
    with RestServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def tell(server: RestServer, waits: list[float], caplog: pytest.LogCaptureFixture) -> Any:
    """Tells the server, and looks for secrets in whatever came of it."""
    environment = {
        "LOCKGATE_WEBHOOK": f"{server.url}{SECRET_PATH}?key=in-the-query",
        "HOOK_TOKEN": TOKEN,
        "HOOK_KEY": KEY,
    }

    def tell(config: NotifyConfig = ALL, notification: Notification = PUSHED, **changed: str | None) -> str:
        with caplog.at_level(logging.DEBUG):
            said = send(config, notification, lookup=(environment | changed).get, sleep=waits.append)
        for secret in (SECRET_PATH, "not-a-real-secret", "in-the-query", TOKEN, KEY):
            assert secret not in said
            assert secret not in caplog.text
        return said

    return tell


def test_the_object_is_the_documented_one_and_signed(server: RestServer, tell: Any) -> None:
    assert tell() == ""
    [received] = server.received
    assert received.call == f"POST {SECRET_PATH}"
    assert received.query == {"key": "in-the-query"}
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["content-type"] == "application/json"
    body = received.body
    assert body.pop("time")[-1] == "Z"
    assert body == {
        "lockgate": "notification",
        "version": 1,
        "id": "penguins/20260301T120000Z/pushed",
        "event": "pushed",
        "pipeline": "penguins",
        "run": "20260301T120000Z",
        "runner": "local",
        "reason": "",
        "gates": [{"name": "Evaluator", "passed": True, "reason": "every threshold holds"}],
        "metrics": {"accuracy": 0.97, "auc": None},
        "pushed_version": "1772366400",
    }


def test_the_signature_is_that_of_the_very_bytes(server: RestServer, tell: Any) -> None:
    assert tell() == ""
    [received] = server.received
    # The bytes are canonical: what is sent is what this makes of the object again.
    body = json.dumps(received.body, ensure_ascii=False, sort_keys=True).encode()
    expected = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
    assert received.headers[SIGNATURE_HEADER.lower()] == f"sha256={expected}"


def test_without_token_and_key_neither_is_sent(server: RestServer, tell: Any) -> None:
    assert tell(NotifyConfig()) == ""
    assert not {"authorization", SIGNATURE_HEADER.lower()} & set(server.received[0].headers)


@pytest.mark.parametrize("answer", [Reply(200, "ok"), Reply(204, ""), Reply(202, "<p>thanks</p>"), Reply(200, "[1]")])
def test_any_answer_of_success_will_do(server: RestServer, tell: Any, waits: list[float], answer: Reply) -> None:
    server.fails("POST .*", answer)
    assert tell() == ""
    assert (len(server.received), waits) == (1, [])


def test_only_chosen_events_are_sent(server: RestServer, tell: Any) -> None:
    assert tell(NotifyConfig(events=("refused", "failed"))) == ""
    assert server.received == []


def test_it_is_tried_again_after_failures_that_may_pass_and_with_the_same_id(
    server: RestServer, tell: Any, waits: list[float]
) -> None:
    server.fails("POST .*", Reply(503, "busy"))
    server.fails("POST .*", "drop")
    assert tell(NotifyConfig(tries=3, first_wait_seconds=0.5)) == ""
    assert waits == [0.5, 1.0]
    assert len({body["id"] for body in server.bodies("POST .*")}) == 1


def test_it_gives_up(server: RestServer, tell: Any) -> None:
    server.fails("POST .*", Reply(500, f"no such hook: {SECRET_PATH} of {TOKEN}"), times=9)
    config = NotifyConfig(tries=2, token_env="HOOK_TOKEN")  # noqa: S106
    assert tell(config).startswith("the webhook: HTTP 500, no such hook: ")
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [(Reply(404, "gone"), "HTTP 404, gone"), (Reply(302, "", {"Location": "https://login/"}), "HTTP 302, a redirect")],
)
def test_what_will_not_pass_is_not_tried_again(server: RestServer, tell: Any, reply: Reply, said: str) -> None:
    server.fails("POST .*", reply, times=9)
    assert said in tell()
    assert len(server.received) == 1


def test_a_server_that_says_nothing_is_not_waited_for_long(server: RestServer, tell: Any) -> None:
    server.fails("POST .*", "hang", times=9)
    assert "no answer within 0.2 s" in tell(NotifyConfig(tries=2, timeout_seconds=0.2))
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "LOCKGATE_WEBHOOK is not set"),
        ("not-a-real-secret", "is not a URL"),
        ("https://me:not-a-real-secret@127.0.0.1/x", "holds a user or a password"),
        ("http://hooks.example.com/not-a-real-secret", "unencrypted"),
        ("ftp://hooks.example.com/not-a-real-secret", ""),
    ],
)
def test_an_address_that_nothing_can_be_sent_to(server: RestServer, tell: Any, address: str | None, said: str) -> None:
    answer = tell(LOCKGATE_WEBHOOK=address)
    assert answer
    assert said in answer
    assert server.received == []


def test_nobody_listens(tell: Any, waits: list[float]) -> None:
    answer = tell(NotifyConfig(tries=2), LOCKGATE_WEBHOOK=f"http://127.0.0.1:{closed_port()}{SECRET_PATH}")
    assert answer.startswith("the webhook: no connection: ")
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/anna/birds/penguins.csv:7: a bad row", "penguins.csv:7: a bad row"),
        ("'/data/x.csv' and ~/y/z.csv", "'x.csv' and z.csv"),
        ("gs://bucket/folder/x.csv: see https://host/a/b", "gs://bucket/folder/x.csv: see https://host/a/b"),
        ("see http://127.0.0.1:1/#/runs/details/p-7, /home/anna/x", "see http://127.0.0.1:1/#/runs/details/p-7, x"),
        ("12/31 of train/eval, a/b", "12/31 of train/eval, a/b"),
        ("two\nlines", "two lines"),
    ],
)
def test_paths_of_the_machine_are_shortened_to_their_names(text: str, shown: str) -> None:
    assert without_paths(text) == shown

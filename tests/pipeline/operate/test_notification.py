"""What the webhook hears of runs on this machine."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.fork_server import ForkServer
from support.rest_server import Reply, RestServer

from pipeline.config.loader import load
from pipeline.operate.notification import EndNotice, tell_of_failure
from pipeline.results.runs import Gate, RunRecord, RunResult

PENGUINS = Path(__file__).resolve().parents[3] / "data/penguins/pipeline.yaml"
NOTIFY = "notify={url_env: HOOK, token_env: HOOK_TOKEN, tries: 1}"
PATH, TOKEN = "/T0001/not-a-real-secret", "a-token-of-the-webhook"
GATES = (Gate("DataGate", True, "fine"), Gate("Evaluator", False, "accuracy 0.5 is below 0.9"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestServer]:
    with RestServer() as server:
        monkeypatch.setenv("HOOK", f"{server.url}{PATH}")
        monkeypatch.setenv("HOOK_TOKEN", TOKEN)
        server.accepts = TOKEN
        yield server


@pytest.fixture
def ended(tmp_path: Path) -> tuple[EndNotice, RunRecord]:
    loaded = load(PENGUINS, (NOTIFY,))
    return EndNotice(loaded), RunRecord(tmp_path, loaded)


def told(server: RestServer) -> list[dict[str, Any]]:
    return server.bodies(f"POST {PATH}")


def test_a_push(server: RestServer, ended: tuple[EndNotice, RunRecord]) -> None:
    notice, record = ended
    pushed = "/srv/of/this/machine/serving/1772366470"
    notice.ended(record, RunResult("pushed", GATES[:1], {"accuracy": 0.97}, pushed=pushed))
    assert notice.send() == ""
    assert notice.send() == ""  # and not twice
    [body] = told(server)
    assert (body["event"], body["pushed_version"], body["metrics"]) == ("pushed", "1772366470", {"accuracy": 0.97})
    assert (body["pipeline"], body["run"], body["reason"]) == ("penguins", record.run_id, "")
    assert "machine" not in json.dumps(body)


def test_a_refusal_has_the_reasons_and_every_verdict(server: RestServer, ended: tuple[EndNotice, RunRecord]) -> None:
    notice, record = ended
    notice.ended(record, RunResult("refused", GATES))
    assert notice.send() == ""
    [body] = told(server)
    assert (body["event"], body["reason"]) == ("refused", "Evaluator: accuracy 0.5 is below 0.9")
    assert [(each["name"], each["passed"]) for each in body["gates"]] == [("DataGate", True), ("Evaluator", False)]


def test_a_part_of_a_run_is_not_told(server: RestServer, ended: tuple[EndNotice, RunRecord]) -> None:
    notice, record = ended
    notice.ended(record, RunResult("stopped", states={"Transform": "done"}))
    assert notice.send() == ""
    assert server.received == []


def test_a_run_on_kubeflow_that_failed_is_told_by_who_waited(
    server: RestServer, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(PENGUINS, (NOTIFY,)).config
    tell_of_failure(config, "p-7", "Trainer: out of memory; see the logs at https://host/runs/p-7")
    [body] = told(server)
    assert (body["event"], body["runner"], body["run"]) == ("failed", "kubeflow", "p-7")
    assert body["reason"].endswith("https://host/runs/p-7")
    server.fails("POST .*", Reply(500, "busy"))
    tell_of_failure(config, "p-8", "x")
    assert caplog.messages == ["the webhook was not told: the webhook: HTTP 500, busy"]
    tell_of_failure(load(PENGUINS).config, "p-9", "x")
    assert len(server.received) == 2


def test_a_run_that_fails_is_told_and_a_webhook_that_fails_changes_nothing(
    server: RestServer, forks: ForkServer, tmp_path: Path
) -> None:
    lines = PENGUINS.with_name("penguins.csv").read_text().splitlines(keepends=True)
    table = tmp_path / "penguins.csv"
    table.write_text("".join([*lines, *lines[1:] * 3, lines[1].replace(",39.1,", ",long,")]))
    sets = (f"root={tmp_path / 'root'}", f"data.path={table}", NOTIFY)
    words = ["run", str(PENGUINS), *(word for each in sets for word in ("--set", each))]
    server.fails("POST .*", Reply(500, f"no hook {PATH}"))
    printed = [tmp_path / "stdout", tmp_path / "stderr"]
    assert forks.lockgate(words, os.environ, tmp_path, *printed) == 1
    stdout, stderr = (file.read_text() for file in printed)
    [body] = told(server)
    [folder] = (tmp_path / "root/runs").iterdir()
    assert (body["event"], body["run"]) == ("failed", folder.name)
    assert body["reason"].startswith("penguins.csv")
    assert str(tmp_path) not in json.dumps(body)
    # The run ends as it did without a webhook, and says what became of that.
    error = json.loads((folder / "result.json").read_text())["error"]
    assert stderr == f"error: {error}\n"
    assert " ! the webhook was not told: the webhook: HTTP 500, no hook [token]\n" in stdout
    log = (folder / "log.txt").read_text()
    assert "the webhook was not told: the webhook: HTTP 500" in log
    files = [file.read_text() for file in folder.glob("*.*") if file.is_file()]
    for text in (stdout, stderr, *files):
        assert PATH not in text
        assert TOKEN not in text

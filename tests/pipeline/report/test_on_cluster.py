"""The page that a step writes on a cluster: of what it has, whatever is wrong with it."""

import logging
from pathlib import Path
from typing import Any

import pytest
from support.compiled_pipelines import loaded
from support.rest_server import RestServer

from components.artifacts.reports import REPORT_FILE
from components.data_gate.component import DataVerdict
from components.data_gate.report import DataFinding, Verdict
from pipeline.report import on_cluster

STATED = ("name", "data", "features", "data_gate")


@pytest.fixture
def given() -> dict[str, Any]:
    config = loaded("penguins").config.resolved()
    return {
        "target": "kubeflow",
        "image": "registry.example.com/lockgate:1",
        "config": {name: config[name] for name in STATED},
        "graph": {"ExampleGen": [], "StatisticsGen": ["ExampleGen"]},
        "run": "",
    }


def verdict(folder: Path, *findings: DataFinding) -> DataVerdict:
    folder.mkdir(parents=True)
    said = Verdict.of(findings, (), seconds=0.1)
    (folder / REPORT_FILE).write_text(said.model_dump_json(), encoding="utf-8")
    artifact = DataVerdict()
    artifact.uri = str(folder)
    return artifact


FINDING = DataFinding(
    check="drift", feature="island", severity="block", expected="at most 0.1", received="0.5", hint="look"
)


def test_a_refusal_is_told_with_the_finding_and_what_the_step_knows(tmp_path: Path, given: dict[str, Any]) -> None:
    inputs = {"verdict": [verdict(tmp_path / "minio/bucket/DataGate/verdict", FINDING)]}
    facts = on_cluster.run_so_far(inputs, given, tmp_path)
    assert (facts.run.state, facts.run.id) == ("refused", "of a cluster")
    assert facts.run.line.startswith("refused: DataGate: ")
    assert {each.name: each.state for each in facts.run.nodes} == dict.fromkeys(
        ("ExampleGen", "StatisticsGen", "DataGate"), "done"
    )
    assert all(each.seconds is None for each in facts.run.nodes)
    assert facts.absent["data"] == "StatisticsGen did not run"
    assert facts.absent["training"] == "it comes after the data gate, which wrote this page"
    assert facts.reproduce.image == "registry.example.com/lockgate:1"


def test_data_that_is_accepted_leaves_a_run_that_has_not_ended(tmp_path: Path, given: dict[str, Any]) -> None:
    facts = on_cluster.run_so_far({"verdict": [verdict(tmp_path / "verdict")]}, given, tmp_path)
    assert facts.run.state == "running"
    assert [each.passed for each in facts.run.gates] == [True]


def test_the_buckets_own_url_is_shown(tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKGATE_MOUNTS", str(tmp_path))
    inputs = {"verdict": [verdict(tmp_path / "minio/bucket/DataGate/verdict", FINDING)]}
    [gate] = [each for each in on_cluster.run_so_far(inputs, given, tmp_path).run.nodes if each.name == "DataGate"]
    assert gate.artifacts == ("minio://bucket/DataGate/verdict",)


def test_what_goes_wrong_fails_no_step(tmp_path: Path, given: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    broken = verdict(tmp_path / "verdict")
    (tmp_path / "verdict" / REPORT_FILE).write_text("{}", encoding="utf-8")
    page = tmp_path / "out" / "page"
    with caplog.at_level(logging.WARNING, logger="lockgate"):
        on_cluster.write({"verdict": [broken]}, str(page), given)
    assert "The page could not be written: " in page.read_text(encoding="utf-8")
    assert "the page of the run could not be written" in caplog.text


def test_a_page_that_the_store_does_not_take_fails_no_step(
    tmp_path: Path, given: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with caplog.at_level(logging.WARNING, logger="lockgate"):
        on_cluster.write({"verdict": [verdict(tmp_path / "verdict")]}, str(tmp_path / "file" / "page"), given)
    assert "the page of the run could not be stored at" in caplog.text


def test_a_refusal_after_the_training_is_told_the_webhook(
    tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {**given, "config": loaded("penguins", "notify={url_env: HOOK, tries: 1}").config.resolved(), "run": "p-7"}
    inputs = {"verdict": [verdict(tmp_path / "verdict", FINDING)]}
    with RestServer() as server:
        monkeypatch.setenv("HOOK", f"{server.url}/hook")
        on_cluster.write(inputs, str(tmp_path / "page"), given)
        assert server.received == []  # the data gate's own page: DataStop tells
        on_cluster.write(inputs, str(tmp_path / "page"), whole)
        [body] = server.bodies("POST /hook")
    assert (body["event"], body["run"], body["runner"]) == ("refused", "p-7", "kubeflow")
    assert body["reason"].startswith("DataGate: drift (island): ")
    assert [(each["name"], each["passed"]) for each in body["gates"]] == [("DataGate", False)]

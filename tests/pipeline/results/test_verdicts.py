"""One result from the artifacts of a run, as the components leave them."""

import json

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import standard_artifacts

from components.artifacts.reports import DIFF_FILE, PAGE_FILE, REPORT_FILE
from components.artifacts.schema import SCHEMA_FILE
from components.data_gate.report import DataFinding, Verdict
from components.smoke_test.report import CheckResult, Report
from pipeline.results.runs import Gate
from pipeline.results.verdicts import collect
from pipeline.runners.local import NodeResult

pytestmark = pytest.mark.slow


def _artifact(kind, uri, **properties):
    artifact = kind()
    artifact.uri = str(uri)
    for name, value in properties.items():
        set_property = (
            artifact.set_int_custom_property if isinstance(value, int) else artifact.set_string_custom_property
        )
        set_property(name, value)
    return artifact


@pytest.fixture
def collected(tmp_path):
    """The result of a run of which these nodes have these outputs, and the others were left out."""

    def collect_(**outputs):
        nodes = [
            NodeResult(name, "done" if name in outputs else "skipped", 1.234, outputs.get(name, {}))
            for name in ("ExampleGen", "ExampleValidator", "DataGate", "Trainer", "Evaluator", "SmokeTest", "Pusher")
        ]
        return collect(nodes, tmp_path / "run")

    return collect_


def _anomalies(folder, split, **columns):
    found = anomalies_pb2.Anomalies()
    for name, (short, long) in columns.items():
        found.anomaly_info[name].short_description = short
        found.anomaly_info[name].description = long
    path = folder / f"Split-{split}" / "SchemaDiff.pb"
    path.parent.mkdir(parents=True)
    path.write_bytes(found.SerializeToString())


def test_without_the_data_gate_anomalies_are_notes_that_refuse_nothing(collected, tmp_path):
    _anomalies(tmp_path / "anomalies", "train")
    _anomalies(tmp_path / "anomalies", "eval", age=("Out-of-range values", "Unexpectedly large value: 200."))
    result = collected(
        ExampleGen={},
        ExampleValidator={"anomalies": [_artifact(standard_artifacts.ExampleAnomalies, tmp_path / "anomalies")]},
    )
    assert result.gates == (
        Gate("ExampleValidator", None, "eval: age: Out-of-range values: Unexpectedly large value: 200"),
    )
    assert result.state == "stopped"
    assert result.states["Trainer"] == "skipped"
    assert result.seconds["ExampleValidator"] == 1.23
    assert result.run_dir == str(tmp_path / "run")
    assert "after ExampleValidator" in result.line()


def _data_gate(folder, *severities):
    """The gate's artifact, with a finding of each severity."""
    findings = [
        DataFinding(
            check="drift", feature=f"c{n}", split="train", expected="at most 0.1", received="0.9", severity=severity
        )
        for n, severity in enumerate(severities)
    ]
    verdict = Verdict.of(findings, [], seconds=0.5, proposal="block" in severities)
    folder.mkdir()
    (folder / REPORT_FILE).write_text(verdict.model_dump_json(), encoding="utf-8")
    if verdict.proposal:
        (folder / SCHEMA_FILE).write_text("the schema")
        (folder / DIFF_FILE).write_text("the diff")
    # Any artifact will do: it is the folder that counts.
    return {"verdict": [_artifact(standard_artifacts.String, folder, blessed=int(verdict.blessed))]}, verdict


def test_the_data_gate_refuses_and_its_files_are_kept_with_the_run(collected, tmp_path):
    _anomalies(tmp_path / "anomalies", "eval", age=("Out-of-range values", "Unexpectedly large value: 200."))
    outputs, verdict = _data_gate(tmp_path / "verdict", "warn", "block", "block")
    result = collected(
        ExampleGen={},
        ExampleValidator={"anomalies": [_artifact(standard_artifacts.ExampleAnomalies, tmp_path / "anomalies")]},
        DataGate=outputs,
    )
    reason = "drift (c1, split train): expected at most 0.1, received 0.9 (and 1 more)"
    assert result.gates == (Gate("DataGate", False, reason),)  # and nothing is said twice
    assert (result.state, result.pushed) == ("refused", None)
    assert result.line() == f"refused: DataGate: {reason}"
    assert result.data_gate == verdict
    kept = {path.name: path.read_text() for path in (tmp_path / "run" / "data_gate").iterdir()}
    assert kept == {
        REPORT_FILE: verdict.model_dump_json(),
        SCHEMA_FILE: "the schema",
        DIFF_FILE: "the diff",
    }
    recorded = json.loads(result.to_json())["data_gate"]
    assert [finding["severity"] for finding in recorded["findings"]] == ["block", "block", "warn"]
    assert (recorded["blessed"], recorded["proposal"]) == (False, True)


def test_a_run_that_the_data_gate_refused_has_pushed_nothing(collected, tmp_path):
    outputs, _ = _data_gate(tmp_path / "verdict", "block")
    pushed = _artifact(standard_artifacts.PushedModel, "", pushed=1, pushed_destination="/serving/7")
    assert collected(DataGate=outputs, Pusher={"pushed_model": [pushed]}).state == "refused"


def test_warnings_about_the_data_refuse_nothing(collected, tmp_path):
    outputs, verdict = _data_gate(tmp_path / "verdict", "warn")
    pushed = _artifact(standard_artifacts.PushedModel, "", pushed=1, pushed_destination="/serving/7")
    result = collected(DataGate=outputs, Pusher={"pushed_model": [pushed]})
    assert (result.state, result.pushed) == ("pushed", "/serving/7")
    assert result.gates == (Gate("DataGate", True, verdict.reason()),)
    assert [path.name for path in (tmp_path / "run" / "data_gate").iterdir()] == [REPORT_FILE]
    assert json.loads(collected(ExampleGen={}).to_json())["data_gate"] is None


@pytest.mark.parametrize("passed", [True, False])
def test_the_smoke_test_and_the_push(collected, tmp_path, passed):
    make = CheckResult.passes if passed else CheckResult.fails
    report = Report.of([make("parity", "0.5", "0.7", signature="serve", row=3)], seconds={"total": 1.0})
    (tmp_path / REPORT_FILE).write_text(report.model_dump_json(), encoding="utf-8")
    (tmp_path / PAGE_FILE).write_text("<p>the page")
    pushed = {"pushed_destination": "/serving/7"} if passed else {}
    result = collected(
        SmokeTest={"report": [_artifact(standard_artifacts.String, tmp_path)]},
        Pusher={"pushed_model": [_artifact(standard_artifacts.PushedModel, "", pushed=int(passed), **pushed)]},
    )
    [gate] = result.gates
    assert (gate.name, gate.passed) == ("SmokeTest", passed)
    if passed:
        assert (result.state, result.pushed, result.line()) == ("pushed", "/serving/7", "pushed: /serving/7")
    else:
        assert (result.state, result.pushed) == ("refused", None)
        assert "parity (serve, row 3): expected 0.5, received 0.7" in result.line()
    assert result.smoke_test == report
    kept = {path.name: path.read_text() for path in (tmp_path / "run" / "smoke_test").iterdir()}
    assert kept == {REPORT_FILE: report.model_dump_json(), PAGE_FILE: "<p>the page"}
    recorded = json.loads(result.to_json())["smoke_test"]
    assert recorded["checks"][0]["check"] == "parity"
    assert json.loads(collected(ExampleGen={}).to_json())["smoke_test"] is None


def test_a_model_that_a_rollback_withdrew_is_refused_and_one_that_is_served_is_not_pushed_again(collected, tmp_path):
    def pushed(**properties):
        return collected(Pusher={"pushed_model": [_artifact(standard_artifacts.PushedModel, tmp_path, **properties)]})

    refused = pushed(pushed=0, withdrawn="version 7 was withdrawn: worse on Mondays")
    assert (refused.state, refused.pushed) == ("refused", None)
    assert refused.line() == (
        "refused: Pusher: version 7 was withdrawn: worse on Mondays; "
        f"lockgate push {tmp_path / 'run'} --force --reason TEXT pushes it all the same"
    )
    again = pushed(pushed=1, pushed_destination="serving/7", served_already=1)
    assert (again.state, again.pushed, again.served_already) == ("pushed", "serving/7", True)
    assert not pushed(pushed=1, pushed_destination="serving/7").served_already

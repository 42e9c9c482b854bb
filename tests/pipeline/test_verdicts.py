"""One result from the artifacts of a run, as the components leave them."""

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import standard_artifacts

from components.smoke_test.report import REPORT_FILE, CheckResult, Report
from pipeline.runners.local import NodeResult
from pipeline.runs import Gate
from pipeline.verdicts import collect, shortened

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
            for name in ("ExampleGen", "ExampleValidator", "Trainer", "Evaluator", "SmokeTest", "Pusher")
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


def test_findings_about_the_data_are_notes_that_refuse_nothing(collected, tmp_path):
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


@pytest.mark.parametrize("passed", [True, False])
def test_the_smoke_test_and_the_push(collected, tmp_path, passed):
    check = CheckResult(check="parity", signature="serve", row=3, expected="0.5", actual="0.7", passed=passed)
    report = Report.of([check], seconds={"total": 1.0})
    (tmp_path / REPORT_FILE).write_text(report.model_dump_json(), encoding="utf-8")
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


def test_many_reasons_are_counted():
    assert shortened(["a", "b", "c"]) == "a; b; c"
    assert shortened(["a", "b", "c", "d", "e"]) == "a; b; c (and 2 more)"

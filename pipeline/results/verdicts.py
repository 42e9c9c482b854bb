"""Reads the artifacts of a finished run into one result: the gates' verdicts with their reasons, metrics, push."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types.artifact import Artifact

from components.artifacts.cross_validation import Spread
from components.artifacts.pushed_version import SERVED_ALREADY, WITHDRAWN
from components.artifacts.reports import DIFF_FILE, PAGE_FILE, REPORT_FILE
from components.artifacts.schema import SCHEMA_FILE
from components.artifacts.splits import ANOMALIES_FILE, FOLDER_PREFIX, split_folder
from components.data_gate import report as data_report
from components.smoke_test import report as smoke_report
from pipeline.results.evaluation import SHOWN, EvaluatorVerdict, evaluator_gate, read_verdict
from pipeline.results.runs import DATA_GATE_FOLDER, SMOKE_TEST_FOLDER, Gate, RunResult
from pipeline.results.tuned import read_tuning, tuned
from pipeline.runners.local import NodeResult
from pipeline.selection import CROSS_VALIDATION, TUNER
from preprocessing.text import sentences

_DATA_FILES = (REPORT_FILE, SCHEMA_FILE, DIFF_FILE)
_SMOKE_FILES = (REPORT_FILE, PAGE_FILE)
_Outputs = Mapping[str, Sequence[Artifact]]
"""Those of one node, by name; none where it did not run."""


def collect(results: Sequence[NodeResult], run_dir: Path) -> RunResult:
    """Reads what the components wrote, and copies the files of data gate and smoke test into the run's folder.

    Args:
      results: of every node of the graph.
      run_dir: the run's folder.

    Raises:
      OSError: the run's folder can't be written.
    """
    outputs = {result.name: result.outputs for result in results}
    data = _data_verdict(outputs["DataGate"], run_dir)
    verdict = _evaluator_verdict(outputs["Evaluator"])
    report = _smoke_report(outputs["SmokeTest"], run_dir)
    model = outputs["Pusher"]["pushed_model"][0] if outputs["Pusher"] else None
    tuning = None
    if found := outputs.get(TUNER):
        tuning = tuned(read_tuning(Path(found["tuner_results"][0].uri)), run_dir)
    gates = [
        *_data_gates(data, outputs["ExampleValidator"]),
        *_evaluator_gates(verdict),
        *([Gate("SmokeTest", report.blessed, report.reason())] if report else ()),
        *(_withdrawn(model, run_dir) if model else ()),
    ]
    refused = any(gate.passed is False for gate in gates)
    pushed = _destination(model) if model else None
    return RunResult(
        state="refused" if refused else "pushed" if pushed else "stopped",
        gates=tuple(gates),
        metrics=verdict.metrics if verdict else {},
        champion=verdict.champion if verdict else {},
        intervals=verdict.intervals if verdict else {},
        cross_validation=_spreads(verdict.folds) if verdict and verdict.folds else {},
        seconds={result.name: round(result.seconds, 2) for result in results},
        states={result.name: result.state for result in results},
        pushed=pushed,
        served_already=model is not None and model.get_int_custom_property(SERVED_ALREADY) == 1,
        data_gate=data,
        smoke_test=report,
        tuning=tuning,
        run_dir=str(run_dir),
    )


def _data_verdict(outputs: _Outputs, run_dir: Path) -> data_report.Verdict | None:
    """What the data gate says; None where it did not run."""
    if not outputs:
        return None
    uri = outputs["verdict"][0].uri
    _kept(Path(uri), _DATA_FILES, run_dir / DATA_GATE_FOLDER)
    return data_report.read(uri)


def _data_gates(data: data_report.Verdict | None, validator: _Outputs) -> Iterator[Gate]:
    if data is not None:
        yield Gate("DataGate", data.blessed, data.reason())
    elif validator:
        # Left to itself (`--to ExampleValidator`): what it finds is the data gate's to judge.
        yield _anomalies(Path(validator["anomalies"][0].uri))


def _evaluator_verdict(outputs: _Outputs) -> EvaluatorVerdict | None:
    """What the Evaluator says; None where it did not run."""
    return read_verdict(outputs["evaluation"][0].uri, _blessed(outputs["blessing"][0])) if outputs else None


def _evaluator_gates(verdict: EvaluatorVerdict | None) -> Iterator[Gate]:
    if verdict is None:
        return
    yield evaluator_gate(verdict)
    if verdict.folds is not None:
        # Its thresholds are the Evaluator's: what else is known of the folds stops nothing.
        yield Gate(CROSS_VALIDATION, None, verdict.folds.line())


def _smoke_report(outputs: _Outputs, run_dir: Path) -> smoke_report.Report | None:
    """What the smoke test says; None where it did not run."""
    if not outputs:
        return None
    uri = outputs["report"][0].uri
    _kept(Path(uri), _SMOKE_FILES, run_dir / SMOKE_TEST_FOLDER)
    return smoke_report.read(uri)


def _destination(model: Artifact) -> str | None:
    if not model.get_int_custom_property("pushed"):
        return None
    destination: str = model.get_string_custom_property("pushed_destination")
    return destination


def _withdrawn(model: Artifact, run_dir: Path) -> Iterator[Gate]:
    """The refusal of a model that a rollback withdrew."""
    if why := model.get_string_custom_property(WITHDRAWN):
        how = f"lockgate push {run_dir} --force --reason TEXT pushes it all the same"
        yield Gate("Pusher", False, f"{why}; {how}")


def _spreads(folds: Spread) -> dict[str, dict[str, float | None]]:
    return {name: {"mean": each.mean, "deviation": each.deviation} for name, each in folds.metrics.items()}


def _kept(verdict: Path, names: Sequence[str], folder: Path) -> None:
    """Copies a verdict's files, those that are there, so that a run's folder tells the whole of its end."""
    temporary = folder.with_name(f".{folder.name}")
    temporary.mkdir(parents=True)
    for name in names:
        if (verdict / name).exists():
            shutil.copyfile(verdict / name, temporary / name)
    temporary.replace(folder)


def _blessed(artifact: Artifact) -> bool:
    return artifact.get_int_custom_property("blessed") == 1


def _anomalies(folder: Path) -> Gate:
    found = [f"{split}: {text}" for split, text in _read_anomalies(folder)]
    if not found:
        return Gate("ExampleValidator", True, "the examples fit the schema")
    # Findings, not a verdict: ExampleValidator stops nothing.
    return Gate("ExampleValidator", None, sentences(found, SHOWN))


def _read_anomalies(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob(f"{split_folder('*')}/{ANOMALIES_FILE}")):
        anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        split = path.parent.name.removeprefix(FOLDER_PREFIX)
        for name, info in sorted(anomalies.anomaly_info.items()):
            yield split, f"{name}: {info.short_description.rstrip('.')}: {info.description.rstrip('.')}"
        if anomalies.HasField("dataset_anomaly_info"):
            yield split, anomalies.dataset_anomaly_info.description

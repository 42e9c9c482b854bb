"""From the artifacts of a finished run to one result: the gates' verdicts with their reasons, metrics, push."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types.artifact import Artifact

from components.smoke_test import report as smoke_report
from pipeline.evaluation import Verdict, read_verdict
from pipeline.runners.local import NodeResult
from pipeline.runs import Gate, RunResult

_SHOWN = 3
"""So many reasons stand in one line; the rest are counted."""


def collect(results: Sequence[NodeResult], run_dir: Path) -> RunResult:
    """Reads what the components wrote."""
    by_name = {result.name: result for result in results}
    gates: list[Gate] = []
    verdict: Verdict | None = None
    if outputs := by_name["ExampleValidator"].outputs:
        gates.append(_anomalies(Path(outputs["anomalies"][0].uri)))
    if outputs := by_name["Evaluator"].outputs:
        verdict = read_verdict(outputs["evaluation"][0].uri, _blessed(outputs["blessing"][0]))
        gates.append(_evaluator(verdict))
    if outputs := by_name["SmokeTest"].outputs:
        report = smoke_report.read(outputs["report"][0].uri)
        gates.append(Gate("SmokeTest", report.blessed, report.reason()))
    pushed = None
    if outputs := by_name["Pusher"].outputs:
        model = outputs["pushed_model"][0]
        pushed = (
            model.get_string_custom_property("pushed_destination") if model.get_int_custom_property("pushed") else None
        )
    refused = any(gate.passed is False for gate in gates)
    return RunResult(
        state="pushed" if pushed else "refused" if refused else "stopped",
        gates=tuple(gates),
        metrics=verdict.metrics if verdict else {},
        champion=verdict.champion if verdict else {},
        seconds={result.name: round(result.seconds, 2) for result in results},
        states={result.name: result.state for result in results},
        pushed=pushed,
        run_dir=str(run_dir),
    )


def _blessed(artifact: Artifact) -> bool:
    return artifact.get_int_custom_property("blessed") == 1


def _evaluator(verdict: Verdict) -> Gate:
    if verdict.blessed:
        against = (
            " and no worse than the champion allows" if verdict.champion else "; without a champion to compare with"
        )
        return Gate("Evaluator", True, f"every threshold holds{against}")
    return Gate(
        "Evaluator", False, shortened(verdict.failures) or "not blessed, without a failed threshold; see the log"
    )


def shortened(reasons: Sequence[str]) -> str:
    """The first reasons in one line, and how many more there are."""
    more = f" (and {len(reasons) - _SHOWN} more)" if len(reasons) > _SHOWN else ""
    return "; ".join(reasons[:_SHOWN]) + more


def _anomalies(folder: Path) -> Gate:
    found = [f"{split}: {text}" for split, text in _read_anomalies(folder)]
    if not found:
        return Gate("ExampleValidator", True, "the examples fit the schema")
    # Findings, not a verdict: ExampleValidator stops nothing.
    return Gate("ExampleValidator", None, shortened(found))


def _read_anomalies(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("Split-*/SchemaDiff.pb")):
        anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        split = path.parent.name.removeprefix("Split-")
        for name, info in sorted(anomalies.anomaly_info.items()):
            yield split, f"{name}: {info.short_description.rstrip('.')}: {info.description.rstrip('.')}"
        if anomalies.HasField("dataset_anomaly_info"):
            yield split, anomalies.dataset_anomaly_info.description

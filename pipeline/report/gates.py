"""The verdicts of the gates, from their artifacts: on a cluster, and of a run that did not reach its end."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from components.data_gate import report as data_report
from components.smoke_test import report as smoke_report
from pipeline.report.facts import GateFact
from pipeline.results.evaluation import evaluator_gate, read_verdict
from pipeline.results.store import StoredNode


def stored_gates(nodes: Mapping[str, StoredNode], *, blessed: bool | None = None) -> Iterator[GateFact]:
    """The verdict of each gate that came to its end, in the order of the graph.

    Args:
      nodes: of the run.
      blessed: the Evaluator's blessing; None takes a model without a failed threshold for blessed.

    Raises:
      pydantic.ValidationError: a report is of another version of Lockgate.
    """
    if (verdict := _ended(nodes, "DataGate", "verdict")) is not None:
        said = data_report.read(verdict)
        yield GateFact(name="DataGate", passed=said.blessed, reason=said.reason())
    if (evaluation := _ended(nodes, "Evaluator", "evaluation")) is not None:
        said_of_model = read_verdict(evaluation, blessed=True)
        known = not said_of_model.failures if blessed is None else blessed
        gate = evaluator_gate(replace(said_of_model, blessed=known))
        yield GateFact(name=gate.name, passed=gate.passed, reason=gate.reason)
    if (tested := _ended(nodes, "SmokeTest", "report")) is not None:
        report = smoke_report.read(tested)
        yield GateFact(name="SmokeTest", passed=report.blessed, reason=report.reason())


def _ended(nodes: Mapping[str, StoredNode], name: str, output: str) -> str | None:
    """The folder of its output, where the node came to its end."""
    node = nodes.get(name)
    folder = node.output(output) if node is not None and node.state in ("done", "cached") else None
    return None if folder is None else str(folder)

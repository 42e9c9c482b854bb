"""How a run went: what its nodes and gates say, what to do next, what differs in the data from the run before."""

from pathlib import Path

from support.report_facts import facts

from components.artifacts.reports import REPORT_FILE
from pipeline.report.facts import GateFact, NodeFact, ReportFacts
from pipeline.report.graph_svg import graph_svg
from pipeline.report.run_facts import _with_verdicts, data_changes, next_step, run_line

NOW = facts()


def changes(tmp_path: Path, earlier: str) -> list[tuple[str, str, str]]:
    """Of a run after one with this report; `facts` has a column `age` and one with a hostile name."""
    before = tmp_path / str(NOW.run.before)
    before.mkdir()
    (before / REPORT_FILE).write_text(earlier, encoding="utf-8")
    return [(each.what, each.old, each.new) for each in data_changes(NOW, tmp_path / NOW.run.id)]


def earlier(rows: dict[str, int], *columns: str) -> ReportFacts:
    assert NOW.data is not None
    kept = [each for each in NOW.data.features if each.name in columns]
    other = kept[0].model_copy(update={"name": "height"})
    return facts(data=NOW.data.model_copy(update={"rows": rows, "features": (*kept, other)}))


def test_rows_and_columns_that_differ(tmp_path: Path) -> None:
    assert NOW.data is not None
    names = [each.name for each in NOW.data.features]
    report = earlier({"train": 70, "eval": 10, "test": 9}, *names)
    assert changes(tmp_path, report.to_json()) == [
        ("rows in train", "70", "80"),
        ("rows in test", "9", "10"),
        ("column height", "there", "gone"),
    ]


def test_the_same_data_differ_in_nothing(tmp_path: Path) -> None:
    assert changes(tmp_path, NOW.to_json()) == []


def test_a_run_before_without_data_or_without_a_report_says_nothing(tmp_path: Path) -> None:
    assert changes(tmp_path, facts(data=None).to_json()) == []
    (tmp_path / str(NOW.run.before) / REPORT_FILE).unlink()
    assert list(data_changes(NOW, tmp_path / NOW.run.id)) == []


def test_a_damaged_report_is_told_and_stops_nothing(tmp_path: Path) -> None:
    [(what, old, new)] = changes(tmp_path, "{")
    assert (what, new) == ("data", "")
    assert old.startswith("not known: ")


def test_a_gate_that_refuses_and_a_pusher_that_pushed_nothing_do_not_look_done() -> None:
    nodes = [NodeFact(name=each, state="done", seconds=1.0) for each in ("DataGate", "Evaluator", "Pusher")]
    gates = [GateFact(name=name, passed=name != "Evaluator", reason="") for name in ("DataGate", "Evaluator")]
    told = list(_with_verdicts(nodes, gates, refused=True))
    assert [each.verdict for each in told] == ["", "refuses", "pushed nothing"]
    drawn = str(graph_svg(told))
    assert "✓ DataGate" in drawn
    assert "✗ Evaluator" in drawn
    assert "refuses, 1.0 s" in drawn
    assert "○ Pusher" in drawn
    assert [each.verdict for each in _with_verdicts(nodes, (), refused=False)] == ["", "", ""]


def test_a_failure_is_told_in_one_line_and_the_next_step_is_its_own(tmp_path: Path) -> None:
    error = "training: the loss is not a number\n  next: lower train.learning_rate"
    result = {"state": "failed", "component": "Trainer", "error": error, "next_step": "lower train.learning_rate"}
    assert run_line(result) == "failed in Trainer: training: the loss is not a number"
    assert next_step(result, tmp_path).startswith("lower train.learning_rate; then run the pipeline again")
    # Of an older version, or of an error that names none.
    assert next_step({**result, "next_step": ""}, tmp_path).startswith("read the message below")

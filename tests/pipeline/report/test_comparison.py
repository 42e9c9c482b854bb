"""Two runs side by side, on the page and on the terminal."""

import io
from typing import Any

import lxml.html
import pytest
from support.report_facts import HOSTILE, facts, scores

from pipeline.report.comparison import compare
from pipeline.report.facts import ReportFacts
from pipeline.report.page import render
from pipeline.report.trained import Curve
from pipeline.screen.runs_table import comparison_tables


@pytest.fixture(scope="module")
def now() -> ReportFacts:
    return facts()


@pytest.fixture(scope="module")
def other(now: ReportFacts) -> ReportFacts:
    """Trained for three epochs; its metrics and the rows below the threshold differ."""
    assert now.training is not None
    assert now.evaluation is not None
    curve = Curve(name="loss", split="eval", epochs=(1, 2, 3), values=(0.9, 0.8, 0.75))
    alone = Curve(name="of this run alone", split="eval", epochs=(1,), values=(1.0,))
    first, *rest = now.evaluation.metrics
    metric = first.model_copy(update={"candidate": 0.25, "interval": (0.125, 0.375)})
    score = scores("candidate")
    another_class = score.model_copy(update={"of": "a class that this run does not draw"})
    return now.model_copy(
        update={
            "run": now.run.model_copy(update={"id": "20261129T000000Z"}),
            "training": now.training.model_copy(update={"curves": (curve, alone)}),
            "evaluation": now.evaluation.model_copy(
                update={"metrics": (metric, *rest), "scores": (score, another_class, scores("champion"))}
            ),
        }
    )


@pytest.fixture(scope="module")
def tree(now: ReportFacts, other: ReportFacts) -> Any:
    return lxml.html.fromstring(render(now.model_copy(update={"against": compare(now, other)})))


def cells(tree: Any, title: str) -> list[list[str | None]]:
    (figure,) = (each for each in tree.iter("figure") if "".join(each.find("figcaption").itertext()).strip() == title)
    return [[cell.text for cell in row.iter("td")] for row in figure.find(".//tbody")]


def test_the_curves_of_both_trainings_are_in_one_chart(tree: Any) -> None:
    assert cells(tree, "loss by epoch, both runs") == [
        ["this run", "train", "1", "0.7"],
        ["this run", "train", "2", "0.5"],
        ["this run", "eval", "1", "0.6"],
        ["this run", "eval", "2", "0.65"],
        ["other run", "eval", "1", "0.9"],
        ["other run", "eval", "2", "0.8"],
        ["other run", "eval", "3", "0.75"],
    ]
    assert "of this run alone" not in "".join(tree.itertext())


def test_what_both_candidates_tell_apart_is_drawn_together(tree: Any) -> None:
    roc = cells(tree, "ROC curve, both runs")
    assert {(row[0], row[1]) for row in roc} == {(HOSTILE, "this run"), (HOSTILE, "other run")}
    assert [row[3:] for row in roc if row[1] == "other run"] == [["1.0", "1.0"], ["0.25", "1.0"], ["0.0", "0.0"]]
    assert {row[1] for row in cells(tree, "Precision-recall curve, both runs")} == {"this run", "other run"}
    assert {row[1] for row in cells(tree, "Calibration, both runs")} == {"this run", "other run"}


def test_metrics_have_the_intervals_of_both(now: ReportFacts, other: ReportFacts, tree: Any) -> None:
    assert now.evaluation is not None
    first = now.evaluation.metrics[0]
    assert first.interval is not None
    pair = compare(now, other).metrics[0]
    assert (pair.now_interval, pair.other_interval) == (first.interval, (0.125, 0.375))
    section = " ".join("".join(tree.get_element_by_id("against").getparent().itertext()).split())
    assert "0.25 (0.125 to 0.375)" in section
    text = " ".join(comparison_tables(compare(now, other), io.StringIO()).split())
    assert "0.25 (0.125 to 0.375)" in text


def test_a_run_without_a_model_has_no_curves_of_both(now: ReportFacts, other: ReportFacts) -> None:
    stopped = other.model_copy(update={"training": None, "evaluation": None})
    page = render(now.model_copy(update={"against": compare(now, stopped)}))
    assert "both runs</figcaption>" not in page
    assert "Curves of both" not in page

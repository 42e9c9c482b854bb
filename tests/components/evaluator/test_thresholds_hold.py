"""Thresholds on the metrics of the catalog, through the Evaluator: what refuses a model, and what is said of it."""

from pathlib import Path
from typing import Any

import pytest
from support.evaluations import Case, Row, outcome

from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.results.evaluation import EvaluatorVerdict, read_verdict
from preprocessing.config import Task

pytestmark = pytest.mark.slow


def judged(folder: Path, task: Task, rows: list[Row], *thresholds: Threshold, **changes: Any) -> EvaluatorVerdict:
    """The verdict on the column `candidate` of these rows, with `baseline` as the champion."""
    evaluate = EvaluateConfig(thresholds=thresholds, slices=(("city",),), **changes)
    full = [{"w": 1.0, "hour": 1, "size": 1.0, "tags": None} | row for row in rows]
    results = outcome(folder, Case(task, full, evaluate, skill=False), "auto")
    return read_verdict(str(folder / "auto/evaluation"), blessed=results.blessing["blessed"] == {"intValue": "1"})


def test_two_classes(tmp_path: Path) -> None:
    answers = [(1, 0.9), (1, 0.8), (1, 0.4), (0, 0.7), (0, 0.3), (0, 0.2), (0, 0.1), (0, 0.1)]
    rows: list[Row] = [
        {
            "y": float(label),
            "candidate": [1 - score, score],
            "baseline": [float(label == 0), float(label == 1)],
            "city": "Ulm" if at % 2 else "Bonn",
        }
        for at, (label, score) in enumerate(answers)
    ]
    # Of three positive rows two are found, beside one false alarm: 2 * 2 / (2 * 2 + 1 + 1).
    holds = Threshold(metric="f1", min=0.66)
    assert judged(tmp_path / "holds", "binary", rows, holds, Threshold(metric="auc", min=0.93)).blessed
    verdict = judged(
        tmp_path / "fails",
        "binary",
        rows,
        holds.model_copy(update={"max_regression": 0.3}),
        # 14 of 15 pairs are in order.
        Threshold(metric="gini", min=0.9),
        # Down to 0.8 every row is positive, and they are two of three; then precision is 3 / 4 at most.
        Threshold(metric="recall_at_precision", min=0.7),
        Threshold(metric="recall", min=0.8, slice_by=("city",)),
    )
    assert not verdict.blessed
    assert sorted(verdict.failures) == [
        "f1 (decision threshold 0.5) is -0.3333 (change against the champion), expected at least -0.3",
        "gini is 0.8667, expected at least 0.9",
        "recall (decision threshold 0.5) on city=Bonn is 0.5, expected at least 0.8",
        "recall_at_precision (precision 0.9) is 0.6667, expected at least 0.7",
    ]
    assert list(verdict.metrics)[:3] == ["accuracy", "balanced_accuracy", "precision"]
    assert verdict.champion["f1"] == 1.0


def test_several_classes(tmp_path: Path) -> None:
    def row(label: int, answer: int, city: str) -> Row:
        certain = [0.1, 0.1, 0.1]
        certain[answer] = 0.8
        return {"y": float(label), "candidate": certain, "baseline": certain, "city": city}

    rows = [row(0, 0, "Ulm"), row(0, 1, "Ulm"), row(1, 1, "Bonn"), row(2, 2, "Bonn"), row(2, 0, "Bonn")]
    verdict = judged(
        tmp_path,
        "multiclass",
        rows,
        Threshold(metric="recall", of_class="class 2", min=0.6, max_regression=0.0),
        Threshold(metric="recall", of_class="class 1", min=1.0),
        Threshold(metric="precision", of_class="class 2", min=0.5, slice_by=("city",)),
        Threshold(metric="recall", of_class="class 7", min=0.5),
        Threshold(metric="macro_f1", min=0.6),
    )
    # F1 is 2 / 4, 2 / 3 and 2 / 3.
    assert verdict.metrics["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 2 / 3) / 3)
    assert verdict.metrics["recall of class 0"] == 0.5
    assert sorted(verdict.failures) == [
        "precision of class 2 on city=Ulm is undefined: no row was predicted as the class 'class 2'; expected at "
        "least 0.5",
        "recall of class 2 is 0.5, expected at least 0.6",
        "recall of class 7 is undefined: no row's label is the class 'class 7'; expected at least 0.5",
    ]


def test_numbers(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"y": y, "candidate": [p], "baseline": [y], "city": city}
        for y, p, city in [(10.0, 11.0, "Ulm"), (20.0, 17.0, "Ulm"), (30.0, 30.0, "Bonn"), (40.0, 44.0, "Bonn")]
    ]
    verdict = judged(
        tmp_path,
        "regression",
        rows,
        # 1 - 26 / 500.
        Threshold(metric="r2", min=0.94, max_regression=0.05),
        Threshold(metric="median_absolute_error", max=2.0),
        Threshold(metric="quantile_loss_0.9", max=1.0, max_regression=0.5),
        Threshold(metric="within_percent", min=90.0, slice_by=("city",)),
    )
    # 0.9 for each unit too low, 0.1 for each too high: (0.1 + 2.7 + 0 + 0.4) / 4.
    assert verdict.metrics["quantile_loss_0.9"] == pytest.approx(0.8)
    assert sorted(verdict.failures) == [
        "quantile_loss_0.9 is 0.8 (change against the champion), expected at most 0.5",
        "r2 is -0.052 (change against the champion), expected at least -0.05",
        "within_percent (within percent 10) on city=Ulm is 50, expected at least 90",
    ]

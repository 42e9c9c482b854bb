"""Metrics without a value: no threshold lets one pass, and the refusal says why there is none."""

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from support.evaluations import Case, Row, outcome

from components.evaluator.catalog import CATALOG, lower_is_better, names
from components.evaluator.config import MetricParameters
from components.evaluator.undefined import why_undefined
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.results.evaluation import EvaluatorVerdict, read_verdict
from preprocessing.config import Task

ONE_CLASS = "every row's label is of the same class"
NO_POSITIVE = "no row's label is the positive class"
NOT_A_NUMBER = "a prediction is not a number"


def judged(folder: Path, task: Task, rows: list[Row], thresholds: Iterable[Threshold]) -> EvaluatorVerdict:
    evaluate = EvaluateConfig(thresholds=tuple(thresholds), slices=(("city",),))
    full = [{"w": 1.0, "hour": 1, "size": 1.0, "tags": None, "city": "Ulm"} | row for row in rows]
    results = outcome(folder, Case(task, full, evaluate, skill=False), "auto")
    blessed = results.blessing["blessed"] == {"intValue": "1"}
    return read_verdict(str(folder / "auto/evaluation"), blessed=blessed)


def of_all(task: Task, **more: bool) -> Iterable[Threshold]:
    """A threshold on every metric that each number keeps."""
    single = {metric.name for metric in CATALOG[task] if metric.of_class}
    for name in names(task, MetricParameters()):
        bound = {"max": 1e9} if lower_is_better(task, name) else {"min": -1e9}
        of_class = {"of_class": "class 1"} if name in single else {}
        yield Threshold.model_validate({"metric": name, **bound, **of_class, **more})


def reasons(verdict: EvaluatorVerdict) -> dict[str, str]:
    """Why each metric is undefined, by its name and its slice, from the refusals; the others are without intervals."""
    found = {}
    for failure in verdict.failures:
        name, said, why = failure.partition(" is undefined: ")
        assert said or "without a confidence interval" in failure, failure
        if said:
            found[name.replace(" (decision threshold 0.5)", "")] = why.partition("; expected at ")[0]
    return found


def two_classes(*rows: tuple[int, float]) -> list[Row]:
    return [{"y": float(label), "candidate": [1 - p, p], "baseline": [1 - p, p]} for label, p in rows]


def numbers(*rows: tuple[float, float]) -> list[Row]:
    return [{"y": float(label), "candidate": [float(p)], "baseline": [float(p)]} for label, p in rows]


@pytest.mark.slow
@pytest.mark.parametrize("confident", [False, True])
def test_one_class_and_no_positive_answer(tmp_path: Path, confident: bool) -> None:
    rows = two_classes((0, 0.1), (0, 0.2), (0, 0.4))
    verdict = judged(tmp_path, "binary", rows, of_all("binary", confident=confident))
    assert not verdict.blessed
    undefined = {
        "balanced_accuracy": ONE_CLASS,
        "precision": "no row was predicted positive",
        "recall": NO_POSITIVE,
        "f1": "no row is positive, and none was predicted to be",
        "mcc": ONE_CLASS,
        "auc": ONE_CLASS,
        "auc_pr": NO_POSITIVE,
        "gini": ONE_CLASS,
        "ks": ONE_CLASS,
        "recall_at_precision (precision 0.9)": NO_POSITIVE,
        "precision_at_recall (recall 0.9)": NO_POSITIVE,
        "calibration": "the labels add up to 0",
    }
    assert reasons(verdict) == undefined


@pytest.mark.slow
def test_labels_that_are_all_zero(tmp_path: Path) -> None:
    verdict = judged(tmp_path, "regression", numbers((0, 0.1), (0, -0.2), (0, 0.4)), of_all("regression"))
    assert reasons(verdict) == {
        "r2": "the labels do not vary",
        "mape": "every label is 0",
        "calibration": "the labels add up to 0",
    }


@pytest.mark.slow
def test_an_answer_that_is_no_number_is_the_reason_for_all(tmp_path: Path) -> None:
    verdict = judged(tmp_path, "regression", numbers((1, 1.5), (3, math.nan), (2, 2.5)), of_all("regression"))
    assert set(reasons(verdict).values()) == {NOT_A_NUMBER}
    assert len(verdict.failures) == len(names("regression", MetricParameters()))


@pytest.mark.slow
def test_several_classes_of_which_one_is_never_answered(tmp_path: Path) -> None:
    rows: list[Row] = [
        {"y": 0.0, "candidate": [0.8, 0.1, 0.1], "baseline": [0.8, 0.1, 0.1]},
        {"y": 0.0, "candidate": [0.5, 0.1, 0.4], "baseline": [0.5, 0.1, 0.4]},
    ]
    verdict = judged(tmp_path, "multiclass", rows, of_all("multiclass"))
    assert reasons(verdict) == {
        "macro_auc": ONE_CLASS,
        "precision of class 1": "no row was predicted as the class 'class 1'",
        "recall of class 1": "no row's label is the class 'class 1'",
    }


@pytest.mark.slow
def test_one_class_in_a_slice(tmp_path: Path) -> None:
    rows = two_classes((0, 0.1), (0, 0.2)) + [row | {"city": "Bonn"} for row in two_classes((1, 0.9), (0, 0.2))]
    sliced = [Threshold(metric=name, min=0.0, slice_by=("city",)) for name in ("recall", "f1", "mcc", "precision")]
    assert reasons(judged(tmp_path, "binary", rows, sliced)) == {
        "recall on city=Ulm": NO_POSITIVE,
        "f1 on city=Ulm": "no row is positive, and none was predicted to be",
        "mcc on city=Ulm": ONE_CLASS,
        "precision on city=Ulm": "no row was predicted positive",
    }


@pytest.mark.slow
def test_a_change_is_undefined_by_the_champion_or_by_the_candidate(tmp_path: Path) -> None:
    threshold = Threshold(metric="precision", min=0.0, max_regression=0.1)
    rows = two_classes((1, 0.9), (0, 0.2))
    silent = [row | {"baseline": [0.9, 0.1]} for row in rows]
    assert judged(tmp_path / "champion", "binary", silent, [threshold]).failures == (
        "precision (decision threshold 0.5) is undefined for the champion: no row was predicted positive (change "
        "against the champion); expected at least -0.1",
    )
    silent = [row | {"candidate": [0.9, 0.1]} for row in rows]
    why = "precision (decision threshold 0.5) is undefined: no row was predicted positive"
    assert sorted(judged(tmp_path / "candidate", "binary", silent, [threshold]).failures) == [
        f"{why} (change against the champion); expected at least -0.1",
        f"{why}; expected at least 0",
    ]


@pytest.mark.parametrize(
    ("name", "metrics", "why"),
    [
        ("precision", {"log_loss": 0.3}, "no row was predicted positive"),
        ("precision", {"log_loss": math.nan}, NOT_A_NUMBER),
        ("precision", {"log_loss": math.nan, "weighted_example_count": 0.0}, "every row has the weight 0"),
        ("profit", {"log_loss": 0.3}, "its function gave no number for these rows"),
        ("profit", {"log_loss": math.nan}, NOT_A_NUMBER),
        ("tree_skill", {"log_loss": 0.3}, "the small tree is always right"),
        ("r2", {"mae": math.inf}, "a prediction is infinite"),
    ],
)
def test_the_reason_is_told_by_the_other_metrics(name: str, metrics: dict[str, float], why: str) -> None:
    assert why_undefined("binary", name, metrics) == why

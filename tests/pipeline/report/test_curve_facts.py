"""What the report takes from an evaluation's plots, beside scikit-learn and NumPy."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics
from support.evaluations import CLASSES, Case, Row, outcome

from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.report.curve_facts import Curves, curves
from preprocessing.config import Task

pytestmark = pytest.mark.slow


def table(task: Task, rows: int) -> list[Row]:
    random = np.random.default_rng(rows)
    found: list[Row] = []
    for _ in range(rows):
        label = int(random.integers(9 if task == "regression" else CLASSES[task]))
        if task == "regression":
            answers = [[float(np.float32(label + random.normal()))] for _ in range(2)]
        else:
            near = np.eye(CLASSES[task])[label] * 0.4
            answers = [[float(x) for x in random.dirichlet(np.ones(CLASSES[task])) * 0.6 + near] for _ in range(2)]
        weight = float(random.choice([0.0, 1.0, 2.5]))
        found.append({"y": float(label), "w": weight, "candidate": answers[0], "baseline": answers[1]})
    return found


def drawn(folder: Path, task: Task, rows: list[Row], names: tuple[str, ...]) -> Curves:
    metric = "mae" if task == "regression" else "log_loss"
    evaluate = EvaluateConfig(thresholds=(Threshold(metric=metric, max=1e9),))
    outcome(folder, Case(task, rows, evaluate, skill=False), "auto")
    return curves(folder / "auto/evaluation", names)


def test_of_two_classes(tmp_path: Path) -> None:
    rows = table("binary", 80)
    found = drawn(tmp_path, "binary", rows, ("no", "yes"))
    assert [(each.model, each.of) for each in found.scores] == [("candidate", "yes"), ("champion", "yes")]
    label, weight = (np.array([row[name] for row in rows]) for name in ("y", "w"))
    for each, column in zip(found.scores, ("candidate", "baseline"), strict=True):
        score = np.array([row[column][1] for row in rows], np.float32).astype(float)
        area = metrics.auc([p.false_alarms or 0.0 for p in each.points], [p.recall or 0.0 for p in each.points])
        assert area == pytest.approx(metrics.roc_auc_score(label, score, sample_weight=weight))
        expected = np.histogram(score[label == 1], 50, (0, 1), weights=weight[label == 1])[0]
        assert [one.positive for one in each.bins] == pytest.approx(expected)
        if column == "candidate":
            matrix = metrics.confusion_matrix(label, score > 0.5, sample_weight=weight)
            cells = {(cell.actual, cell.predicted): cell.rows for cell in found.confusion}
            names = ("no", "yes")
            assert cells == pytest.approx(
                {(a, b): matrix[i, j] for i, a in enumerate(names) for j, b in enumerate(names)}
            )
            scores = metrics.precision_recall_fscore_support(label, score > 0.5, sample_weight=weight)
            quality = {one.name: (one.precision, one.recall, one.f1, one.rows) for one in found.classes}
            assert quality["yes"] == pytest.approx([part[1] for part in scores])
            assert quality["no"] == pytest.approx([part[0] for part in scores])
    assert found.decision_threshold == 0.5
    assert found.errors == ()


def test_of_several_classes(tmp_path: Path) -> None:
    rows, names = table("multiclass", 90), ("a", "b", "c")
    found = drawn(tmp_path, "multiclass", rows, names)
    assert {(each.model, each.of) for each in found.scores} == {
        (m, n) for m in ("candidate", "champion") for n in names
    }
    label, weight = (np.array([row[name] for row in rows]) for name in ("y", "w"))
    answers = np.array([row["candidate"] for row in rows], np.float32).astype(float)
    for each in found.scores[:3]:
        k = names.index(each.of)
        area = metrics.auc([p.false_alarms or 0.0 for p in each.points], [p.recall or 0.0 for p in each.points])
        assert area == pytest.approx(metrics.roc_auc_score(label == k, answers[:, k], sample_weight=weight))
    matrix = metrics.confusion_matrix(label, answers.argmax(axis=1), sample_weight=weight)
    cells = {(each.actual, each.predicted): each.rows for each in found.confusion}
    assert cells == pytest.approx(
        {(a, b): matrix[i, j] for i, a in enumerate(names) for j, b in enumerate(names) if matrix[i, j]}
    )
    f1 = metrics.f1_score(label, answers.argmax(axis=1), sample_weight=weight, average=None)
    assert [each.f1 for each in found.classes] == pytest.approx(sorted(f1))


def test_of_numbers(tmp_path: Path) -> None:
    rows = table("regression", 70)
    found = drawn(tmp_path, "regression", rows, ())
    assert [each.model for each in found.errors] == ["candidate", "champion"]
    weight = np.array([row["w"] for row in rows])
    errors = np.array([row["candidate"][0] - row["y"] for row in rows])
    # The weights are halves: a row of 2.5 is there five times.
    every = np.repeat(errors, (2 * weight).astype(int))
    first = found.errors[0]
    assert first.quantiles == pytest.approx(
        {f"{q:g}": np.quantile(every, q, method="inverted_cdf") for q in map(float, first.quantiles)}, abs=1e-5
    )
    assert sum(each.share for each in first.bins) + sum(first.outside) == pytest.approx(1)
    assert sum(each.share for each in first.grid) == pytest.approx(1)
    mean = sum(cell.share * sum(cell.actual) / 2 for cell in first.grid)
    assert mean == pytest.approx(np.average([row["y"] for row in rows], weights=weight), abs=0.2)
    assert (found.scores, found.confusion, found.classes) == ((), (), ())

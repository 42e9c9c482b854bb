"""The metrics over folds, their spread and the thresholds on it, worked out a second time."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.artifacts.cross_validation import (
    CrossValidationConfig,
    FoldReport,
    FoldReports,
    FoldThreshold,
    MetricSpread,
    Spread,
)
from components.evaluator.cross_validation import failures, judge_folds, metrics, spread
from components.evaluator.totals import Answers
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.nodes.evaluation import eval_config
from preprocessing.config import FeaturesConfig, Label
from preprocessing.number_config import NumericFeature

FOLDS = 3


def asked(task, weighted=True):
    """The Evaluator's configuration, with a slice, thresholds and a metric of one's own, which are not for folds."""
    name = "rmse" if task == "regression" else "accuracy"
    thresholds = (Threshold(metric=name, min=0.0, max_regression=0.1), Threshold(metric=name, min=0, slice_by=("c",)))
    features = FeaturesConfig(
        label=Label(column="y", task=task), weight="w" if weighted else None, numeric=(NumericFeature(columns=("x",)),)
    )
    return eval_config(
        EvaluateConfig(thresholds=thresholds, slices=(("c",),), metrics=("support.own_metrics.raises",)), features
    )


def answers(task, number, rows=80):
    random = np.random.default_rng(number)
    weight = random.integers(1, 4, rows).astype(float)
    if task == "regression":
        label = random.normal(5, 2, rows)
        return Answers(label, (label + random.normal(0, 0.5, rows)).astype(np.float32).astype(float), weight)
    classes = 2 if task == "binary" else 3
    probabilities = random.dirichlet(np.ones(classes), rows).astype(np.float32).astype(float)
    return Answers(random.integers(0, classes, rows).astype(float), probabilities, weight)


def by_scikit_learn(task, given):
    label, prediction, weight = given.label, given.prediction, given.weight
    if task == "regression":
        return {
            "rmse": sk.mean_squared_error(label, prediction, sample_weight=weight) ** 0.5,
            "mae": sk.mean_absolute_error(label, prediction, sample_weight=weight),
        }
    best = prediction.argmax(axis=1)
    found = {
        "accuracy": sk.accuracy_score(label, best, sample_weight=weight),
        "log_loss": sk.log_loss(label, prediction, sample_weight=weight, labels=range(prediction.shape[1])),
    }
    if task == "binary":
        found["brier"] = sk.brier_score_loss(label, prediction[:, 1], sample_weight=weight)
    return found


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_metrics_of_held_out_rows_are_the_evaluators(task):
    given = answers(task, 1)
    got = metrics(asked(task), given)
    for name, value in by_scikit_learn(task, given).items():
        assert got[name] == pytest.approx(value, abs=1e-6), name
    assert not {"example_count", "raises"} & got.keys()
    if task == "binary":
        positive = given.prediction[:, 1]
        assert got["auc"] == pytest.approx(
            sk.roc_auc_score(given.label, positive, sample_weight=given.weight), abs=1e-3
        )


def test_mean_and_sample_deviation():
    found = spread([0.8, 0.9, 1.0])
    assert found.mean == pytest.approx(0.9)
    assert found.deviation == pytest.approx(0.1)  # squares 0.01 + 0 + 0.01, by 3 - 1
    assert found.folds == (0.8, 0.9, 1.0)
    assert spread([0.8, float("nan")]) == MetricSpread(mean=None, deviation=None, folds=(0.8, None))


def test_a_threshold_holds_for_the_mean_less_or_plus_deviations():
    spreads = {
        "accuracy": MetricSpread(mean=0.9, deviation=0.05, folds=(0.85, 0.95)),
        "log_loss": MetricSpread(mean=0.5, deviation=0.1, folds=(0.4, 0.6)),
        "auc": MetricSpread(mean=None, deviation=None, folds=(0.4, None)),
    }

    def failed(**threshold):
        return list(failures((FoldThreshold(**threshold),), spreads, "binary"))

    assert failed(metric="accuracy", min=0.84, deviations=1) == []
    assert failed(metric="accuracy", min=0.9, deviations=0) == []
    assert failed(metric="log_loss", max=0.61, deviations=1) == []
    assert failed(metric="log_loss", min=0.3, max=0.8, deviations=2) == []
    assert failed(metric="accuracy", min=0.86) == [
        "accuracy is 0.85 over 2 folds (train.cross_validation): mean 0.9 less 1 x deviation 0.05, expected at least "
        "0.86"
    ]
    assert failed(metric="log_loss", max=0.65, deviations=2) == [
        "log_loss is 0.7 over 2 folds (train.cross_validation): mean 0.5 plus 2 x deviation 0.1, expected at most 0.65"
    ]
    assert failed(metric="auc", min=0.1, max=0.9) == [
        "auc over 2 folds (train.cross_validation) is undefined in fold 2: every row's label is of the same class; "
        "expected at least 0.1 and at most 0.9"
    ]


def judged(folder: Path, threshold):
    """A blessed evaluation, judged by a threshold on three folds; what is left of it."""
    training = folder / "gathered/training"
    training.mkdir(parents=True)
    reports = []
    for number in range(1, FOLDS + 1):
        report = FoldReport(
            fold=number, train_rows=90, held_out_rows=45, epochs=9, best_epoch=2 * number, monitor="val_loss", best=0.1
        )
        reports.append(report)
        given = answers("binary", number)
        np.savez(training / f"fold-{number}.npz", label=given.label, prediction=given.prediction, weight=given.weight)
    (training / "folds.json").write_text(FoldReports(folds=tuple(reports)).model_dump_json())
    artifacts = {}
    for name, kind in (
        ("gathered", standard_artifacts.Model),
        ("evaluation", standard_artifacts.ModelEvaluation),
        ("blessing", standard_artifacts.ModelBlessing),
    ):
        artifacts[name] = kind()
        artifacts[name].uri = str(folder / name)
        (folder / name).mkdir(exist_ok=True)
    (folder / "blessing/BLESSED").touch()
    artifacts["blessing"].set_int_custom_property("blessed", 1)
    judge_folds(
        {"folds": [artifacts["gathered"]]},
        {"evaluation": [artifacts["evaluation"]], "blessing": [artifacts["blessing"]]},
        {
            "cross_validation": CrossValidationConfig(folds=FOLDS, thresholds=(threshold,)).to_json(),
            "eval_config": proto_utils.proto_to_json(asked("binary")),
        },
    )
    return artifacts


def test_the_spread_is_beside_the_results_and_a_failed_threshold_takes_the_blessing_away(tmp_path):
    accuracies = [by_scikit_learn("binary", answers("binary", number))["accuracy"] for number in (1, 2, 3)]
    mean, deviation = np.mean(accuracies), np.std(accuracies, ddof=1)
    holds = judged(tmp_path / "holds", FoldThreshold(metric="accuracy", min=mean - deviation - 1e-4))
    assert holds["blessing"].get_int_custom_property("blessed") == 1
    found = Spread.model_validate_json((tmp_path / "holds/evaluation/cross_validation.json").read_text())
    assert found.metrics["accuracy"].folds == pytest.approx(accuracies, abs=1e-6)
    assert found.metrics["accuracy"].mean == pytest.approx(mean, abs=1e-6)
    assert found.metrics["accuracy"].deviation == pytest.approx(deviation, abs=1e-6)
    assert (found.failures, found.epochs) == ((), 4)  # the median of 2, 4 and 6
    evaluation = holds["evaluation"]
    assert evaluation.get_float_custom_property("cross_validated_accuracy") == pytest.approx(mean, abs=1e-6)

    fails = judged(tmp_path / "fails", FoldThreshold(metric="accuracy", min=mean - deviation + 1e-4))
    assert fails["blessing"].get_int_custom_property("blessed") == 0
    assert [each.name for each in (tmp_path / "fails/blessing").iterdir()] == ["NOT_BLESSED"]
    written = json.loads((tmp_path / "fails/evaluation/cross_validation.json").read_text())
    assert "expected at least" in written["failures"][0]


def test_the_epochs_of_the_refit_are_the_upper_median():
    def report(best):
        return FoldReport(
            fold=1, train_rows=1, held_out_rows=1, epochs=9, best_epoch=best, monitor="val_loss", best=0.0
        )

    assert FoldReports(folds=tuple(map(report, (9, 1, 4, 5)))).epochs() == 5


def test_the_spread_in_one_line():
    number = MetricSpread(mean=0.9, deviation=0.05, folds=(0.85, 0.95))
    unknown = MetricSpread(mean=None, deviation=None, folds=(0.4, None))
    report = FoldReport(fold=1, train_rows=1, held_out_rows=1, epochs=9, best_epoch=3, monitor="val_loss", best=0.0)
    metrics_ = {"auc": unknown, "accuracy": number, "recall": number}
    found = Spread(export="refit", folds=(report, report), epochs=3, metrics=metrics_)
    assert found.line(1) == "2 folds: accuracy 0.9 ± 0.05; refit on all of their rows for 3 epochs"
    ensemble = found.model_copy(update={"export": "ensemble"})
    assert ensemble.line().endswith("recall 0.9 ± 0.05; the average of their models is exported")

"""Our metrics: row by row, and through TensorFlow Model Analysis, beside NumPy."""

import math

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.testing.util import assert_that
from tensorflow_model_analysis.evaluators.metrics_plots_and_validations_evaluator import (
    MetricsPlotsAndValidationsEvaluator,
)
from tensorflow_model_analysis.extractors.slice_key_extractor import SliceKeyExtractor
from tensorflow_model_analysis.metrics.metric_types import registered_metrics

from components.evaluator.names import BASELINE, CANDIDATE
from components.evaluator.scoring import binary_scores, multiclass_scores, regression_scores
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.nodes.evaluation import eval_config
from preprocessing.config import FeaturesConfig, Label
from preprocessing.number_config import NumericFeature

RUNNER = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
CERTAIN = -math.log1p(-1e-7)
IMPOSSIBLE = -math.log(1e-7)


def row_scores(scoring, label, prediction):
    """What one row scores, without the scores that it isn't averaged in."""
    scores = scoring(np.array([label], float), np.array([prediction], float))
    return {name: score.values.item() for name, score in scores.items() if np.all(score.counts)}


def test_a_negative_prediction_counts_as_0_in_the_logarithmic_error() -> None:
    scores = row_scores(regression_scores, 3.0, -50.0)
    assert scores["squared_log"] == pytest.approx(math.log(4) ** 2)
    assert scores["squared"] == pytest.approx(53.0**2)


@pytest.mark.parametrize("label", [-1.0, -7.5, math.nan])
def test_a_label_without_a_logarithm_is_no_perfect_prediction(label: float) -> None:
    assert math.isnan(row_scores(regression_scores, label, 1.0)["squared_log"])


def test_the_relative_error_leaves_out_labels_of_0() -> None:
    assert "percentage" not in row_scores(regression_scores, 0, 1.0)
    assert row_scores(regression_scores, -4, -5.0)["percentage"] == pytest.approx(25)


def test_a_prediction_that_is_no_number_makes_every_error_none() -> None:
    scores = row_scores(regression_scores, 2.0, math.nan)
    assert len(scores) == 4
    assert all(math.isnan(score) for score in scores.values())


@pytest.mark.parametrize(
    ("label", "probability", "loss"),
    [(1, 1.0, CERTAIN), (0, 0.0, CERTAIN), (1, 0.0, IMPOSSIBLE), (0, 1.0, IMPOSSIBLE), (0, 0.2, -math.log(0.8))],
)
def test_certain_answers_have_a_finite_log_loss(label: int, probability: float, loss: float) -> None:
    scores = row_scores(binary_scores, label, np.float32(probability))
    assert scores["log_loss"] == pytest.approx(loss, rel=1e-6, abs=1e-9)
    assert scores["squared"] == pytest.approx((label - probability) ** 2)
    assert math.isnan(row_scores(binary_scores, label, math.nan)["log_loss"])


def test_an_unknown_class_is_wrong_and_improbable() -> None:
    # -1 would be the last class, and the most probable one, were it taken for a position.
    assert row_scores(multiclass_scores, -1, [0.1, 0.2, 0.7]) == pytest.approx({"log_loss": IMPOSSIBLE, "correct": 0.0})
    # And of two classes the positive one.
    assert row_scores(binary_scores, -1, 0.9) == pytest.approx({"log_loss": IMPOSSIBLE, "squared": 1.0})
    assert math.isnan(row_scores(binary_scores, -1, math.nan)["log_loss"])


def test_an_answer_of_nan_is_wrong_even_where_nan_counts_as_the_highest() -> None:
    scores = row_scores(multiclass_scores, 1, [0.1, math.nan, 0.7])
    assert scores["correct"] == 0.0
    assert math.isnan(scores["log_loss"])


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_no_name_is_taken_by_tensorflow_model_analysis(task: str) -> None:
    evaluate = EvaluateConfig(thresholds=(Threshold(metric="calibration", min=0),))
    features = FeaturesConfig(label=Label(column="y", task=task), numeric=(NumericFeature(columns=("x",)),))
    [spec] = eval_config(evaluate, features).metrics_specs
    ours = {metric.class_name for metric in spec.metrics if metric.module == "components.evaluator.metrics"}
    assert ours
    assert not ours & set(registered_metrics())


def _evaluated(task, rows, check):
    """Evaluates (label, candidate, baseline, weight, group); `check` gets each slice's metrics by model and name."""
    evaluate = EvaluateConfig(
        thresholds=(Threshold(metric="rmse" if task == "regression" else "log_loss", max=1, max_regression=0.1),),
        slices=(("group",),),
    )
    label = Label(column="y", task=task)
    config = eval_config(evaluate, FeaturesConfig(label=label, numeric=(NumericFeature(columns=("x",)),)))
    for model in config.model_specs:
        model.label_key, model.prediction_key, model.example_weight_key = "", "", "w"
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=True)
    extracts = [
        {
            "labels": {model: np.array([y]) for model in (CANDIDATE, BASELINE)},
            "predictions": {CANDIDATE: np.atleast_1d(candidate), BASELINE: np.atleast_1d(baseline)},
            "example_weights": {model: np.array([weight]) for model in (CANDIDATE, BASELINE)},
            "features": {"group": np.array([group])},
        }
        for y, candidate, baseline, weight, group in rows
    ]

    def check_all(results):
        by_slice = {
            "".join(value for _, value in keys): {
                ("change" if key.is_diff else key.model_name, key.name): value for key, value in metrics.items()
            }
            for keys, metrics in results
        }
        assert set(by_slice) == {"", *(group for *_, group in rows)}
        assert not [key for metrics in by_slice.values() for key in metrics if key[1].startswith("_")]
        check(by_slice)

    with beam.Pipeline(RUNNER) as pipeline:
        results = (
            pipeline
            | beam.Create(extracts)
            | SliceKeyExtractor(eval_config=config).ptransform
            | MetricsPlotsAndValidationsEvaluator(config).ptransform
        )
        assert_that(results["metrics"], check_all)


@pytest.mark.slow
def test_regression_with_weights_slices_and_a_champion() -> None:
    rows = [
        (10.0, 12.0, 10.0, 1.0, "a"),
        (20.0, 16.0, -5.0, 3.0, "a"),
        (0.0, 1.0, 1.0, 2.0, "b"),
        (7.0, math.nan, 7.0, 0.0, "b"),  # of no weight
    ]
    y, candidate, baseline, w = (np.array(column) for column in list(zip(*rows, strict=True))[:4])

    def expected(p, chosen):
        squares, logs = (y - p) ** 2, (np.log1p(y) - np.log1p(np.maximum(p, 0))) ** 2
        inside = [i for i in chosen if y[i]]
        relative = np.average(abs((y - p) / np.where(y, y, 1))[inside], weights=w[inside]) if inside else math.nan
        return {
            "rmse": np.average(squares[chosen], weights=w[chosen]) ** 0.5,
            "rmsle": np.average(logs[chosen], weights=w[chosen]) ** 0.5,
            "mae": np.average(abs(y - p)[chosen], weights=w[chosen]),
            "mape": 100 * relative,
        }

    wanted = {
        name: {CANDIDATE: expected(candidate, chosen), BASELINE: expected(baseline, chosen)}
        for name, chosen in {"": [0, 1, 2], "a": [0, 1], "b": [2]}.items()
    }
    assert wanted[""][CANDIDATE]["rmse"] == pytest.approx(3)  # by hand: (4 + 3 * 16 + 2) / 6 = 9

    def check(by_slice):
        for name, models in wanted.items():
            got = by_slice[name]
            for metric, value in models[CANDIDATE].items():
                champion = models[BASELINE][metric]
                assert got[CANDIDATE, metric] == pytest.approx(value, nan_ok=True), metric
                assert got[BASELINE, metric] == pytest.approx(champion, nan_ok=True), metric
                assert got["change", metric] == pytest.approx(value - champion, nan_ok=True), metric

    _evaluated("regression", rows, check)


@pytest.mark.slow
def test_classes_with_an_unknown_one_and_a_certain_answer() -> None:
    rows = [
        (0, [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], 2.0, "a"),
        (2, [0.0, 1.0, 0.0], [0.3, 0.3, 0.4], 1.0, "b"),
        (-1, [0.1, 0.1, 0.8], [0.2, 0.4, 0.4], 1.0, "b"),
    ]

    def check(by_slice):
        got = by_slice[""]
        assert got[CANDIDATE, "accuracy"] == pytest.approx(2 / 4)
        assert got[BASELINE, "accuracy"] == pytest.approx(1 / 4)
        losses = -2 * math.log(0.7) + 2 * IMPOSSIBLE, -2 * math.log(0.1) - math.log(0.4) + IMPOSSIBLE
        assert got[CANDIDATE, "log_loss"] == pytest.approx(losses[0] / 4)
        assert got[BASELINE, "log_loss"] == pytest.approx(losses[1] / 4)
        assert got["change", "log_loss"] == pytest.approx((losses[0] - losses[1]) / 4)
        assert by_slice["a"][CANDIDATE, "accuracy"] == 1.0
        assert by_slice["b"][CANDIDATE, "accuracy"] == 0.0

    _evaluated("multiclass", rows, check)


@pytest.mark.slow
def test_the_positive_classs_log_loss_and_brier_score() -> None:
    rows = [
        (1, [0.0, 1.0], [0.4, 0.6], 1.0, "a"),
        (0, [0.0, 1.0], [0.9, 0.1], 3.0, "a"),
    ]

    def check(by_slice):
        got = by_slice[""]
        assert got[CANDIDATE, "log_loss"] == pytest.approx((CERTAIN + 3 * IMPOSSIBLE) / 4)
        assert got[BASELINE, "log_loss"] == pytest.approx((-math.log(0.6) - 3 * math.log(0.9)) / 4)
        assert got[CANDIDATE, "brier"] == pytest.approx(3 / 4)
        assert got[BASELINE, "brier"] == pytest.approx((0.16 + 3 * 0.01) / 4)
        assert got["change", "brier"] == pytest.approx(3 / 4 - 0.19 / 4)

    _evaluated("binary", rows, check)

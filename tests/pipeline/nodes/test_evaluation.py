"""The Evaluator's configuration and metrics, run through TFMA itself on rows small enough to work out by hand."""

import math

import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.catalog import names
from components.evaluator.config import MetricParameters
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.nodes.evaluation import eval_config
from pipeline.results.evaluation import read_verdict
from preprocessing.config import FeaturesConfig, Label
from preprocessing.number_config import NumericFeature

pytestmark = pytest.mark.slow


def _features(task, **more):
    return FeaturesConfig(label=Label(column="y", task=task), numeric=(NumericFeature(columns=("x",)),), **more)


def _evaluate(*thresholds, slices=()):
    return EvaluateConfig(thresholds=thresholds, slices=slices)


def test_thresholds_become_bounds_with_the_right_direction():
    config = eval_config(
        _evaluate(
            Threshold(metric="auc", min=0.7, max_regression=0.02),
            Threshold(metric="log_loss", max=0.5, max_regression=0.1, slice_by=("x",)),
            slices=(("x",),),
        ),
        _features("binary"),
    )
    by_name = {text_format.MessageToString(metric): metric for metric in config.metrics_specs[0].metrics}
    auc = next(metric for text, metric in by_name.items() if '\\"auc\\"' in text)
    loss = next(metric for text, metric in by_name.items() if '\\"log_loss\\"' in text)
    [auc_bound], [loss_bound] = auc.per_slice_thresholds, loss.per_slice_thresholds
    assert list(auc_bound.slicing_specs) == [config_pb2.SlicingSpec()]
    assert auc_bound.threshold.value_threshold.lower_bound.value == 0.7
    assert auc_bound.threshold.change_threshold.absolute.value == pytest.approx(-0.02)
    assert auc_bound.threshold.change_threshold.direction == config_pb2.HIGHER_IS_BETTER
    assert list(loss_bound.slicing_specs[0].feature_keys) == ["x"]
    assert loss_bound.threshold.value_threshold.upper_bound.value == 0.5
    assert loss_bound.threshold.change_threshold.absolute.value == pytest.approx(0.1)
    assert loss_bound.threshold.change_threshold.direction == config_pb2.LOWER_IS_BETTER
    assert config.metrics_specs[0].binarize.class_ids.values == [1]


def _analysed(folder, task, rows, thresholds, slices=(), at_least=1):
    """Runs TFMA on rows of (label, prediction, group); the predictions are a column, not a model's."""
    evaluate = EvaluateConfig(thresholds=tuple(thresholds), slices=slices, min_slice_examples=at_least)
    config = eval_config(evaluate, _features(task))
    # The baseline and the signatures are for the Evaluator component; here the predictions come along.
    del config.model_specs[1:]
    config.model_specs[0].CopyFrom(config_pb2.ModelSpec(label_key="y", prediction_key="prediction"))
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=False, rubber_stamp=True)
    tfma.analyze_raw_data(pd.DataFrame(rows, columns=["y", "prediction", "group"]), config, output_path=str(folder))
    return read_verdict(str(folder), blessed=True)


def test_root_metrics_and_slices_by_hand(tmp_path):
    rows = [(10.0, 12.0, "a"), (20.0, 16.0, "a"), (1.0, 1.0, "b"), (7.0, 4.0, "b")]
    verdict = _analysed(
        tmp_path,
        "regression",
        rows,
        [Threshold(metric="rmse", max=2.0), Threshold(metric="mae", max=2.0, slice_by=("group",))],
        slices=(("group",),),
    )
    squares = [4.0, 16.0, 0.0, 9.0]
    logs = [(math.log1p(y) - math.log1p(p)) ** 2 for y, p, _ in rows]
    assert set(verdict.metrics) >= set(names("regression", MetricParameters()))
    assert verdict.metrics["rmse"] == pytest.approx(math.sqrt(sum(squares) / 4), rel=1e-6)
    assert verdict.metrics["rmsle"] == pytest.approx(math.sqrt(sum(logs) / 4), rel=1e-6)
    assert verdict.metrics["mae"] == pytest.approx(9 / 4, rel=1e-6)
    assert verdict.metrics["mape"] == pytest.approx(100 * (0.2 + 0.2 + 0 + 3 / 7) / 4, rel=1e-6)
    assert verdict.metrics["calibration"] == pytest.approx(33 / 38, rel=1e-6)
    assert verdict.metrics["example_count"] == 4
    # rmse 2.69 fails on all rows; mae fails in group a (3.0) and holds in group b (1.5).
    assert sorted(verdict.failures) == [
        "mae on group=a is 3, expected at most 2",
        "rmse is 2.693, expected at most 2",
    ]


def test_binary_metrics_are_those_of_the_second_class(tmp_path):
    rows = [(0, [0.9, 0.1], "a"), (0, [0.4, 0.6], "a"), (1, [0.3, 0.7], "a"), (1, [0.8, 0.2], "a")]
    verdict = _analysed(tmp_path, "binary", rows, [Threshold(metric="auc", min=0.9)])
    assert set(verdict.metrics) >= set(names("binary", MetricParameters()))
    assert verdict.metrics["accuracy"] == pytest.approx(2 / 4)
    # Of the four pairs of a positive and a negative row, three are in the right order.
    assert verdict.metrics["auc"] == pytest.approx(3 / 4)
    assert verdict.metrics["precision"] == pytest.approx(1 / 2)
    assert verdict.metrics["recall"] == pytest.approx(1 / 2)
    assert verdict.metrics["log_loss"] == pytest.approx(-sum(map(math.log, (0.9, 0.4, 0.7, 0.2))) / 4, rel=1e-5)
    assert verdict.metrics["brier"] == pytest.approx((0.01 + 0.36 + 0.09 + 0.64) / 4, rel=1e-5)
    assert verdict.metrics["calibration"] == pytest.approx(1.6 / 2, rel=1e-5)
    assert verdict.failures == ("auc is 0.75, expected at least 0.9",)


def test_multiclass_metrics_by_hand(tmp_path):
    rows = [(0, [0.7, 0.2, 0.1], "a"), (2, [0.5, 0.1, 0.4], "a"), (1, [0.1, 0.8, 0.1], "a")]
    verdict = _analysed(tmp_path, "multiclass", rows, [Threshold(metric="accuracy", min=0.5)])
    assert verdict.metrics["accuracy"] == pytest.approx(2 / 3)
    assert verdict.metrics["log_loss"] == pytest.approx(-sum(map(math.log, (0.7, 0.4, 0.8))) / 3, rel=1e-5)
    assert verdict.failures == ()


def test_slices_that_are_too_small_to_judge_fail_nothing(tmp_path):
    rows = [(1.0, 1.0, "big")] * 9 + [(1.0, 9.0, "small")]
    by_group = Threshold(metric="mae", max=0.5, slice_by=("group",))
    thresholds = [Threshold(metric="rmse", max=5.0), by_group]
    strict = _analysed(tmp_path / "strict", "regression", rows, thresholds, slices=(("group",),))
    assert strict.failures == ("mae on group=small is 8, expected at most 0.5",)
    lenient = _analysed(tmp_path / "lenient", "regression", rows, thresholds, slices=(("group",),), at_least=2)
    assert lenient.failures == ()
    # When every slice is too small, the threshold could never fail: that is not a yes.
    none = _analysed(tmp_path / "none", "regression", rows, thresholds, slices=(("group",),), at_least=100)
    assert "no slice by group has enough test rows (evaluate.min_slice_examples)" in none.failures


def test_a_metric_without_a_value_fails_and_says_why(tmp_path):
    rows = [(0, [0.9, 0.1], "a"), (1, [0.8, 0.2], "a")]
    thresholds = [Threshold(metric="precision", min=0.1), Threshold(metric="recall", min=0.5)]
    verdict = _analysed(tmp_path, "binary", rows, thresholds)
    assert math.isnan(verdict.metrics["precision"])
    assert sorted(verdict.failures) == [
        "precision (decision threshold 0.5) is undefined: no row was predicted positive; expected at least 0.1",
        "recall (decision threshold 0.5) is 0, expected at least 0.5",
    ]

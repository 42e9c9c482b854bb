"""Which thresholds a configuration may have."""

from typing import Any

import pytest
from pydantic import ValidationError

from components.evaluator.config import MetricParameters
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.config.pipeline_config import PipelineConfig

AUC = Threshold(metric="auc", min=0.5)


def test_a_metric_without_a_direction_has_no_change_threshold() -> None:
    with pytest.raises(ValidationError, match="best at 1, so max_regression has no direction; use min and max"):
        Threshold(metric="calibration", min=0.9, max=1.1, max_regression=0.1)
    Threshold(metric="calibration", min=0.9, max=1.1)


@pytest.mark.parametrize(("first", "second"), [((), ()), (("a",), ("a",)), (("a", "b"), ("b", "a"))])
def test_two_thresholds_on_the_same_metric_and_rows(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    low = AUC.model_copy(update={"slice_by": first})
    high = Threshold(metric="auc", max=0.9, slice_by=second)
    with pytest.raises(
        ValidationError, match=r"has two thresholds, received 'auc'; give min, max and max_regression in one"
    ):
        EvaluateConfig(thresholds=(low, high), slices=tuple(columns for columns in (first, second) if columns))


def test_thresholds_on_other_metrics_or_other_rows() -> None:
    by_a, by_b = (AUC.model_copy(update={"slice_by": (column,)}) for column in "ab")
    recall = Threshold(metric="recall", min=0.5)
    assert EvaluateConfig(thresholds=(AUC, by_a, by_b, recall), slices=(("a",), ("b",))).thresholds[2] is by_b


def config(task: str, threshold: dict[str, Any], **label: Any) -> PipelineConfig:
    return PipelineConfig.model_validate(
        {
            "name": "any",
            "data": {"path": "table.csv"},
            "features": {"label": {"column": "y", "task": task} | label, "numeric": [{"columns": ["x"]}]},
            "evaluate": {"thresholds": [threshold]},
        },
        strict=False,
    )


@pytest.mark.parametrize(
    ("task", "metric", "fits"),
    [
        ("regression", "f1", "rmse, mae, median_absolute_error, r2"),
        ("regression", "quantile_loss_0.2", "quantile_loss_0.1, quantile_loss_0.5, quantile_loss_0.9"),
        ("binary", "r2", "balanced_accuracy, precision, recall, f1, mcc"),
        ("multiclass", "auc", "top_k_accuracy, macro_f1, weighted_f1, macro_auc"),
    ],
)
def test_a_metric_of_another_task_is_refused_and_those_that_fit_are_named(task: str, metric: str, fits: str) -> None:
    with pytest.raises(ValidationError, match=rf"a {task} task has no such metric.*allowed: .*{fits}"):
        config(task, {"metric": metric, "min": 0.1})


def test_a_class_is_named_where_a_metric_is_of_one() -> None:
    classes = {"classes": ("a", "b", "c")}
    found = config("multiclass", {"metric": "recall", "of_class": "b", "min": 0.5}, **classes)
    assert found.expected()["recall of b"] == "at least 0.5"
    # The classes of the training split are not known yet.
    config("multiclass", {"metric": "recall", "of_class": "d", "min": 0.5})
    for task, threshold, words in [
        ("multiclass", {"metric": "recall"}, "of a multiclass label is of one class; allowed: a, b, c; name the class"),
        ("multiclass", {"metric": "recall", "of_class": "d"}, "is not a class of features.label, received 'd'"),
        ("multiclass", {"metric": "macro_f1", "of_class": "a"}, "macro_f1 is of all classes together"),
        ("binary", {"metric": "recall", "of_class": "a"}, "recall is of all classes together"),
    ]:
        with pytest.raises(ValidationError, match=words):
            config(task, threshold | {"min": 0.5}, **(classes if task == "multiclass" else {}))


def test_the_same_metric_of_two_classes() -> None:
    thresholds = tuple(Threshold(metric="recall", of_class=each, min=0.5) for each in ("a", "b", "a"))
    assert EvaluateConfig(thresholds=thresholds[:2])
    with pytest.raises(ValidationError, match="has two thresholds, received 'recall of a'"):
        EvaluateConfig(thresholds=thresholds)


def test_each_quantile_has_a_metric() -> None:
    threshold = Threshold(metric="quantile_loss_0.25", max=3.0)
    evaluate = EvaluateConfig(thresholds=(threshold,), metric_parameters=MetricParameters(quantiles=(0.25, 0.75)))
    assert evaluate.metric_parameters.quantiles == (0.25, 0.75)
    with pytest.raises(ValidationError, match="each must be named once"):
        MetricParameters(quantiles=(0.25, 0.2500000001))


def test_only_a_binary_label_has_a_decision_threshold() -> None:
    found = config("binary", {"metric": "f1", "min": 0.5}, decision_threshold=0.3)
    assert found.metric_settings().decision_threshold == 0.3
    with pytest.raises(ValidationError, match="is for binary labels, this label is regression"):
        config("regression", {"metric": "r2", "min": 0.5}, decision_threshold=0.3)

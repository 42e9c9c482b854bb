"""Which thresholds a configuration may have."""

import pytest
from pydantic import ValidationError

from pipeline.config.pipeline_config import EvaluateConfig, Threshold

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

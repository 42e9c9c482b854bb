"""The metric that says whether a model beats the answer that needs no features: see `gain` for how.

The skill is the gain as a share of the loss without features, a skill score as forecasters have it (Murphy 1988): 0 is
as good as no features, 1 is perfect.
"""

import json
import math
import sys
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from components.artifacts.golden import TrivialAnswer
from components.evaluator.config import SkillConfig
from components.evaluator.gain import GainSums, losses
from components.evaluator.metrics import row_of
from preprocessing.config import Task

SKILL, SKILL_BOUND = "skill", "skill_bound"
"""The gain as a share of the loss without features, and what it is at least, with the confidence asked for."""
LOSS, TRIVIAL_LOSS = "skill_loss", "skill_trivial_loss"
"""The two mean losses; the square roots of the means where the loss is squared."""
CLASS = "Skill"
"""The name of the metric's class in an EvalConfig."""
_ABOVE_0 = sys.float_info.min
"""TensorFlow Model Analysis lets a bound itself pass."""


def with_skill(
    eval_config: config_pb2.EvalConfig, settings: SkillConfig, task: Task, trivial: TrivialAnswer
) -> config_pb2.EvalConfig:
    """The Evaluator's configuration with this metric among the others, and with its threshold where it may refuse."""
    changed = config_pb2.EvalConfig()
    changed.CopyFrom(eval_config)
    arguments = {
        "name": SKILL_BOUND,
        "task": task,
        "confidence": settings.confidence,
        "trivial": trivial.model_dump(mode="json"),
    }
    # TensorFlow Model Analysis adds the braces itself.
    config = json.dumps(arguments)[1:-1]
    metric = changed.metrics_specs[0].metrics.add(class_name=CLASS, module=__name__, config=config)
    if settings.severity == "block":
        bound = config_pb2.MetricThreshold()
        bound.value_threshold.lower_bound.value = _ABOVE_0
        metric.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()], threshold=bound)
    return changed


class Skill(metric_types.Metric):
    """`SKILL`, `SKILL_BOUND`, `LOSS` and `TRIVIAL_LOSS`."""

    def __init__(self, name: str, task: Task, confidence: float, trivial: dict[str, Any]) -> None:
        """TensorFlow Model Analysis makes it from what `with_skill` writes; a threshold holds for the metric `name`."""
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            name=name,
            task=task,
            confidence=confidence,
            trivial=trivial,
        )


def _computations(
    name: str,
    task: Task,
    confidence: float,
    trivial: dict[str, Any],
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: metric_types.SubKey | None = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    # TensorFlow Model Analysis reads the names of these arguments, to know what to pass.
    answer = TrivialAnswer.model_validate(trivial)
    of_name = {
        each: metric_types.MetricKey(
            name=each,
            model_name=model_name,
            output_name=output_name,
            sub_key=sub_key,
            example_weighted=example_weighted,
        )
        for each in (f"_{name}_sums", SKILL, name, LOSS, TRIVIAL_LOSS)
    }
    sums_key, *keys = of_name.values()

    def result(metrics: dict[metric_types.MetricKey, GainSums]) -> dict[metric_types.MetricKey, float]:
        return dict(zip(keys, _values(metrics[sums_key], confidence, answer), strict=True))

    return [
        metric_types.MetricComputation(
            keys=[sums_key], preprocessors=None, combiner=_Sums(sums_key, task, answer, eval_config)
        ),
        metric_types.DerivedMetricComputation(keys=keys, result=result),
    ]


def _values(sums: GainSums, confidence: float, answer: TrivialAnswer) -> tuple[float, float, float, float]:
    gain, without = sums.mean_gain(), sums.mean_trivial()
    shown = math.sqrt if answer.error == "squared" else float
    # Without features nothing is left to gain where that answer is right in every test row.
    share = without or math.nan
    # Rounding may leave a loss of 0 a little below it; max() returns its first argument when that is NaN.
    loss = max(without - gain, 0.0)
    return gain / share, sums.least_gain(confidence) / share, shown(loss), shown(without)


class _Sums(beam.CombineFn):
    """Sums gains over rows."""

    def __init__(self, key: metric_types.MetricKey, task: Task, trivial: TrivialAnswer, eval_config: Any) -> None:
        """The result stands under `key`, which says which model's predictions are judged."""
        self._key = key
        self._losses = losses(task, trivial)
        self._class_weights = trivial.class_weights
        self._eval_config = eval_config

    def create_accumulator(self) -> GainSums:
        """Starts with no row."""
        return GainSums()

    def add_input(self, accumulator: GainSums, element: metric_types.StandardMetricInputs) -> GainSums:
        """Adds one row. A row of weight 0, or without a label, doesn't count."""
        label, prediction, weight = row_of(element, self._key, self._eval_config)
        if not weight or (both := self._losses(label, prediction)) is None:
            return accumulator
        if self._class_weights is not None and label.item() >= 0:
            weight *= self._class_weights[int(label.item())]
        trivial, model = both
        gain, square = trivial - model, weight * weight
        return accumulator.plus(
            GainSums(weight, square, weight * gain, square * gain, square * gain * gain, weight * trivial)
        )

    def merge_accumulators(self, accumulators: Iterable[GainSums]) -> GainSums:
        """Adds up several accumulators."""
        merged = GainSums()
        for each in accumulators:
            merged = merged.plus(each)
        return merged

    def extract_output(self, accumulator: GainSums) -> dict[metric_types.MetricKey, GainSums]:
        """The sums, for the metrics that are derived from them."""
        return {self._key: accumulator}

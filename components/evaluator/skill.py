"""The metric that says whether a model beats the answer that needs no features: see `gain` for how.

The skill is the gain as a share of the loss without features, a skill score as forecasters have it (Murphy 1988): 0 is
as good as no features, 1 is perfect.
"""

import functools
import json
import math
import sys
from typing import Any

from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from components.artifacts.golden import TrivialAnswer
from components.evaluator.columns import RowSums, Sums
from components.evaluator.config import SKILL_BOUND, SkillConfig
from components.evaluator.gain import GainSums, losses, summands
from components.evaluator.names import LOSS, SKILL, SKILL_CLASS, TRIVIAL_LOSS
from preprocessing.config import Task

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
    metric = changed.metrics_specs[0].metrics.add(class_name=SKILL_CLASS, module=__name__, config=config)
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

    def result(metrics: dict[metric_types.MetricKey, Sums]) -> dict[metric_types.MetricKey, float]:
        return dict(zip(keys, _values(GainSums(**metrics[sums_key]), confidence, answer), strict=True))

    return [
        metric_types.MetricComputation(
            keys=[sums_key],
            preprocessors=None,
            combiner=RowSums(
                sums_key, functools.partial(summands, losses(task, answer), answer.class_weights), eval_config
            ),
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

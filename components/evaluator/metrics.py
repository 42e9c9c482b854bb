"""Our metrics as TensorFlow Model Analysis takes them.

The classes' names are not TensorFlow Model Analysis's: it looks a name up among its own first, whatever the module.
"""

import functools
import json
from collections.abc import Callable
from typing import Any

from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as matrices
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator import confusion
from components.evaluator.catalog import CATALOG, CONFUSION_MATRIX, of_class
from components.evaluator.columns import CellSums, RowSums
from components.evaluator.config import MetricSettings
from components.evaluator.measures import MATRIX, CellSource, Measure, RowSource, class_measures, measures
from components.evaluator.names import OF_CLASS
from components.evaluator.tally import Table

MOST_CLASSES = 50
"""With more classes only those are reported one by one that a threshold names."""
UNKNOWN_CLASS = -2
"""Stands for a class that the model does not know; -1 is the label of all rows of such classes."""


def with_classes(eval_config: config_pb2.EvalConfig, classes: tuple[str, ...]) -> config_pb2.EvalConfig:
    """The Evaluator's configuration with the metrics of single classes.

    Args:
      eval_config: names the classes that have thresholds.
      classes: of the model, in output order.
    """
    changed = config_pb2.EvalConfig()
    changed.CopyFrom(eval_config)
    spec = changed.metrics_specs[0]
    ids = {name: position for position, name in enumerate(classes)}
    named = set[str]()
    for metric in spec.metrics:
        if metric.class_name == OF_CLASS:
            arguments = json.loads(f"{{{metric.config}}}")
            arguments["class_id"] = ids.get(arguments["of_class"], UNKNOWN_CLASS)
            metric.config = as_config(arguments)
            named.add(arguments["name"])
    per_class = [each.name for each in CATALOG["multiclass"] if each.of_class]
    for metric_name in per_class if len(classes) <= MOST_CLASSES else ():
        for name, class_id in ids.items():
            if of_class(metric_name, name) not in named:
                add_of_class(spec, metric_name, name, class_id)
    return changed


def add_of_class(
    spec: config_pb2.MetricsSpec, metric: str, name: str, class_id: int = UNKNOWN_CLASS
) -> config_pb2.MetricConfig:
    """Adds the metric of a class; `with_classes` gives it its position where it isn't known yet."""
    arguments = {"name": of_class(metric, name), "of_class": name, "class_id": class_id}
    return spec.metrics.add(class_name=OF_CLASS, module=__name__, config=as_config(arguments))


def as_config(arguments: dict[str, Any]) -> str:
    """The arguments of a class below as TensorFlow Model Analysis reads them, which adds the braces itself."""
    return json.dumps(arguments, ensure_ascii=False)[1:-1]


class Measured(metric_types.Metric):
    """One metric of the catalog."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        """TensorFlow Model Analysis makes it from an EvalConfig; `settings` are a `MetricSettings` as plain data."""
        measure = measures(MetricSettings.model_validate_json(json.dumps(settings)))[name]
        super().__init__(_computations(measure), name=name)


class MeasuredOfClass(metric_types.Metric):
    """One metric of one of several classes."""

    def __init__(self, name: str, of_class: str, class_id: int) -> None:
        """TensorFlow Model Analysis makes it from an EvalConfig; see `with_classes`."""
        super().__init__(_computations(class_measures(class_id, of_class)[name]), name=name)


class LabelByAnswer(metric_types.Metric):
    """The confusion matrix of several classes, in the form that TensorFlow Model Analysis's own has.

    A matrix for the threshold 0: every row has an answer. An unknown class is -1.
    """

    def __init__(self, name: str = CONFUSION_MATRIX) -> None:
        """TensorFlow Model Analysis makes it from an EvalConfig."""
        super().__init__(_computations(Measure(MATRIX, _matrices)), name=name)


def _matrices(table: Table) -> Any:
    rows = zip(*(each.tolist() for each in confusion.cells(table)), strict=True)
    return matrices.Matrices({0.0: {matrices.MatrixEntryKey(label, answer): weight for label, answer, weight in rows}})


def _computations(measure: Measure) -> Callable[..., metric_types.MetricComputations]:
    """The sums, which metrics of the same source share, and the metric derived from them."""

    def computations(
        name: str,
        eval_config: Any = None,
        model_name: str = "",
        output_name: str = "",
        sub_key: metric_types.SubKey | None = None,
        example_weighted: bool = False,
    ) -> metric_types.MetricComputations:
        # TensorFlow Model Analysis reads the names of these arguments, to know what to pass.
        keyed = functools.partial(
            metric_types.MetricKey,
            model_name=model_name,
            output_name=output_name,
            sub_key=sub_key,
            example_weighted=example_weighted,
        )
        # TensorFlow Model Analysis computes equal keys once, and does not report those that begin with an underscore.
        sums_key, key = keyed(name=f"_{measure.source.name}"), keyed(name=name)

        def result(metrics: dict[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, Any]:
            return {key: measure.finish(metrics[sums_key])}

        combiner = combiner_of(measure.source, sums_key, eval_config)
        return [
            metric_types.MetricComputation(keys=[sums_key], preprocessors=None, combiner=combiner),
            metric_types.DerivedMetricComputation(keys=[key], result=result),
        ]

    return metric_util.merge_per_key_computations(computations)


def combiner_of(source: RowSource | CellSource, key: metric_types.MetricKey, eval_config: Any) -> RowSums | CellSums:
    """What adds up a source on Beam; its sums stand under `key`."""
    if isinstance(source, RowSource):
        return RowSums(key, source.summands, eval_config)
    return CellSums(key, source.cells, eval_config)

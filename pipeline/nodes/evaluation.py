"""Thresholds and slices as the Evaluator understands them; what it said is read by `pipeline.results.evaluation`."""

import json

from google.protobuf import wrappers_pb2
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator import confidence as intervals
from components.evaluator import metrics
from components.evaluator.catalog import CONFUSION_MATRIX, find, lower_is_better
from components.evaluator.config import MetricSettings
from components.evaluator.measures import measures
from components.evaluator.names import BASELINE, CANDIDATE, MATRIX_CLASS, MEASURED
from pipeline.config.evaluate import EvaluateConfig, Threshold, metric_settings
from preprocessing.config import FeaturesConfig, Task
from preprocessing.features import LABEL, WEIGHT


def eval_config(evaluate: EvaluateConfig, features: FeaturesConfig) -> config_pb2.EvalConfig:
    """The Evaluator's configuration, from ours.

    Classes are compared as ids, probability by probability; values in the label's own units.
    """
    task, settings = features.label.task, metric_settings(evaluate, features)
    spec = config_pb2.MetricsSpec()
    for name in measures(settings):
        arguments = {"name": name, "settings": settings.model_dump(mode="json")}
        config = metrics.as_config(arguments)
        spec.metrics.add(class_name=MEASURED, module=metrics.__name__, config=config)
    if task == "multiclass":
        # The Evaluator adds those of the other classes, whose names the model has.
        for metric, of_class in dict.fromkeys((each.metric, each.of_class) for each in evaluate.thresholds):
            if of_class is not None:
                metrics.add_of_class(spec, metric, of_class)
        spec.metrics.add(class_name=MATRIX_CLASS, module=metrics.__name__, config=f'"name": "{CONFUSION_MATRIX}"')
    for path in evaluate.metrics:
        intervals.add_own(spec, path)
    for each in spec.metrics:
        _add_thresholds(each, evaluate, task)
    _add_intervals(spec, evaluate, settings)
    spec.metrics.add(class_name="ExampleCount")
    if task == "binary":
        # The export answers with both probabilities; the metrics are those of the second, the positive class.
        spec.binarize.class_ids.values.append(1)
    slicing = [config_pb2.SlicingSpec(), *(config_pb2.SlicingSpec(feature_keys=list(s)) for s in evaluate.slices)]
    options = config_pb2.Options(min_slice_size=wrappers_pb2.Int32Value(value=evaluate.min_slice_examples))
    return config_pb2.EvalConfig(
        model_specs=[_model(features, CANDIDATE), _model(features, BASELINE)],
        metrics_specs=[spec],
        slicing_specs=slicing,
        options=options,
    )


def _model(features: FeaturesConfig, name: str) -> config_pb2.ModelSpec:
    regression = features.label.task == "regression"
    return config_pb2.ModelSpec(
        name=name,
        is_baseline=name == BASELINE,
        signature_name="serving_default",
        preprocessing_function_names=["transform_features"],
        prediction_key="value" if regression else "probabilities",
        label_key=features.label.column if regression else LABEL,
        example_weight_key=WEIGHT if features.weight else "",
    )


def _add_thresholds(metric: config_pb2.MetricConfig, evaluate: EvaluateConfig, task: Task) -> None:
    name = json.loads(f"{{{metric.config}}}")["name"]
    for threshold in evaluate.thresholds:
        if threshold.result_name() == name and not threshold.confident:
            _add_threshold(metric, threshold, task)


def _add_intervals(spec: config_pb2.MetricsSpec, evaluate: EvaluateConfig, settings: MetricSettings) -> None:
    """Adds the intervals of all metrics, and their ends where a threshold holds for them."""
    confident = [each for each in evaluate.thresholds if each.confident]
    paired = (each.result_name() for each in confident if each.max_regression is not None)
    asked = intervals.Asked(settings, evaluate.confidence, tuple(dict.fromkeys(paired)), evaluate.metrics)
    intervals.add_intervals(spec, asked)
    ends: dict[tuple[str, str], config_pb2.MetricConfig] = {}
    for each in confident:
        worse = intervals.UPPER if _lower_is_better(each, settings.task) else intervals.LOWER
        for end, held in (
            (intervals.LOWER, {"max": None}),
            (intervals.UPPER, {"min": None}),
        ):
            part = each.model_copy(update=held | ({} if end == worse else {"max_regression": None}))
            if (part.min, part.max, part.max_regression) == (None, None, None):
                continue
            key = each.result_name(), end
            if key not in ends:
                ends[key] = intervals.add_bound(spec, *key)
            _add_threshold(ends[key], part, settings.task)


def _lower_is_better(threshold: Threshold, task: Task) -> bool:
    """Whether a metric improves by going down: what is asked of one of the user's own says so."""
    name = threshold.result_name()
    return lower_is_better(task, name) if find(task, name) is not None else threshold.min is None


def _add_threshold(metric: config_pb2.MetricConfig, threshold: Threshold, task: Task) -> None:
    # `MetricConfig.threshold` would hold for every slice that is reported, not for all rows together.
    slicing = [config_pb2.SlicingSpec(feature_keys=list(threshold.slice_by))]
    bounds = _bounds(threshold, _lower_is_better(threshold, task))
    metric.per_slice_thresholds.append(config_pb2.PerSliceMetricThreshold(slicing_specs=slicing, threshold=bounds))


def _bounds(threshold: Threshold, lower: bool) -> config_pb2.MetricThreshold:
    value = config_pb2.GenericValueThreshold()
    if threshold.min is not None:
        value.lower_bound.value = threshold.min
    if threshold.max is not None:
        value.upper_bound.value = threshold.max
    bounds = config_pb2.MetricThreshold(value_threshold=value)
    if threshold.max_regression is not None:
        bounds.change_threshold.CopyFrom(
            config_pb2.GenericChangeThreshold(
                direction=config_pb2.LOWER_IS_BETTER if lower else config_pb2.HIGHER_IS_BETTER,
                absolute=wrappers_pb2.DoubleValue(value=threshold.max_regression * (1 if lower else -1)),
            )
        )
    return bounds

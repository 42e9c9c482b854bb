"""Thresholds and slices as the Evaluator understands them, and its verdict as a person does."""

import math
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.artifacts.cross_validation import SPREAD_FILE, Spread
from components.evaluator.config import SKILL_BOUND
from components.evaluator.failures import genuine_failures
from pipeline.config.pipeline_config import LOWER_IS_BETTER, METRICS, WHY_NAN, EvaluateConfig, Threshold
from pipeline.nodes.skill import BEHIND_SKILL, SkillVerdict, skill_verdict
from preprocessing.config import FeaturesConfig
from preprocessing.features import LABEL, WEIGHT
from preprocessing.text import decoded

CANDIDATE, BASELINE = "candidate", "baseline"
_METRICS_MODULE = "components.evaluator.metrics"
_CLASSES: dict[str, tuple[str, str, str]] = {
    # our name: (class, module, JSON of arguments)
    "auc": ("AUC", "", ""),
    "auc_pr": ("AUCPrecisionRecall", "", ""),
    "precision": ("Precision", "", ""),
    "recall": ("Recall", "", ""),
    "brier": ("Brier", _METRICS_MODULE, ""),
    "calibration": ("Calibration", "", ""),
    "rmse": ("Rmse", _METRICS_MODULE, ""),
    "rmsle": ("Rmsle", _METRICS_MODULE, ""),
    "mae": ("Mae", _METRICS_MODULE, ""),
    "mape": ("Mape", _METRICS_MODULE, ""),
}
_CLASSES_BY_TASK: dict[tuple[str, str], tuple[str, str, str]] = {
    ("binary", "accuracy"): ("BinaryAccuracy", "", '"threshold": 0.5'),
    ("binary", "log_loss"): ("BinaryLogLoss", _METRICS_MODULE, ""),
    ("multiclass", "accuracy"): ("MulticlassAccuracy", _METRICS_MODULE, ""),
    ("multiclass", "log_loss"): ("MulticlassLogLoss", _METRICS_MODULE, ""),
}


def eval_config(evaluate: EvaluateConfig, features: FeaturesConfig) -> config_pb2.EvalConfig:
    """The Evaluator's configuration, from ours.

    Classes are compared as ids, probability by probability; values in the label's own units.
    """
    task = features.label.task
    metrics = [_metric(name, task, evaluate) for name in METRICS[task]]
    spec = config_pb2.MetricsSpec(metrics=[*metrics, config_pb2.MetricConfig(class_name="ExampleCount")])
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


def _metric(name: str, task: str, evaluate: EvaluateConfig) -> config_pb2.MetricConfig:
    class_name, module, arguments = _CLASSES_BY_TASK.get((task, name)) or _CLASSES[name]
    config = f'"name": "{name}"' + (f", {arguments}" if arguments else "")
    metric = config_pb2.MetricConfig(class_name=class_name, module=module, config=config)
    for threshold in evaluate.thresholds:
        if threshold.metric != name:
            continue
        # `MetricConfig.threshold` would hold for every slice that is reported, not for all rows together.
        slicing = [config_pb2.SlicingSpec(feature_keys=list(threshold.slice_by))]
        metric.per_slice_thresholds.append(
            config_pb2.PerSliceMetricThreshold(slicing_specs=slicing, threshold=_bounds(threshold))
        )
    return metric


def _bounds(threshold: Threshold) -> config_pb2.MetricThreshold:
    value = config_pb2.GenericValueThreshold()
    if threshold.min is not None:
        value.lower_bound.value = threshold.min
    if threshold.max is not None:
        value.upper_bound.value = threshold.max
    bounds = config_pb2.MetricThreshold(value_threshold=value)
    if threshold.max_regression is not None:
        lower = threshold.metric in LOWER_IS_BETTER
        bounds.change_threshold.CopyFrom(
            config_pb2.GenericChangeThreshold(
                direction=config_pb2.LOWER_IS_BETTER if lower else config_pb2.HIGHER_IS_BETTER,
                absolute=wrappers_pb2.DoubleValue(value=threshold.max_regression * (1 if lower else -1)),
            )
        )
    return bounds


@dataclass(frozen=True)
class EvaluatorVerdict:
    """What the Evaluator said.

    Attributes:
      blessed: whether every threshold holds.
      metrics: the candidate's metrics on the whole test split, the skill (above 0 when it beats no features) last.
      failures: one line for each threshold that doesn't hold: metric, slice, value, bound.
      champion: the champion's metrics on the same rows, when there is one.
      skill: what the candidate's skill was measured against; None where it was not.
      failed: the metrics whose thresholds on all rows don't hold.
      folds: the metrics over the folds of a cross-validation; None without one.
    """

    blessed: bool
    metrics: dict[str, float]
    failures: tuple[str, ...]
    champion: dict[str, float]
    skill: SkillVerdict | None = None
    failed: frozenset[str] = frozenset()
    folds: Spread | None = None


def read_verdict(evaluation_uri: str, blessed: bool) -> EvaluatorVerdict:
    """Reads the Evaluator's output folder."""
    result = tfma.load_validation_result(evaluation_uri)
    candidate, champion = _overall(evaluation_uri, CANDIDATE), _overall(evaluation_uri, BASELINE)
    skill = skill_verdict(evaluation_uri, candidate)
    folds = read_spread(evaluation_uri)
    return EvaluatorVerdict(
        blessed=blessed,
        metrics=_reported(candidate),
        failures=(*_failures(result, skill), *(folds.failures if folds is not None else ())),
        champion=_reported(champion),
        skill=skill,
        failed=frozenset(failure.metric_key.name for where, failure in genuine_failures(result) if not where),
        folds=folds,
    )


def read_spread(evaluation_uri: str) -> Spread | None:
    """What the Evaluator says of the folds of a cross-validation; None where there was none."""
    file = posixpath.join(evaluation_uri, SPREAD_FILE)
    return Spread.model_validate_json(io_utils.read_string_file(file)) if fileio.exists(file) else None


def _reported(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name not in BEHIND_SKILL}


def _overall(uri: str, model: str) -> dict[str, float]:
    """The metrics on all rows; empty when the model wasn't evaluated."""
    metrics: dict[str, float] = {}
    for record in tfma.load_metrics(uri):
        if record.slice_key.single_slice_keys:
            continue
        for each in record.metric_keys_and_values:
            # A model that was evaluated alone has no name in the results.
            if (
                (each.key.model_name or CANDIDATE) == model
                and not each.key.is_diff
                and each.value.HasField("double_value")
            ):
                metrics[each.key.name] = each.value.double_value.value
    known = [name for names in METRICS.values() for name in names]
    return dict(sorted(metrics.items(), key=lambda each: known.index(each[0]) if each[0] in known else len(known)))


def read_slices(evaluation_uri: str, model: str) -> list[tuple[dict[str, str], dict[str, float]]]:
    """The metrics of one model on each slice: the columns with their values, then the metrics by name."""
    slices = []
    for record in tfma.load_metrics(evaluation_uri):
        keys = record.slice_key.single_slice_keys
        if not keys:
            continue
        numbers = {
            each.key.name: each.value.double_value.value
            for each in record.metric_keys_and_values
            if (each.key.model_name or CANDIDATE) == model
            and not each.key.is_diff
            and each.value.HasField("double_value")
        }
        slices.append(({key.column: _slice_value(key) for key in keys}, _reported(numbers)))
    return sorted(slices, key=lambda each: str(each[0]))


def _slice_value(key: metrics_for_slice_pb2.SingleSliceKey) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return decoded(value) if isinstance(value, bytes) else f"{value:g}" if isinstance(value, float) else str(value)


def _failures(result: validation_result_pb2.ValidationResult, skill: SkillVerdict | None) -> Iterator[str]:
    for name, failure in genuine_failures(result):
        if skill is not None and failure.metric_key.name == SKILL_BOUND:
            yield skill.refusal()
            continue
        where = " on " + ", ".join(f"{column}={value}" for column, value in name.items()) if name else ""
        change = " (change against the champion)" if failure.metric_key.is_diff else ""
        bounds = _describe(failure.metric_threshold, failure.metric_key.is_diff)
        value = _shown(failure)
        yield f"{failure.metric_key.name}{where} is {value}{change}, expected {bounds}"
    for missing in result.missing_slices:
        columns = ", ".join(missing.feature_keys)
        yield f"no slice by {columns} has enough test rows (evaluate.min_slice_examples)"


def _shown(failure: validation_result_pb2.ValidationFailure) -> str:
    """The value, or why there is none."""
    if not failure.metric_value.HasField("double_value"):
        return "not known (too few test rows?)"
    value = failure.metric_value.double_value.value
    if not math.isnan(value):
        return f"{value:.4g}"
    return f"nan ({WHY_NAN.get(failure.metric_key.name, 'a prediction is not a number')}?)"


def _describe(threshold: config_pb2.MetricThreshold, is_diff: bool) -> str:
    if is_diff:
        change = threshold.change_threshold
        word = "at most" if change.direction == config_pb2.LOWER_IS_BETTER else "at least"
        # Adding zero turns -0.0 into 0.0.
        return f"{word} {change.absolute.value + 0.0:g}"
    value = threshold.value_threshold
    parts = []
    if value.HasField("lower_bound"):
        parts.append(f"at least {value.lower_bound.value:g}")
    if value.HasField("upper_bound"):
        parts.append(f"at most {value.upper_bound.value:g}")
    return " and ".join(parts)

"""Thresholds and slices as the Evaluator understands them, and its verdict as a person does."""

import json
import math
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import tensorflow_model_analysis as tfma
from google.protobuf import wrappers_pb2
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.artifacts.cross_validation import SPREAD_FILE, Spread
from components.artifacts.small_tree import FILE as SMALL_TREE_FILE
from components.artifacts.small_tree import SmallTree
from components.evaluator import confidence as intervals
from components.evaluator import metrics
from components.evaluator.catalog import CONFUSION_MATRIX, find, lower_is_better, place
from components.evaluator.config import SKILL_BOUND, TREE_SKILL, TREE_SKILL_BOUND, MetricSettings
from components.evaluator.failures import genuine_failures
from components.evaluator.measures import measures
from components.evaluator.undefined import why_undefined
from pipeline.config.evaluate import EvaluateConfig, Threshold, metric_settings
from pipeline.nodes.confident import CHANGE, Confidence, read_confidence
from pipeline.nodes.skill import BEHIND_SKILL, SkillVerdict, asked_config, skill_verdict
from preprocessing.config import FeaturesConfig, Task
from preprocessing.features import LABEL, WEIGHT
from preprocessing.text import decoded

CANDIDATE, BASELINE = "candidate", "baseline"


def eval_config(evaluate: EvaluateConfig, features: FeaturesConfig) -> config_pb2.EvalConfig:
    """The Evaluator's configuration, from ours.

    Classes are compared as ids, probability by probability; values in the label's own units.
    """
    task, settings = features.label.task, metric_settings(evaluate, features)
    spec = config_pb2.MetricsSpec()
    for name in measures(settings):
        arguments = {"name": name, "settings": settings.model_dump(mode="json")}
        config = metrics.as_config(arguments)
        spec.metrics.add(class_name=metrics.MEASURED, module=metrics.__name__, config=config)
    if task == "multiclass":
        # The Evaluator adds those of the other classes, whose names the model has.
        for metric, of_class in dict.fromkeys((each.metric, each.of_class) for each in evaluate.thresholds):
            if of_class is not None:
                metrics.add_of_class(spec, metric, of_class)
        spec.metrics.add(
            class_name=metrics.MATRIX_CLASS, module=metrics.__name__, config=f'"name": "{CONFUSION_MATRIX}"'
        )
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
      tree: the candidate beside a small tree; None where that was not asked for.
      intervals: the ends of the confidence intervals of the candidate's metrics on the whole test split.
      folds: the metrics over the folds of a cross-validation; None without one.
    """

    blessed: bool
    metrics: dict[str, float]
    failures: tuple[str, ...]
    champion: dict[str, float]
    skill: SkillVerdict | None = None
    failed: frozenset[str] = frozenset()
    tree: SmallTree | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    folds: Spread | None = None


def read_verdict(evaluation_uri: str, blessed: bool) -> EvaluatorVerdict:
    """Reads the Evaluator's output folder."""
    result = tfma.load_validation_result(evaluation_uri)
    settings = _settings(evaluation_uri)
    candidate, champion = (_overall(evaluation_uri, model, settings) for model in (CANDIDATE, BASELINE))
    folds = read_spread(evaluation_uri)
    skill, tree = skill_verdict(evaluation_uri, candidate), _small_tree(evaluation_uri)
    asked = asked_config(evaluation_uri)
    confidence = read_confidence(evaluation_uri, asked, CANDIDATE)
    failed = (failure.metric_key.name for where, failure in genuine_failures(result) if not where)
    refusals = (tree.refusal(),) if tree is not None and tree.refuses else ()
    return EvaluatorVerdict(
        blessed=blessed,
        metrics=_reported(candidate, confidence) | _tree_metrics(tree),
        failures=(
            *_failures(result, skill, settings, confidence, read_confidence(evaluation_uri, asked, BASELINE)),
            *refusals,
            *(folds.failures if folds is not None else ()),
        ),
        champion=_reported(champion, confidence),
        skill=skill,
        failed=frozenset(confidence.bounds.get(name, name) for name in failed)
        | ({TREE_SKILL_BOUND} if refusals else frozenset()),
        tree=tree,
        intervals=confidence.intervals(),
        folds=folds,
    )


def read_spread(evaluation_uri: str) -> Spread | None:
    """What the Evaluator says of the folds of a cross-validation; None where there was none."""
    file = posixpath.join(evaluation_uri, SPREAD_FILE)
    return Spread.model_validate_json(io_utils.read_string_file(file)) if fileio.exists(file) else None


def _small_tree(uri: str) -> SmallTree | None:
    path = posixpath.join(uri, SMALL_TREE_FILE)
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        return SmallTree.model_validate_json(file.read())


def _tree_metrics(tree: SmallTree | None) -> dict[str, float]:
    """Beside the metrics: they are of all rows alone, and so not in TensorFlow Model Analysis's file."""
    if tree is None or tree.reason:
        return {}
    return {
        name: math.nan if value is None else value
        for name, value in ((TREE_SKILL, tree.skill), (TREE_SKILL_BOUND, tree.bound))
    }


def _reported(metrics: dict[str, float], confidence: Confidence) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name not in BEHIND_SKILL | confidence.bounds.keys()}


def _overall(uri: str, model: str, settings: MetricSettings | None) -> dict[str, float]:
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
    task = settings.task if settings is not None else None
    return dict(sorted(metrics.items(), key=lambda each: place(task, each[0])))


def read_slices(evaluation_uri: str, model: str) -> list[tuple[dict[str, str], dict[str, float]]]:
    """The metrics of one model on each slice: the columns with their values, then the metrics by name."""
    slices, confidence = [], read_confidence(evaluation_uri, asked_config(evaluation_uri), model)
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
        slices.append(({key.column: _slice_value(key) for key in keys}, _reported(numbers, confidence)))
    return sorted(slices, key=lambda each: str(each[0]))


def _slice_value(key: metrics_for_slice_pb2.SingleSliceKey) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return decoded(value) if isinstance(value, bytes) else f"{value:g}" if isinstance(value, float) else str(value)


def _settings(evaluation_uri: str) -> MetricSettings | None:
    """What the metrics depend on; None in the results of a version that did not say."""
    for spec in asked_config(evaluation_uri).metrics_specs:
        for metric in spec.metrics:
            if metric.class_name == metrics.MEASURED:
                return MetricSettings.from_json(json.dumps(json.loads(f"{{{metric.config}}}")["settings"]))
    return None


def _failures(
    result: validation_result_pb2.ValidationResult,
    skill: SkillVerdict | None,
    settings: MetricSettings | None,
    confidence: Confidence,
    champion: Confidence,
) -> Iterator[str]:
    for name, failure in genuine_failures(result):
        if skill is not None and failure.metric_key.name == SKILL_BOUND:
            yield skill.refusal()
            continue
        where = " on " + ", ".join(f"{column}={value}" for column, value in name.items()) if name else ""
        is_diff = failure.metric_key.is_diff
        bounds = _describe(failure.metric_threshold, is_diff)
        of = confidence.bounds.get(failure.metric_key.name)
        metric_name = of or failure.metric_key.name
        task = settings.task if settings is not None else None
        metric = find(task, metric_name) if task is not None else None
        undefined = _undefined(task, metric_name, confidence.metrics(name), champion.metrics(name) if is_diff else {})
        value = undefined or _shown(failure) + (CHANGE if is_diff else "")
        if of is not None:
            value, bounds = undefined or confidence.shown(name, failure), f"{bounds} (confident)"
        detail = metric.detail(settings) if metric is not None and settings is not None else ""
        what = f"{metric_name} ({detail})" if detail else metric_name
        yield f"{what}{where} is {value}{';' if undefined else ','} expected {bounds}"
    for missing in result.missing_slices:
        columns = ", ".join(missing.feature_keys)
        yield f"no slice by {columns} has enough test rows (evaluate.min_slice_examples)"


def _undefined(task: Task | None, name: str, candidate: Mapping[str, float], champion: Mapping[str, float]) -> str:
    """That a metric, or its change against the champion, has no value, and why; empty where it has one."""
    change = CHANGE if champion else ""
    if math.isnan(candidate.get(name, 0.0)):
        return f"undefined: {why_undefined(task, name, candidate)}{change}"
    if math.isnan(champion.get(name, 0.0)):
        return f"undefined for the champion: {why_undefined(task, name, champion)}{change}"
    return ""


def _shown(failure: validation_result_pb2.ValidationFailure) -> str:
    """The value, where there is one."""
    if not failure.metric_value.HasField("double_value"):
        return "not known (too few test rows?)"
    return f"{failure.metric_value.double_value.value:.4g}"


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

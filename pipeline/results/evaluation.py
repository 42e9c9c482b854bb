"""What the Evaluator said, as a person reads it: its verdict, and the metrics of slices, from its files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from components.artifacts.cross_validation import SPREAD_FILE, Spread
from components.artifacts.small_tree import FILE as SMALL_TREE_FILE
from components.artifacts.small_tree import SmallTree
from components.evaluator.catalog import find, place
from components.evaluator.config import SKILL_BOUND, TREE_SKILL, TREE_SKILL_BOUND, MetricSettings
from components.evaluator.failures import genuine_failures
from components.evaluator.names import BASELINE, CANDIDATE, MEASURED
from components.evaluator.undefined import why_undefined
from pipeline.results.confident import CHANGE, Confidence, read_confidence
from pipeline.results.evaluation_records import asked_config, messages, metrics, validation
from pipeline.results.runs import Gate
from pipeline.results.skill import BEHIND_SKILL, SkillVerdict, skill_verdict
from preprocessing.text import decoded, sentences

if TYPE_CHECKING:
    from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2

    from preprocessing.config import Task

SHOWN = 3
"""So many reasons stand in one line; the rest are counted."""


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


def evaluator_gate(verdict: EvaluatorVerdict) -> Gate:
    """The Evaluator's verdict with its reasons."""
    if verdict.blessed:
        against = (
            " and no worse than the champion allows" if verdict.champion else "; without a champion to compare with"
        )
        # Where `evaluate.skill` or `evaluate.small_tree` only warns.
        skill, tree = verdict.skill, verdict.tree
        found = [skill.finding()] if skill is not None and not skill.proven else []
        found += [tree.finding()] if tree is not None and tree.finding() else []
        warnings = "".join(f"; warning: {each}" for each in found)
        return Gate("Evaluator", True, f"every threshold holds{against}{warnings}")
    return Gate(
        "Evaluator",
        False,
        sentences(verdict.failures, SHOWN) or "not blessed, without a failed threshold; see the log",
    )


def read_verdict(evaluation_uri: str, blessed: bool) -> EvaluatorVerdict:
    """Reads the Evaluator's output folder."""
    result = validation(evaluation_uri)
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
    file = Path(evaluation_uri) / SPREAD_FILE
    return Spread.model_validate_json(file.read_text(encoding="utf-8")) if file.is_file() else None


def _small_tree(uri: str) -> SmallTree | None:
    file = Path(uri) / SMALL_TREE_FILE
    return SmallTree.model_validate_json(file.read_text(encoding="utf-8")) if file.is_file() else None


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
    found: dict[str, float] = {}
    for record in metrics(uri):
        if record.slice_key.single_slice_keys:
            continue
        for each in record.metric_keys_and_values:
            # A model that was evaluated alone has no name in the results.
            if (
                (each.key.model_name or CANDIDATE) == model
                and not each.key.is_diff
                and each.value.HasField("double_value")
            ):
                found[each.key.name] = each.value.double_value.value
    task = settings.task if settings is not None else None
    return dict(sorted(found.items(), key=lambda each: place(task, each[0])))


def read_slices(evaluation_uri: str, model: str) -> list[tuple[dict[str, str], dict[str, float]]]:
    """The metrics of one model on each slice: the columns with their values, then the metrics by name."""
    slices, confidence = [], read_confidence(evaluation_uri, asked_config(evaluation_uri), model)
    for record in metrics(evaluation_uri):
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
            if metric.class_name == MEASURED:
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
        word = "at most" if change.direction == messages("config_pb2").LOWER_IS_BETTER else "at least"
        # Adding zero turns -0.0 into 0.0.
        return f"{word} {change.absolute.value + 0.0:g}"
    value = threshold.value_threshold
    parts = []
    if value.HasField("lower_bound"):
        parts.append(f"at least {value.lower_bound.value:g}")
    if value.HasField("upper_bound"):
        parts.append(f"at most {value.upper_bound.value:g}")
    return " and ".join(parts)

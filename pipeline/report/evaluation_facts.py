"""What the Evaluator measured, from TFMA's results files: metrics, champion, thresholds, slices."""

import math
from collections.abc import Mapping
from pathlib import Path

from components.artifacts import error_profile
from components.artifacts.golden import CONTRACT, GoldenContract
from components.artifacts.small_tree import SmallTree
from components.evaluator.catalog import find, lower_is_better
from components.evaluator.config import MetricSettings
from components.evaluator.names import CANDIDATE
from components.evaluator.undefined import why_undefined
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.report.curve_facts import curves
from pipeline.report.facts import EvaluationFacts, MetricFact, SliceFact
from pipeline.report.quality import TreeFact
from pipeline.results.evaluation import read_slices, read_verdict
from pipeline.results.store import StoredNode

_MOST_SLICES = 500
_NOT_A_METRIC = ("example_count", "weighted_example_count")


def evaluation_facts(nodes: Mapping[str, StoredNode], config: PipelineConfig) -> EvaluationFacts | str:
    """What is known of the quality, or why nothing is."""
    evaluator = nodes.get("Evaluator")
    folder = evaluator.output("evaluation") if evaluator is not None else None
    if evaluator is None or folder is None:
        return "Evaluator did not end" if evaluator is not None else "Evaluator did not run"
    verdict = read_verdict(str(folder), blessed=True)
    expected, settings = config.expected(), config.metric_settings()
    ranked_by = config.evaluate.thresholds[0].result_name()
    descending = lower_is_better(settings.task, ranked_by)
    metrics = tuple(
        MetricFact(
            name=name,
            detail=_detail(name, settings),
            candidate=_finite(value),
            undefined=_undefined(settings, name, verdict.metrics),
            champion=_finite(verdict.champion[name]) if name in verdict.champion else None,
            interval=_ends(verdict.intervals.get(name)),
            threshold=expected.get(name, ""),
            failed=name in verdict.failed,
        )
        for name, value in verdict.metrics.items()
    )
    slices = [_slice(settings, key, numbers) for key, numbers in read_slices(str(folder), CANDIDATE)]
    slices.sort(key=lambda each: _strength(each, ranked_by, descending))
    drawn = curves(folder, _classes(nodes))
    return EvaluationFacts(
        metrics=metrics,
        failures=verdict.failures,
        ranked_by=ranked_by,
        slices=tuple(slices[:_MOST_SLICES]),
        more_slices=max(0, len(slices) - _MOST_SLICES),
        scores=drawn.scores,
        decision_threshold=drawn.decision_threshold,
        confusion=drawn.confusion,
        classes=drawn.classes,
        errors=drawn.errors,
        error_profile=_error_profile(folder / error_profile.FILE),
        label=config.features.label.column,
        confidence=config.evaluate.confidence.level,
        small_tree=_tree(verdict.tree, verdict.skill.without if verdict.skill is not None else None),
    )


def _slice(settings: MetricSettings, key: Mapping[str, str], numbers: Mapping[str, float]) -> SliceFact:
    return SliceFact(
        name=", ".join(f"{column} = {value}" for column, value in key.items()),
        rows=int(numbers.get("example_count", 0)),
        metrics={name: _finite(value) for name, value in numbers.items() if name not in _NOT_A_METRIC},
        undefined={name: _undefined(settings, name, numbers) for name in numbers if not math.isfinite(numbers[name])},
    )


def _classes(nodes: Mapping[str, StoredNode]) -> tuple[str, ...]:
    """The model's classes in output order; none for a regression."""
    model = nodes["Trainer"].output("model") if "Trainer" in nodes else None
    if model is None or not (model / CONTRACT).is_file():
        return ()
    return GoldenContract.model_validate_json((model / CONTRACT).read_text(encoding="utf-8")).classes or ()


def _error_profile(file: Path) -> error_profile.ErrorProfile | None:
    if not file.is_file():
        return None
    return error_profile.ErrorProfile.model_validate_json(file.read_text(encoding="utf-8"))


def _tree(tree: SmallTree | None, trivial: float | None) -> TreeFact | None:
    if tree is None:
        return None
    return TreeFact(
        measure=tree.measure,
        loss=tree.loss,
        tree_loss=tree.tree_loss,
        trivial_loss=None if trivial is None else _finite(trivial),
        skill=tree.skill,
        bound=tree.bound,
        confidence=tree.confidence,
        tree=tree.tree_in_words() if not tree.reason else "",
        rows=tree.rows,
        finding=tree.finding(),
        next_step=tree.next_step() if not (tree.proven or tree.reason) else "",
        blocks=tree.refuses,
        columns=tree.columns,
    )


def _ends(interval: tuple[float, float] | None) -> tuple[float | None, float | None] | None:
    return None if interval is None else (_finite(interval[0]), _finite(interval[1]))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _undefined(settings: MetricSettings, name: str, metrics: Mapping[str, float]) -> str:
    """Why a metric is not a finite number; empty where it is one."""
    return "" if math.isfinite(metrics[name]) else why_undefined(settings.task, name, metrics)


def _detail(name: str, settings: MetricSettings) -> str:
    """What a value depends on, and its unit."""
    metric = find(settings.task, name)
    return ", ".join(part for part in (metric.detail(settings), metric.unit_in_words()) if part) if metric else ""


def _strength(each: SliceFact, metric: str, descending: bool) -> float:
    """Sorts the weakest first, and those without a number last."""
    value = each.metrics.get(metric)
    if value is None:
        return math.inf
    return -value if descending else value

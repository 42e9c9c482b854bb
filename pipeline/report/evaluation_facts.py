"""What the Evaluator measured, from TFMA's results files: metrics, champion, thresholds, slices."""

import math
from collections.abc import Mapping, Sequence

from pipeline.config.pipeline_config import LOWER_IS_BETTER, PipelineConfig, Threshold
from pipeline.report.facts import EvaluationFacts, MetricFact, SliceFact
from pipeline.results.store import StoredNode

_MOST_SLICES = 500
_NOT_A_METRIC = ("example_count", "weighted_example_count")


def evaluation_facts(nodes: Mapping[str, StoredNode], config: PipelineConfig) -> EvaluationFacts | str:
    """What is known of the quality, or why nothing is."""
    evaluator = nodes.get("Evaluator")
    folder = evaluator.output("evaluation") if evaluator is not None else None
    if evaluator is None or folder is None:
        return "Evaluator did not end" if evaluator is not None else "Evaluator did not run"
    # Seconds of TensorFlow and Beam, which a run that was refused before this step need not pay.
    from components.evaluator.skill import SKILL_BOUND
    from pipeline.nodes.evaluation import CANDIDATE, read_slices, read_verdict

    verdict = read_verdict(str(folder), blessed=True)
    overall = {each.metric: each for each in config.evaluate.thresholds if not each.slice_by}
    metrics = tuple(
        MetricFact(
            name=name,
            candidate=_finite(value),
            champion=_finite(verdict.champion[name]) if name in verdict.champion else None,
            threshold="above 0 (evaluate.skill)" if name == SKILL_BOUND else bounds(overall.get(name)),
            failed=any(each.startswith(f"{name} is ") for each in verdict.failures)
            or (name == SKILL_BOUND and verdict.skill is not None and not verdict.skill.proven),
        )
        for name, value in verdict.metrics.items()
    )
    slices = [
        SliceFact(
            name=", ".join(f"{column} = {value}" for column, value in key.items()),
            rows=int(numbers.get("example_count", 0)),
            metrics={name: _finite(value) for name, value in numbers.items() if name not in _NOT_A_METRIC},
        )
        for key, numbers in read_slices(str(folder), CANDIDATE)
    ]
    return EvaluationFacts(
        metrics=metrics,
        failures=verdict.failures,
        slices=tuple(slices[:_MOST_SLICES]),
        weakest=_weakest(slices, config.evaluate.thresholds[0].metric),
    )


def bounds(threshold: Threshold | None) -> str:
    """What a threshold asks, in words."""
    if threshold is None:
        return ""
    parts = [] if threshold.min is None else [f"at least {threshold.min:g}"]
    parts += [] if threshold.max is None else [f"at most {threshold.max:g}"]
    if threshold.max_regression is not None:
        parts.append(f"at most {threshold.max_regression:g} worse than the champion")
    return ", ".join(parts)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _weakest(slices: Sequence[SliceFact], metric: str) -> tuple[str, ...]:
    sign = 1 if metric in LOWER_IS_BETTER else -1
    known = [(each.metrics[metric], each.name) for each in slices if each.metrics.get(metric) is not None]
    ordered = sorted(known, key=lambda each: sign * (each[0] or 0.0), reverse=True)
    return tuple(name for _, name in ordered[:5])

"""What the Evaluator's plots say: curves, calibration, confusion, errors; see `components.artifacts.curves`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artifacts.curves import AGAINST, CLASSES, ERROR_QUANTILES, ERRORS, GRID, QUANTILES, Range
from components.evaluator.catalog import CONFUSION_MATRIX
from components.evaluator.names import BASELINE, CANDIDATE, CURVES_CLASS
from pipeline.report.quality import (
    ClassFact,
    ConfusionCell,
    ErrorBin,
    ErrorFacts,
    GridCell,
    Model,
    ScoreBin,
    ScoreFacts,
    ThresholdPoint,
)
from pipeline.results.evaluation_records import asked_config, metrics, plots

_MODELS: dict[str, Model] = {CANDIDATE: "candidate", BASELINE: "champion"}
_MOST_CURVES = 10
"""Classes whose curves are told."""
_OTHERS, _UNKNOWN = "others", "unknown class"


@dataclass(frozen=True)
class Curves:
    """What the plots say; empty where a task has no such thing, or an older Evaluator made none.

    Attributes:
      scores, errors, decision_threshold, confusion, classes: as in `EvaluationFacts`.
    """

    scores: tuple[ScoreFacts, ...]
    errors: tuple[ErrorFacts, ...]
    decision_threshold: float | None
    confusion: tuple[ConfusionCell, ...]
    classes: tuple[ClassFact, ...]


def curves(folder: Path, names: Sequence[str]) -> Curves:
    """Reads an evaluation's plots.

    Args:
      folder: of the ModelEvaluation artifact.
      names: the classes of the model, in output order; none for a regression.
    """
    asked, drawn = _asked(folder), _plots(folder)
    limits, threshold = asked.get("limits"), asked.get("threshold")
    scores = tuple(_score_facts(drawn, names))
    rows = _confusion_of_two(scores, names, threshold) if len(names) == 2 else _confusion_of_several(folder, names)
    return Curves(
        scores=scores,
        errors=tuple(_error_facts(drawn, Range.model_validate(limits) if limits is not None else None)),
        decision_threshold=threshold,
        confusion=tuple(_confusion_cells(rows)),
        classes=tuple(_class_facts(rows)),
    )


def _asked(folder: Path) -> dict[str, Any]:
    """What the Evaluator was told of its plots; empty for an older one."""
    config = asked_config(folder)
    drawn = (each for spec in config.metrics_specs for each in spec.metrics if each.class_name == CURVES_CLASS)
    return next((json.loads(f"{{{each.config}}}") for each in drawn), {})


def _plots(folder: Path) -> dict[tuple[str, str], list[Any]]:
    """The plots of all rows by model and name ("" for the curves of classes), each as (key, value)."""
    found: dict[tuple[str, str], list[Any]] = {}
    for record in plots(folder):
        if record.slice_key.single_slice_keys:
            continue
        for each in record.plot_keys_and_values:
            found.setdefault((each.key.model_name or CANDIDATE, each.key.name), []).append(each)
    return found


def _score_facts(plots: Mapping[tuple[str, str], Sequence[Any]], classes: Sequence[str]) -> Iterator[ScoreFacts]:
    """The curves of the largest classes, or of the second of two."""
    chosen: list[int] = []
    for model, shown in _MODELS.items():
        by_class = {each.key.sub_key.class_id.value: each.value for each in plots.get((model, ""), ())}
        by_class = {each: value for each, value in by_class.items() if value.confusion_matrix_at_thresholds.matrices}
        # Both models' curves are those of the candidate's classes.
        chosen = chosen or sorted(by_class, key=lambda each: -_positive(by_class[each]))[:_MOST_CURVES]
        for class_id in chosen:
            if class_id in by_class:
                value = by_class[class_id]
                yield ScoreFacts(
                    model=shown,
                    of=_name(class_id, classes),
                    points=tuple(_points(value.confusion_matrix_at_thresholds.matrices)),
                    bins=tuple(_score_bins(value.calibration_histogram_buckets.buckets)),
                )


def _positive(value: Any) -> float:
    first = value.confusion_matrix_at_thresholds.matrices[0]
    return float(first.true_positives + first.false_negatives)


def _points(matrices: Sequence[Any]) -> Iterator[ThresholdPoint]:
    for each in matrices:
        yield ThresholdPoint(
            threshold=each.threshold,
            tp=each.true_positives,
            fp=each.false_positives,
            tn=each.true_negatives,
            fn=each.false_negatives,
        )


def _score_bins(buckets: Sequence[Any]) -> Iterator[ScoreBin]:
    """Without the ranges outside 0 to 1; a probability of 1 belongs to the last one inside."""
    if len(buckets) < 3:
        return
    inside = [[*_sums(each)] for each in buckets[1:-1]]
    inside[-1] = [one + other for one, other in zip(inside[-1], _sums(buckets[-1]), strict=True)]
    for each, (rows, positive, scores) in zip(buckets[1:-1], inside, strict=True):
        yield ScoreBin(
            low=each.lower_threshold_inclusive,
            high=each.upper_threshold_exclusive,
            positive=positive,
            negative=max(rows - positive, 0.0),
            mean=scores / rows if rows > 0 else None,
        )


def _sums(bucket: Any) -> tuple[float, float, float]:
    return (
        bucket.num_weighted_examples.value,
        bucket.total_weighted_label.value,
        bucket.total_weighted_refined_prediction.value,
    )


def _confusion_of_two(
    scores: Sequence[ScoreFacts], names: Sequence[str], threshold: float | None
) -> dict[tuple[str, str], float]:
    """Rows by label and answer, from the candidate's curve at the decision threshold."""
    if threshold is None or not scores:
        return {}
    point = min(scores[0].points, key=lambda each: abs(each.threshold - threshold))
    no, yes = names
    return {(no, no): point.tn, (no, yes): point.fp, (yes, no): point.fn, (yes, yes): point.tp}


def _confusion_of_several(folder: Path, names: Sequence[str]) -> dict[tuple[str, str], float]:
    """Rows by label and answer, from the candidate's metrics; the smaller ones of many classes are one."""
    for record in metrics(folder):
        for each in record.metric_keys_and_values if not record.slice_key.single_slice_keys else ():
            if (
                each.key.name == CONFUSION_MATRIX
                and (each.key.model_name or CANDIDATE) == CANDIDATE
                and not each.key.is_diff
            ):
                [matrix] = each.value.multi_class_confusion_matrix_at_thresholds.matrices or [None]
                return _folded(matrix.entries, names) if matrix is not None else {}
    return {}


def _folded(entries: Sequence[Any], names: Sequence[str]) -> dict[tuple[str, str], float]:
    sizes: dict[int, float] = {}
    for each in entries:
        for class_id in (each.actual_class_id, each.predicted_class_id):
            sizes[class_id] = sizes.get(class_id, 0.0) + each.num_weighted_examples
    large = {
        each: _name(each, names) for each in sorted(sizes, key=lambda class_id: (-sizes[class_id], class_id))[:CLASSES]
    }
    found: dict[tuple[str, str], float] = {}
    for each in entries:
        key = large.get(each.actual_class_id, _OTHERS), large.get(each.predicted_class_id, _OTHERS)
        found[key] = found.get(key, 0.0) + each.num_weighted_examples
    return found


def _name(class_id: int, names: Sequence[str]) -> str:
    return names[class_id] if 0 <= class_id < len(names) else _UNKNOWN


def _confusion_cells(rows: Mapping[tuple[str, str], float]) -> Iterator[ConfusionCell]:
    """The matrix, its empty cells left out."""
    actual: dict[str, float] = {}
    for (label, _), weight in rows.items():
        actual[label] = actual.get(label, 0.0) + weight
    for (label, answer), weight in sorted(rows.items(), key=lambda each: (-actual[each[0][0]], each[0])):
        if weight > 0:
            yield ConfusionCell(actual=label, predicted=answer, rows=weight, share=weight / actual[label])


def _class_facts(rows: Mapping[tuple[str, str], float]) -> list[ClassFact]:
    """Precision, recall and F1 of each class, the weakest first."""
    found = []
    for name in dict.fromkeys(each for pair in rows for each in pair):
        actual = sum(weight for (label, _), weight in rows.items() if label == name)
        answered = sum(weight for (_, answer), weight in rows.items() if answer == name)
        right = rows.get((name, name), 0.0)
        found.append(
            ClassFact(
                name=name,
                rows=actual,
                precision=right / answered if answered > 0 else None,
                recall=right / actual if actual > 0 else None,
                f1=2 * right / (actual + answered) if actual + answered > 0 else None,
            )
        )
    return sorted(found, key=lambda each: (each.f1 is None, each.f1 or 0.0, each.name))


def _error_facts(plots: Mapping[tuple[str, str], Sequence[Any]], limits: Range | None) -> Iterator[ErrorFacts]:
    """The errors of each model that has any."""
    for model, shown in _MODELS.items():
        bins = _buckets(plots, model, ERRORS)
        if len(bins) < 3:
            continue
        total = sum(each.num_weighted_examples.value for each in bins) or 1.0
        shares = [each.num_weighted_examples.value / total for each in bins]
        yield ErrorFacts(
            model=shown,
            grid=tuple(_grid(plots, model, limits)) if limits is not None else (),
            bins=tuple(
                ErrorBin(low=each.lower_threshold_inclusive, high=each.upper_threshold_exclusive, share=share)
                for each, share in zip(bins[1:-1], shares[1:-1], strict=True)
            ),
            outside=(shares[0], shares[-1]),
            quantiles={
                f"{share:g}": each.lower_threshold_inclusive
                for share, each in zip(QUANTILES, _buckets(plots, model, ERROR_QUANTILES)[1:], strict=True)
            },
        )


def _buckets(plots: Mapping[tuple[str, str], Sequence[Any]], model: str, name: str) -> Sequence[Any]:
    found = plots.get((model, name), ())
    return found[0].value.calibration_histogram_buckets.buckets if found else ()


def _grid(plots: Mapping[tuple[str, str], Sequence[Any]], model: str, limits: Range) -> Iterator[GridCell]:
    found = plots.get((model, AGAINST), ())
    entries = [
        entry
        for each in found
        for matrix in each.value.multi_class_confusion_matrix_at_thresholds.matrices
        for entry in matrix.entries
    ]
    edges, total = limits.edges(), sum(each.num_weighted_examples for each in entries)
    sides = [(edges[i], edges[i + 1]) for i in range(GRID)]
    for each in entries:
        yield GridCell(
            actual=sides[each.actual_class_id],
            predicted=sides[each.predicted_class_id],
            share=each.num_weighted_examples / total,
        )

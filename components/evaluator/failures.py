"""Which of the failures that TensorFlow Model Analysis reports are failures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

_NOT_FOUND = "Metric not found."


def genuine_failures(
    result: validation_result_pb2.ValidationResult,
) -> Iterator[tuple[dict[str, str], validation_result_pb2.ValidationFailure]]:
    """The failed thresholds, each with its slice (column to value; empty for all rows).

    A slice with fewer rows than `min_slice_size` has no metrics, and TFMA then counts every threshold as failed on it,
    those of other slices included: a rare category would stop every push. Such slices are not judged; a metric that
    is missing on all rows is still a failure.
    """
    for per_slice in result.metric_validations_per_slice:
        name = slice_in_words(per_slice.slice_key)
        for failure in per_slice.failures:
            if not (name and failure.message == _NOT_FOUND):
                yield name, failure


def slice_in_words(key: metrics_for_slice_pb2.SliceKey) -> dict[str, str]:
    """The columns of a slice with their values; empty for all rows."""
    return {each.column: _text(each) for each in key.single_slice_keys}


def _text(key: object) -> str:
    value = getattr(key, key.WhichOneof("kind"))  # type: ignore[attr-defined]
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def holds(result: validation_result_pb2.ValidationResult) -> bool:
    """Whether every threshold holds, and every slice that has one was seen."""
    return not result.missing_slices and next(genuine_failures(result), None) is None

"""Which of the failures that TensorFlow Model Analysis reports are failures."""

from collections.abc import Iterator

from tensorflow_model_analysis.proto import validation_result_pb2

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
        name = {key.column: _text(key) for key in per_slice.slice_key.single_slice_keys}
        for failure in per_slice.failures:
            if not (name and failure.message == _NOT_FOUND):
                yield name, failure


def _text(key: object) -> str:
    value = getattr(key, key.WhichOneof("kind"))  # type: ignore[attr-defined]
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def holds(result: validation_result_pb2.ValidationResult) -> bool:
    """Whether every threshold holds, and every slice that has one was seen."""
    return not result.missing_slices and next(genuine_failures(result), None) is None

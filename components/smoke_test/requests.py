"""Raw examples -> what each signature is sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.smoke_test.golden import Contract, ContractInput

_LISTS = {"float32": "float_list", "int64": "int64_list", "string": "bytes_list"}
_MISSING: dict[str, Any] = {"float32": np.nan, "int64": np.iinfo(np.int64).min, "string": b""}


class RequestError(Exception):
    """A raw example does not have the types that the model's contract names."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True)
class Requests:
    """What can be sent.

    Attributes:
      labelled: serialized tf.Examples as they are, for `transform_features`; object array of bytes, [rows].
      examples: the same without the label, for `serving_default`: a client that asks for it has none.
      features: the same rows as arrays of shape [rows] by argument of `serve_features`; a missing value
        is NaN, the smallest int64 or the empty string.
    """

    labelled: NDArray[np.object_]
    examples: NDArray[np.object_]
    features: Mapping[str, NDArray[Any]]


def read_examples(files: Sequence[str]) -> Iterator[bytes]:
    """The serialized examples of a split's files, gzip where the name says so, in the given order."""
    for file in files:
        compression = "GZIP" if file.endswith(".gz") else ""
        yield from tf.data.TFRecordDataset(file, compression_type=compression).as_numpy_iterator()


def build(serialized: Iterable[bytes], contract: Contract, most: int) -> Requests:
    """The requests for the first rows, `most` of them at most.

    Raises:
      RequestError: a value has another type than the contract names.
    """
    labelled: list[bytes] = []
    examples: list[bytes] = []
    columns: dict[str, list[Any]] = {column: [] for column in contract.inputs}
    for row, record in enumerate(islice(serialized, most)):
        labelled.append(record)
        example = tf.train.Example.FromString(record)
        features = example.features.feature
        features.pop(contract.label, None)
        examples.append(example.SerializeToString())
        for column, declared in contract.inputs.items():
            value = _value(features[column], declared) if column in features else _MISSING[declared.dtype]
            if value is None:
                kind = features[column].WhichOneof("kind")
                raise RequestError(row, f"column {column!r} holds a {kind} where {declared.dtype} was promised")
            columns[column].append(value)
    return Requests(
        labelled=np.array(labelled, dtype=object),
        examples=np.array(examples, dtype=object),
        features={
            declared.argument: np.array(columns[column], dtype=object if declared.dtype == "string" else declared.dtype)
            for column, declared in contract.inputs.items()
        },
    )


def _value(feature: tf.train.Feature, declared: ContractInput) -> Any:
    """The first value, the missing value where there is none, or None where the type is another one."""
    kind = feature.WhichOneof("kind")
    if kind is None:
        return _MISSING[declared.dtype]
    # A whole number is a number too; the other way round would lose digits.
    if kind != _LISTS[declared.dtype] and (kind, declared.dtype) != ("int64_list", "float32"):
        return None
    values = getattr(feature, kind).value
    return values[0] if values else _MISSING[declared.dtype]

"""Rows -> what each signature is sent."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.core.example.example_pb2 import Example

from components.smoke_test.export.contract import Signature, TensorSpec
from components.smoke_test.sandbox.session import Request

Array = NDArray[Any]
Row = Mapping[str, Array]
"""One raw example: its features as one-dimensional arrays, float32, int64 or objects of bytes. A feature without a
value is not in it."""

MISSING: Mapping[str, Any] = {"float32": np.float32("nan"), "int64": np.int64(np.iinfo(np.int64).min), "string": b""}
"""What says "missing" in a tensor of one feature."""


def decode(record: bytes) -> Row:
    """A serialized tf.Example as a row.

    Raises:
      google.protobuf.message.DecodeError: it isn't one.
    """
    features = Example.FromString(record).features.feature
    row: dict[str, Array] = {}
    for name in sorted(features):
        kind = features[name].WhichOneof("kind")
        values = getattr(features[name], kind).value if kind is not None else ()
        if values and kind == "bytes_list":
            row[name] = strings(values)
        elif values:
            row[name] = np.array(values, np.float32 if kind == "float_list" else np.int64)
    return row


def encode(row: Row) -> bytes:
    """The row as a serialized tf.Example."""
    example = Example()
    for name, values in row.items():
        feature = example.features.feature[name]
        if values.dtype == object:
            feature.bytes_list.value.extend(values.tolist())
        elif values.dtype.kind == "f":
            feature.float_list.value.extend(values.tolist())
        else:
            feature.int64_list.value.extend(values.tolist())
    serialized: bytes = example.SerializeToString(deterministic=True)
    return serialized


def strings(values: Sequence[bytes] | Sequence[str]) -> Array:
    """An object array of bytes, [values]."""
    array = np.empty(len(values), dtype=object)
    array[:] = [value.encode() if isinstance(value, str) else bytes(value) for value in values]
    return array


def request(signature: Signature, rows: Sequence[Row], *, without: str | None = None) -> Request:
    """The request that asks a signature for these rows.

    Args:
      signature: of kind `examples` or `features`, not one that takes transformed features.
      rows: the raw examples.
      without: a column that is left out of every row: the label. A signature that has an input for it doesn't get one.
    """
    if signature.kind == "examples":
        [(argument, spec)] = signature.inputs.items()
        sent = [{name: values for name, values in row.items() if name != without} for row in rows]
        # Of a signature for one example, the first row.
        examples = serialized(sent[:1]).reshape(()) if spec.shape == () else serialized(sent)
        return Request(signature.name, {argument: examples})
    inputs = {}
    for argument, spec in signature.inputs.items():
        column = column_of(signature, argument)
        if column != without:
            inputs[argument] = tensor(
                [row.get(column) for row in rows], spec, default=signature.row_defaults.get(argument)
            )
    return Request(signature.name, inputs)


def column_of(signature: Signature, argument: str) -> str:
    """The raw column behind an argument of a signature of kind `features`."""
    feature = signature.features.get(argument)
    return feature.name if feature else argument


def columns_of(signature: Signature) -> frozenset[str]:
    """The columns that reach a signature; empty where that can't be told of one that parses examples."""
    if signature.kind == "features":
        return frozenset(column_of(signature, argument) for argument in signature.inputs)
    return frozenset(each.name for each in signature.features.values())


def takes_batches(signature: Signature) -> bool:
    """Whether a request may hold several rows: an input has a batch dimension."""
    return any(spec.shape != () for spec in signature.inputs.values())


def take(whole: Request, signature: Signature, places: Sequence[int] | NDArray[np.int64]) -> Request:
    """The request for some of the rows of a request, by place, in that order and as often as they are named.

    What does not belong to a row stays as it is: scalar inputs, and the width that lists of different lengths are
    filled up to.
    """
    chosen = np.asarray(places, np.int64)
    inputs = {
        argument: values if signature.inputs[argument].shape == () else values[chosen]
        for argument, values in whole.inputs.items()
    }
    return Request(whole.signature, inputs)


def serialized(rows: Sequence[Row]) -> Array:
    """The rows as serialized tf.Examples, an object array of bytes [rows]."""
    return strings([encode(row) for row in rows])


def tensor(values: Sequence[Array | None], spec: TensorSpec, *, default: Array | None = None) -> Array:
    """One feature of several rows as the tensor that a signature takes.

    Args:
      values: each row's values; None where there are none.
      spec: of the input: [batch, ...]; of a scalar, the first row's value is taken.
      default: what the signature declares for a row without a value, flat; None where it declares nothing.

    Returns:
      An array [rows, ...] of the input's own type. A missing value is the default, else NaN, the smallest int64, "", or
      0 of any other type. Lists of an open length are filled up with 0 or "", as clients do: there a missing value
      without a default is an empty list. What is more than the shape holds is left out.
    """
    dtype: Any = object if spec.dtype == "string" else np.dtype(spec.dtype)
    sizes = [size for size in (spec.shape or ())[1:] if size is not None]
    if spec.shape is not None and len(sizes) < len(spec.shape[1:]):
        missing: Any = b"" if spec.dtype == "string" else 0
    else:
        missing = np.nan if spec.dtype in ("float64", "float16") else MISSING.get(spec.dtype, 0)
        if default is not None and len(default) == 1:
            default = np.repeat(default, int(np.prod(sizes, dtype=int)))
    if default is not None:
        values = [default if each is None else each for each in values]
    if spec.shape == ():
        first = values[0] if values else default
        result = np.full((), missing, dtype)
        if first is not None:
            result[()] = first[0]
        return result
    shape = _row_shape(values, spec)
    size = int(np.prod(shape, dtype=int))
    rows = np.full((len(values), size), missing, dtype)
    for i, given in enumerate(values):
        if given is not None:
            rows[i, : len(given)] = given[:size]
    return rows.reshape((len(values), *shape))


def _row_shape(values: Sequence[Array | None], spec: TensorSpec) -> tuple[int, ...]:
    """The shape of one row; where it leaves one dimension open, the longest row decides."""
    if spec.shape is None:
        return ()
    inner = spec.shape[1:]
    known = int(np.prod([size for size in inner if size is not None], dtype=int))
    longest = max((len(each) for each in values if each is not None), default=1)
    open_size = -(-longest // max(known, 1)) if inner.count(None) == 1 else 1
    return tuple(open_size if size is None else size for size in inner)

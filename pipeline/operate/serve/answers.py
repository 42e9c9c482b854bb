"""From arrays to the JSON of TensorFlow Serving's REST API. No TensorFlow here.

As util/json_tensor.cc writes it: bare NaN and Infinity, floats with as many digits as their type needs and always a
point or an exponent, a single output without its name, strings as their bytes are, UTF-8 or not, unless the output's
name ends in `_bytes`.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.operate.serve.errors import RefusalError, invalid

_ESCAPED = re.compile(rb'[\x00-\x1f"\\]')
_BYTES_ENDING = "_bytes"


def by_column(outputs: Mapping[str, NDArray[Any]]) -> bytes:
    """The answer to a request with `inputs`.

    Args:
      outputs: arrays of any shape by output; strings as object arrays of bytes.

    Raises:
      RefusalError: there is nothing to write, or a type has no JSON.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    written = {name: _nested(_tokens(name, array), array.shape) for name, array in outputs.items()}
    return b'{"outputs": ' + _object(written) + b"}"


def by_row(outputs: Mapping[str, NDArray[Any]]) -> bytes:
    """The answer to a request with `instances`.

    Args:
      outputs: as for `by_column`, [rows, ...] each.

    Raises:
      RefusalError: as `by_column`, or they have not all as many rows.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    size = -1
    for name, array in outputs.items():
        if not array.shape:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if size not in (-1, array.shape[0]):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {array.shape[0]} expecting: {size}")
        size = array.shape[0]
    columns = {name: _rows(_tokens(name, array), array.shape) for name, array in outputs.items()}
    rows = [_object({name: column[row] for name, column in columns.items()}) for row in range(size)]
    return b'{"predictions": [' + b", ".join(rows) + b"]}"


def classifications(labels: NDArray[Any] | None, scores: NDArray[Any] | None, rows: int) -> bytes:
    """The answer to `:classify`: for each row its classes as [label, score].

    Args:
      labels: object array of bytes [rows, classes]; None writes "".
      scores: float [rows, classes]; None writes 0.
      rows: how many there are.
    """
    found = []
    for row in range(rows):
        sides = [each for each in (labels, scores) if each is not None]
        count = sides[0].shape[1] if sides else 0
        names = [_text(labels[row, i]) if labels is not None else b'""' for i in range(count)]
        numbers = _tokens("scores", scores[row]) if scores is not None else [b"0.0"] * count
        found.append(b"[" + b", ".join(b"[%s, %s]" % pair for pair in zip(names, numbers, strict=True)) + b"]")
    return b'{"results": [' + b", ".join(found) + b"]}"


def regressions(values: NDArray[Any]) -> bytes:
    """The answer to `:regress`: one number for each row, from float [rows]."""
    return b'{"results": ' + _nested(_tokens("outputs", values), values.shape) + b"}"


def error(message: str) -> bytes:
    """The answer that is an error."""
    return json.dumps({"error": message}).encode()


def _object(members: Mapping[str, bytes]) -> bytes:
    if len(members) == 1:
        return next(iter(members.values()))
    return b"{" + b", ".join(json.dumps(name).encode() + b": " + value for name, value in members.items()) + b"}"


def _rows(tokens: Sequence[bytes], shape: tuple[int, ...]) -> Sequence[bytes]:
    """The tokens of each row, nested."""
    width = int(np.prod(shape[1:], dtype=np.int64))
    if len(shape) == 1:
        return tokens
    return [_nested(tokens[row * width : (row + 1) * width], shape[1:]) for row in range(shape[0])]


def _nested(tokens: Sequence[bytes], shape: tuple[int, ...]) -> bytes:
    if not shape:
        return tokens[0]
    return b"[" + b", ".join(_rows(tokens, shape)) + b"]"


def _tokens(name: str, array: NDArray[Any]) -> list[bytes]:
    """Each value as JSON, in order."""
    kind = array.dtype.kind
    flat = array.reshape(-1)
    if kind in "OSU":
        write = _base64 if name.endswith(_BYTES_ENDING) else _text
        return [write(each) for each in flat.tolist()]
    if kind == "b":
        return [b"true" if each else b"false" for each in flat.tolist()]
    if kind in "iu":
        return [b"%d" % each for each in flat.tolist()]
    if kind == "f":
        write_number: Callable[[Any], bytes] = _number
        # A scalar of the array's own type knows how many digits tell it apart.
        return [write_number(each) for each in flat]
    raise RefusalError("InvalidArgument", f"Failed to write JSON value for tensor type: {array.dtype}")


def _number(value: Any) -> bytes:
    text = str(value)
    return {"nan": b"NaN", "inf": b"Infinity", "-inf": b"-Infinity"}.get(text) or text.encode()


def _text(value: Any) -> bytes:
    content = value.encode() if isinstance(value, str) else value
    return b'"' + _ESCAPED.sub(lambda found: b"\\u%04x" % found.group()[0], content) + b'"'


def _base64(value: Any) -> bytes:
    return json.dumps({"b64": base64.b64encode(value).decode()}).encode()

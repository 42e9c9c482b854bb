"""From the JSON of TensorFlow Serving's REST API to arrays. No TensorFlow here.

What is taken and what is refused, and in which words, follows util/json_tensor.cc of TensorFlow Serving: bare NaN and
Infinity; by row every input of the signature and no other; by column inputs that nobody knows are not looked at; no
default is filled in either way; a whole number may stand for a float, a float never for a whole number.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.operate.serve.errors import RefusalError, invalid
from preprocessing.text import shortened

Json = Mapping[str, Any]
Tensors = dict[str, NDArray[Any]]
Conversion = Callable[[Any, "DataType"], Any]

DEFAULT_SIGNATURE = "serving_default"
_LONGEST = 200
"""Characters of a value in a message."""
_MOST_LEVELS = 31
"""Lists may be nested so deep: NumPy has room for one level more, the rows."""
_WHOLE_64 = range(-(2**63), 2**64)
"""Beyond it JSON's whole numbers are floats."""


@dataclass(frozen=True)
class DataType:
    """A type that the REST API can carry.

    Attributes:
      name: as TensorFlow Serving writes it in messages.
      dtype: NumPy's; strings are object arrays of bytes.
    """

    name: str
    dtype: np.dtype[Any]


_DATA_TYPES = {
    1: DataType("float", np.dtype(np.float32)),
    2: DataType("double", np.dtype(np.float64)),
    3: DataType("int32", np.dtype(np.int32)),
    4: DataType("uint8", np.dtype(np.uint8)),
    5: DataType("int16", np.dtype(np.int16)),
    6: DataType("int8", np.dtype(np.int8)),
    7: DataType("string", np.dtype(object)),
    9: DataType("int64", np.dtype(np.int64)),
    10: DataType("bool", np.dtype(bool)),
    22: DataType("uint32", np.dtype(np.uint32)),
    23: DataType("uint64", np.dtype(np.uint64)),
}
"""By their number in tensorflow/core/framework/types.proto."""


def type_name(number: int) -> str:
    """A type of types.proto as TensorFlow Serving writes it in messages; empty for one that REST can't carry."""
    return _DATA_TYPES[number].name if number in _DATA_TYPES else ""


def parsed(body: bytes) -> Json:
    """The JSON object of a request.

    Raises:
      RefusalError: it is something else.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        # A string may hold any bytes, as in TensorFlow Serving.
        document = json.loads(body.decode("utf-8", "surrogateescape"))
    except RecursionError as error:
        raise invalid("JSON Parse error: it is nested too deeply") from error
    except ValueError as error:
        raise invalid(f"JSON Parse error: {error}") from error
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document: Json) -> str:
    """The signature that a request asks for.

    Raises:
      RefusalError: `signature_name` is something else than a string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name or DEFAULT_SIGNATURE


def tensors(document: Json, types: Mapping[str, int]) -> tuple[Tensors, bool]:
    """The inputs of a predict request.

    Args:
      document: the request.
      types: the type of each input of the signature, by its number in types.proto.

    Returns:
      Arrays by input, [rows, ...] or as they were sent by column, strings as object arrays of bytes; and whether they
      came by row.

    Raises:
      RefusalError: they don't fit the signature.
    """
    instances, inputs = document.get("instances"), document.get("inputs")
    if "instances" in document and "inputs" in document:
        raise invalid(
            f"JSON Value: {shown(document)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys "
            "to exist "
        )
    if "instances" in document:
        if not isinstance(instances, list):
            raise invalid(f"JSON Value: {shown(document)} Excepting 'instances' to be an list/array")
        if not instances:
            raise invalid(f"JSON Value: {shown(document)} No values in 'instances' array")
        return _by_row(instances, types), True
    if "inputs" in document:
        return _by_column(inputs, types), False
    raise invalid("Missing 'inputs' or 'instances' key")


def _by_column(inputs: Any, types: Mapping[str, int]) -> Tensors:
    if not isinstance(inputs, dict) or is_base64(inputs):
        if len(types) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        [(name, number)] = types.items()
        return {name: _tensor(inputs, number)}
    for name in types:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _tensor(inputs[name], number) for name, number in types.items()}


def _by_row(instances: Sequence[Any], types: Mapping[str, int]) -> Tensors:
    if not isinstance(instances[0], dict) and len(types) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    named = _is_named(instances[0])
    columns = {name: _Column(number) for name, number in types.items()}
    for position, instance in enumerate(instances):
        if named != _is_named(instance):
            wanted, got = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {wanted} but got {got} at item {position} of input list")
        for name, value in instance.items() if named else [(next(iter(types)), instance)]:
            key = f" key: {name}" if named else ""
            try:
                if name not in columns:
                    raise invalid(f"JSON object: does not have named input: {name}")
                columns[name].add(value)
            except RefusalError as error:
                message = f"Failed to process element: {position}{key} of 'instances' list. Error: "
                raise invalid(f"{message}INVALID_ARGUMENT: {error}") from error
        if named and len(instance) != len(columns):
            raise invalid(
                f"Failed to process element: {position} of 'instances' list. JSON object: {shown(instance)} keys must "
                f"be equal to: {','.join(sorted(columns))}"
            )
    return {name: column.tensor(len(instances)) for name, column in columns.items()}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


class _Column:
    """One input of the rows that have been read."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._shape: tuple[int, ...] | None = None
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        """One more row, of the same shape as those before."""
        shape = _shape(value)
        values = _values(value, shape, self._number)
        if self._shape is None:
            self._shape = shape
        elif self._shape != shape:
            before, now = (f"[{','.join(map(str, each))}]" for each in (self._shape, shape))
            raise invalid(f"Expecting shape {before} but got: {now}")
        self._values += values

    def tensor(self, rows: int) -> NDArray[Any]:
        return _array(self._values, (rows, *(self._shape or ())), self._number)


def _tensor(value: Any, number: int) -> NDArray[Any]:
    shape = _shape(value)
    return _array(_values(value, shape, number), shape, number)


def _array(values: list[Any], shape: tuple[int, ...], number: int) -> NDArray[Any]:
    dtype = _DATA_TYPES[number].dtype
    if dtype.kind != "O":
        return np.array(values, dtype).reshape(shape)
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def _shape(value: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        if len(shape) > _MOST_LEVELS:
            raise invalid(f"lists are nested more than {_MOST_LEVELS} deep")
        value = value[0] if value else None
    return tuple(shape)


def _values(value: Any, shape: tuple[int, ...], number: int) -> list[Any]:
    """The values in their order, each checked."""
    if number not in _DATA_TYPES:
        raise RefusalError("Unimplemented", f"Conversion of JSON Value: {shown(value)} to type: {number}")
    data_type = _DATA_TYPES[number]
    convert: Conversion = _CONVERSIONS.get(data_type.dtype.kind, _whole)
    found: list[Any] = []

    def fill(element: Any, level: int) -> None:
        if not isinstance(element, list):
            if level != len(shape):
                raise invalid(
                    f"JSON Value: {shown(element)} found at incorrect level: {level + 1} in the JSON DOM. Expected at "
                    f"level: {len(shape)}"
                )
            found.append(convert(element, data_type))
            return
        if level >= len(shape):
            raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
        if len(element) != shape[level]:
            raise invalid(
                f"Encountered list at unexpected size: {len(element)} at level: {level} expected size: {shape[level]}"
            )
        for each in element:
            fill(each, level + 1)

    fill(value, 0)
    return found


def _float(value: Any, to: DataType) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(value, to)
    finite = np.finfo(to.dtype)
    if isinstance(value, int) and value in _WHOLE_64:
        lossless = abs(value) < 2 ** (finite.nmant + 1)
    else:
        # NaN and Infinity are not beyond any limit.
        lossless = not (float(finite.max) < abs(value) < math.inf)
    if not lossless:
        raise invalid(f"Cannot convert JSON value: {shown(value)} to {to.name} without loss of precision.")
    return float(value)


def _whole(value: Any, to: DataType) -> int:
    limits = np.iinfo(to.dtype)
    if isinstance(value, bool) or not isinstance(value, int) or not limits.min <= value <= limits.max:
        raise _wrong_type(value, to)
    return value


def _boolean(value: Any, to: DataType) -> bool:
    if not isinstance(value, bool):
        raise _wrong_type(value, to)
    return value


def _string(value: Any, to: DataType) -> bytes:
    if isinstance(value, dict):
        return from_base64(value)
    if not isinstance(value, str):
        raise _wrong_type(value, to)
    return as_bytes(value)


_CONVERSIONS: Mapping[str, Conversion] = {"f": _float, "b": _boolean, "O": _string}


def as_bytes(text: str) -> bytes:
    """A string of the request as the bytes that were sent.

    Raises:
      RefusalError: an escape in it stands for half a character.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from error


def is_base64(value: Any) -> bool:
    """Whether it is `{"b64": "..."}`."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def from_base64(value: Json) -> bytes:
    """The bytes of `{"b64": "..."}`.

    Raises:
      RefusalError: it is something else.
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid("Unable to base64 decode") from error


def _wrong_type(value: Any, to: DataType) -> RefusalError:
    return invalid(f"JSON Value: {shown(value)} Type: {kind_of(value)} is not of expected type: {to.name}")


def kind_of(value: Any) -> str:
    """The kind of a JSON value, as TensorFlow Serving names it."""
    if value is None or isinstance(value, bool):
        return {None: "Null", True: "True", False: "False"}[value]
    names = {dict: "Object", list: "Array", str: "String"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "Number")


def shown(value: Any) -> str:
    """A JSON value in a message, shortened."""
    try:
        return shortened(json.dumps(value), _LONGEST)
    except RecursionError:  # read, but with more levels than can be written
        return "(nested very deeply)"

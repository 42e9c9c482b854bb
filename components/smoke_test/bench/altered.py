"""Some rows that are sent to one signature again and again, each time with something changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from components.smoke_test.bench.requests import Array, Row, encode, strings, tensor
from components.smoke_test.export.contract import Contract, Feature, Signature, TensorSpec
from components.smoke_test.sandbox.session import Request

Item = TypeVar("Item")


@dataclass(frozen=True)
class Taken:
    """A feature as one signature takes it.

    Attributes:
      column: its name in a row, the key in a tf.Example.
      argument: the input that it is sent in; None in a tf.Example.
      dtype: of its values; of an argument it may be any NumPy type.
      size: how many values a row has, as far as that is fixed, else 1.
      optional: whether the signature answers without it; None when nobody says.
    """

    column: str
    argument: str | None
    dtype: str
    size: int = 1
    optional: bool | None = None


def taken_features(signature: Signature, contract: Contract) -> tuple[Taken, ...]:
    """What a signature takes, without the label; empty when neither graph nor schema says it."""
    if signature.kind == "features":
        taken = [_argument(signature, argument, spec) for argument, spec in signature.inputs.items()]
    elif signature.features:
        taken = [_key(each, contract.features.get(each.name)) for each in signature.features.values()]
    else:
        # The schema alone: what it calls required is, but the graph may need more than that.
        known = contract.features.values()
        taken = [Taken(each.name, None, each.dtype, _size(each), False if each.required else None) for each in known]
    return tuple(each for each in taken if each.column != contract.label)


def _argument(signature: Signature, argument: str, spec: TensorSpec) -> Taken:
    feature = signature.features.get(argument)
    sizes = [size or 1 for size in (spec.shape or ())[1:]]
    column = feature.name if feature else argument
    return Taken(column, argument, spec.dtype, int(np.prod(sizes, dtype=int)), argument in signature.defaults)


def _key(feature: Feature, known: Feature | None) -> Taken:
    required = feature.required or (known is not None and known.required)
    return Taken(feature.name, None, feature.dtype, _size(feature), not required)


def _size(feature: Feature) -> int:
    return int(np.prod(feature.shape, dtype=int)) if feature.shape is not None else 1


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, spread evenly over them, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]


@dataclass(frozen=True)
class Batch:
    """Rows for one signature.

    A changed request costs what has changed, not what all columns cost together: a serialized tf.Example is put
    together from one piece per column, as protobuf merges messages that follow each other, and tensors that stay the
    same are the same objects, which cross to the model's process once.

    Attributes:
      signature: of kind `examples` or `features`.
      rows: the rows, without the label.
    """

    signature: Signature
    rows: Sequence[Row]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns that any of the rows has."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def values(self, column: str) -> list[Array | None]:
        """A column's values by row; None where there are none."""
        return [row.get(column) for row in self.rows]

    def request(self, changed: Mapping[str, Sequence[Array | None]] | None = None) -> Request:
        """The request for the rows, with other values by column; None for a row without a value."""
        changed = changed or {}
        if self.signature.kind == "features":
            inputs = self._tensors | {
                argument: self._tensor(argument, changed[column])
                for argument, column in self._column_of.items()
                if column in changed
            }
            return Request(self.signature.name, inputs)
        pieces = [self._pieces[name] for name in self.columns if name not in changed]
        pieces += [_encoded(name, values) for name, values in changed.items()]
        return self.of_bytes([b"".join(each[i] for each in pieces) for i in range(len(self.rows))])

    def without(self, column: str) -> Request:
        """The request that leaves out a column: no key in the tf.Example, no such argument."""
        if self.signature.kind == "examples":
            return self.request({column: [None] * len(self.rows)})
        inputs = {name: array for name, array in self._tensors.items() if self._column_of[name] != column}
        return Request(self.signature.name, inputs)

    def with_piece(self, column: str, piece: bytes) -> Request:
        """The request of tf.Examples in which a column is what this serialized tf.Example says, in every row."""
        pieces = [self._pieces[name] for name in self.columns if name != column]
        return self.of_bytes([b"".join(each[i] for each in pieces) + piece for i in range(len(self.rows))])

    def with_input(self, argument: str, array: Array) -> Request:
        """The request with any array as one of its inputs, one that the signature does not have if need be."""
        return Request(self.signature.name, self._tensors | {argument: array})

    def of_bytes(self, serialized: Sequence[bytes]) -> Request:
        """The request of any bytes as tf.Examples."""
        [argument] = self.signature.inputs
        return Request(self.signature.name, {argument: strings(serialized)})

    @cached_property
    def _column_of(self) -> dict[str, str]:
        features = self.signature.features
        return {name: features[name].name if name in features else name for name in self.signature.inputs}

    @cached_property
    def _tensors(self) -> dict[str, Array]:
        if self.signature.kind == "examples":
            return {}
        return {name: self._tensor(name, self.values(column)) for name, column in self._column_of.items()}

    def _tensor(self, argument: str, values: Sequence[Array | None]) -> Array:
        signature = self.signature
        return tensor(values, signature.inputs[argument], default=signature.row_defaults.get(argument))

    @cached_property
    def _pieces(self) -> dict[str, list[bytes]]:
        return {name: _encoded(name, self.values(name)) for name in self.columns}


def _encoded(name: str, values: Sequence[Array | None]) -> list[bytes]:
    """One column of each row as a tf.Example of its own."""
    return [b"" if each is None else encode({name: each}) for each in values]


def without_label(rows: Sequence[Row], label: str | None) -> list[Row]:
    """The rows as a client sends them."""
    return [{name: values for name, values in row.items() if name != label} for row in rows]


def repeated(batch: Batch, times: int) -> Batch:
    """The rows one after the other, again and again."""
    return replace(batch, rows=[*batch.rows] * times)

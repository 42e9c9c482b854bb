"""What the columns of a table hold, block by block: facts that can be merged in any order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from components.example_gen.block import Rows
from components.example_gen.columns.cells import CellFacts
from components.example_gen.columns.convert import (
    EXACT_INTEGERS,
    bytes_as_text,
    cells_as_text,
    elements,
    is_boolean_or_time,
    is_bytes,
    is_feature,
    is_list,
    is_plain_number,
    plain,
)

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Present:
    """The values of an array that are there.

    Attributes:
      values: distinct texts, or every number.
      counts: the rows of each distinct text; None for numbers.
    """

    values: pa.Array
    counts: pa.Array | None


@dataclass
class ColumnFacts:
    """What one column holds, in some rows or in all.

    Attributes:
      types: the Arrow types that it comes in; none for CSV, whose cells are text whatever they mean, lists aside.
      rows: rows read.
      missing: rows whose cell is null or NaN.
      multiple: a row has several values (a list).
      cells: what is known of the values.
      unsupported: the first type that can become neither numbers nor text.
    """

    types: tuple[pa.DataType, ...] = ()
    rows: int = 0
    missing: int = 0
    multiple: bool = False
    cells: CellFacts = field(default_factory=CellFacts)
    unsupported: str | None = None

    @property
    def present(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    def add(self, array: pa.Array, *, untyped: bool) -> Present | None:
        """Adds some rows to the facts.

        Args:
          array: their cells.
          untyped: as in `Rows`.

        Returns:
          The values that are there, of a list its elements; None when there are none to tell of.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        self.rows += len(array)
        if array.type not in self.types and (not untyped or is_list(array.type)):
            self.types = (*self.types, array.type)
        if not is_feature(array.type):
            self.unsupported = self.unsupported or str(array.type)
            self.missing += array.null_count
            return None
        array = plain(array)
        listed = is_list(array.type)
        if listed:
            array = self._elements(array)
        if pa.types.is_null(array.type):
            self.missing += 0 if listed else len(array)
            return None
        present = self._add_numbers(array) if is_plain_number(array.type) else self._add_texts(array)
        if not listed:
            rows = len(present.values) if present.counts is None else pc.sum(present.counts, min_count=0).as_py()
            self.missing += len(array) - rows
        return present

    def merge(self, other: ColumnFacts) -> None:
        """Adds what the same column holds in other rows."""
        self.types = (*self.types, *(kind for kind in other.types if kind not in self.types))
        self.rows += other.rows
        self.missing += other.missing
        self.multiple = self.multiple or other.multiple
        self.cells.merge(other.cells)
        self.unsupported = self.unsupported or other.unsupported

    def _elements(self, array: pa.Array) -> pa.Array:
        """The elements of lists; counts the rows that have none, and sees whether one has several."""
        import numpy as np

        values, rows = elements(array)
        rows = rows[is_present(values).to_numpy(zero_copy_only=False)]
        with_value = len(np.unique(rows))
        self.missing += len(array) - with_value
        self.multiple = self.multiple or with_value < len(rows)
        return values

    def _add_texts(self, array: pa.Array) -> Present:
        import pyarrow.compute as pc

        array = array.drop_null()
        if is_boolean_or_time(array.type):
            array = cells_as_text(array)
        elif is_bytes(array.type):
            array = bytes_as_text(array)
        values, counts = pc.value_counts(array).flatten()
        self.cells.update(values)
        return Present(values, counts)

    def _add_numbers(self, array: pa.Array) -> Present:
        import pyarrow as pa

        is_whole_type = pa.types.is_integer(array.type) and not pa.types.is_uint64(array.type)
        exact = array.filter(is_present(array))
        array = exact if is_whole_type else exact.cast(pa.float64(), safe=False)
        if len(array) == 0:
            return Present(array, None)
        self.cells.any_number = True
        if not is_whole_type:
            self._add_fractions(array, exact)
        return Present(array, None)

    def _add_fractions(self, floats: pa.DoubleArray, exact: pa.Array) -> None:
        import pyarrow.compute as pc

        whole = pc.equal(pc.floor(floats), floats)
        size = pc.abs(floats)
        self.cells.integers = (
            self.cells.integers and pc.all(pc.and_(whole, pc.less(size, EXACT_INTEGERS)), min_count=0).as_py()
        )
        self.cells.whole = self.cells.whole and pc.all(whole, min_count=0).as_py()
        fractions = pc.invert(pc.and_(whole, pc.less(size, 2.0**63)))
        if self.cells.first_fraction is None and pc.any(fractions).as_py():
            self.cells.first_fraction = cells_as_text(exact.filter(fractions).slice(0, 1))[0].as_py()


def is_present(array: pa.Array) -> pa.BooleanArray:
    """Which cells are neither null nor NaN; never null itself.

    Args:
      array: in a plain layout, no lists.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.invert(pc.is_null(array, nan_is_null=pa.types.is_floating(array.type)))


def survey(rows: Rows) -> dict[str, ColumnFacts]:
    """What each column of a block holds; columns without a name are left out.

    Args:
      rows: with their cells as they are meant (`formats.as_meant`), read without types.
    """
    found: dict[str, ColumnFacts] = {}
    for name, array in zip(rows.batch.schema.names, rows.batch.columns, strict=True):
        if name:
            found[name] = ColumnFacts()
            found[name].add(array, untyped=rows.untyped)
    return found


def merge(left: Mapping[str, ColumnFacts], right: Mapping[str, ColumnFacts]) -> dict[str, ColumnFacts]:
    """The facts of two parts of a table together; neither is changed.

    What types they give does not depend on the order. A column that a part lacks (JSON Lines) is not counted there.
    """
    merged = {name: replace(facts, cells=replace(facts.cells)) for name, facts in left.items()}
    for name, facts in right.items():
        merged.setdefault(name, ColumnFacts()).merge(facts)
    return merged

"""Counts what the examples of each split hold, batch by batch, for the rules on labels, weights, dates and booleans."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.data_gate.columns import Columns
from components.data_gate.seen import Seen
from preprocessing.missing import MissingWords, without_missing
from preprocessing.text import decoded


class Counting:
    """What the columns of `Columns.counted` hold, by column and split."""

    def __init__(self, columns: Columns, missing: MissingWords) -> None:
        self._columns, self._missing = columns, missing
        self.seen: dict[str, dict[str, Seen]] = {name: {} for name in columns.counted}

    def add(self, split: str, batch: pa.RecordBatch) -> None:
        """Adds some examples of a split, as tfx_bsl decodes them: a list of values in each cell."""
        for name, splits in self.seen.items():
            seen = splits.setdefault(split, Seen())
            seen.rows += batch.num_rows
            position = batch.schema.get_field_index(name)
            values = first_values(batch.column(position), self._missing.of(name)) if position >= 0 else pa.nulls(0)
            seen.missing += batch.num_rows - len(values)
            if len(values):
                self._look(name, seen, values)

    def _look(self, name: str, seen: Seen, values: pa.Array) -> None:
        columns = self._columns
        is_number = name == columns.weight or (name == columns.label and columns.task == "regression")
        text = pa.types.is_string(values.type)
        if is_number:
            if not text:  # text among numbers is found in the statistics
                seen.add_numbers(values, None, columns.floor(name))
            return
        distinct, counts = pc.value_counts(values).flatten()
        texts = distinct if text else _as_text(distinct)
        if name == columns.label:
            seen.add_classes(texts, counts)
        elif name in columns.readings:
            seen.add_readings(texts, counts, columns.readings[name], text=text)


def first_values(column: pa.Array, words: Sequence[str]) -> pa.Array:
    """The first value of each example that has one: int64, float32 or string.

    Args:
      column: lists of values.
      words: the texts that mean missing, as NaN always does.
    """
    if pa.types.is_null(column.type):
        return pa.nulls(0)
    lengths = pc.fill_null(column.value_lengths(), 0).to_numpy(zero_copy_only=False)
    starts = column.offsets.to_numpy()[:-1][lengths > 0]
    values = column.values.take(pa.array(starts))
    if pa.types.is_floating(values.type):
        return values.filter(pc.invert(pc.is_nan(values)))
    if pa.types.is_integer(values.type):
        return values
    try:
        texts = values.cast(pa.string())
    except pa.ArrowInvalid:
        texts = pa.array([decoded(value) for value in values.to_pylist()], pa.string())
    return without_missing(texts, words).drop_null()


def _as_text(numbers: pa.Array) -> pa.StringArray:
    """Numbers as preprocessing writes them as categories: whole ones without a point."""
    if pa.types.is_integer(numbers.type):
        return numbers.cast(pa.string())
    shortest = (
        str(int(value)) if value.is_integer() else str(value) for value in numbers.to_numpy().astype(np.float32)
    )
    return pa.array(list(shortest), pa.string())


def by_split(seen: Mapping[str, Mapping[str, Seen]], name: str) -> Mapping[str, Seen]:
    """One column by split, splits without rows left out."""
    return {split: each for split, each in seen.get(name, {}).items() if each.rows}

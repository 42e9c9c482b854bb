"""Columns of which a row may have several texts, in a sample of serving data."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.data_gate.summary import Column
from preprocessing.missing import MissingWords, is_missing, parts_of
from preprocessing.text import decoded


def list_columns(rows: pa.Table | pa.RecordBatch, types: Mapping[str, str], words: MissingWords) -> dict[str, Column]:
    """The summaries of the columns of text in which a row has several values.

    Args:
      rows: the sample.
      types: by column, the type in the schema; other columns are left out.
      words: the texts that mean missing, and what divides the cells of a column of lists.

    Returns:
      By column; the share of a value is that of the rows that have it, twice in a row counts twice: as TFDV counts.
    """
    return {
        name: _summary(rows.column(name), words.of(name), words.separators.get(name))
        for name in rows.schema.names
        if types.get(name) == "BYTES" and (name in words.separators or _has_several(rows.column(name)))
    }


def is_list(kind: pa.DataType) -> bool:
    """Whether cells of this type are lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _has_several(column: pa.Array | pa.ChunkedArray) -> bool:
    return is_list(column.type) and (pc.max(pc.list_value_length(column)).as_py() or 0) > 1


def _summary(column: pa.Array | pa.ChunkedArray, words: Sequence[str], separator: str | None) -> Column:
    rows = (row if isinstance(row, list) else [row] for row in column.to_pylist())
    cells = ([_text(each) for each in row if each is not None] for row in rows)
    lists = [[text for text in row if not is_missing(text, words)] for row in cells]
    if separator is not None:
        divided = ([part for text in row for part in parts_of(text, separator)] for row in lists)
        lists = [[text for text in row if not is_missing(text, words)] for row in divided]
    present = sum(map(bool, lists))
    names, counts = np.unique(np.array([text for row in lists for text in row], np.str_), return_counts=True)
    shares = dict(zip(names.tolist(), (counts / max(present, 1)).tolist(), strict=True))
    return Column("BYTES", present, len(lists) - present, shares, None)


def _text(value: object) -> str:
    return decoded(value) if isinstance(value, bytes) else str(value)

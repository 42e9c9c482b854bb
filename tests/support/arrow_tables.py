"""Random Arrow tables of every type that a file may hold, and all rows that a reader gives."""

from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from components.example_gen.block import Reader

INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DAYS = st.integers(-(2**31), 2**31 - 1)
WORDS = st.integers(-(2**63), 2**63 - 1)


def _integers(kind: pa.DataType) -> st.SearchStrategy[int]:
    signed = pa.types.is_signed_integer(kind)
    low, high = (-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1)) if signed else (0, 2**kind.bit_width)
    return st.integers(low, high - 1) | st.sampled_from([low, 0, high - 1])


def _column(kind: pa.DataType, values: st.SearchStrategy[Any], physical: pa.DataType | None = None) -> Any:
    """Lists of cells as a strategy: of any length when given one, cast from the physical type."""

    def build(rows: int) -> st.SearchStrategy[pa.Array]:
        cells = st.lists(st.none() | values, min_size=rows, max_size=rows)
        return cells.map(lambda column: pa.array(column, physical or kind).cast(kind))

    return build


def _half(rows: int) -> st.SearchStrategy[pa.Array]:
    import numpy as np

    cells = st.lists(st.floats(width=16), min_size=rows, max_size=rows)
    return cells.map(lambda column: pa.array(np.array(column, np.float16)))


COLUMNS = [
    *(_column(kind, _integers(kind)) for kind in INTEGERS),
    _half,
    _column(pa.float32(), st.floats(width=32)),
    _column(pa.float64(), st.floats()),
    _column(pa.decimal128(38, 10), st.decimals(-(10**27), 10**27, places=10)),
    _column(pa.bool_(), st.booleans()),
    _column(pa.date32(), DAYS, pa.int32()),
    *(
        _column(pa.timestamp(unit, zone), WORDS, pa.int64())
        for unit in ("ms", "us", "ns")
        for zone in (None, "UTC", "Europe/Vienna")
    ),
    _column(pa.string(), TEXT),
    _column(pa.large_string(), TEXT),
    _column(pa.binary(), st.binary(max_size=12)),
    _column(pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["", "é", "\N{GRINNING FACE}", "b" * 30])),
    _column(pa.null(), st.none()),
    _column(pa.list_(pa.int64()), st.lists(st.none() | WORDS, max_size=3)),
    _column(pa.list_(pa.string()), st.lists(TEXT, max_size=3)),
]


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Up to 60 rows of up to 6 columns, with nulls, extreme numbers and any text."""
    rows = draw(st.integers(0, 60))
    columns = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=6))
    names = draw(st.lists(TEXT.filter(bool), min_size=len(columns), max_size=len(columns), unique=True))
    return pa.table([draw(column(rows)) for column in columns], names=names)


def read_all(reader: Reader, file: str) -> tuple[pa.Table | None, list[int]]:
    """Every row of a file, block after block, and their places; None for a file without rows."""
    blocks = list(reader.plan(file))
    assert [block.number for block in blocks] == list(range(len(blocks)))
    pieces = [rows for block in blocks for rows in reader.read(block)]
    assert not any(rows.bad for rows in pieces)
    assert all(len(rows.places) == rows.batch.num_rows > 0 for rows in pieces)
    table = pa.Table.from_batches([rows.batch for rows in pieces]) if pieces else None
    return table, [int(place) for rows in pieces for place in rows.places]


def same(left: pa.Table, right: pa.Table) -> bool:
    """Whether two tables have the same schema and the same cells, bit by bit: NaN is NaN."""
    return left.schema.equals(right.schema) and all(
        _bits(ours).equals(_bits(theirs)) for ours, theirs in zip(left.columns, right.columns, strict=True)
    )


def _bits(column: pa.ChunkedArray) -> pa.Array:
    array = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return array.view(f"int{array.type.bit_width}") if pa.types.is_floating(array.type) else array

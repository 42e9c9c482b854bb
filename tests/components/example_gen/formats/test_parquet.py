"""Parquet: blocks of row groups, every Arrow type as pyarrow itself reads it, and files that are none."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrow_tables import read_all, same, tables

from components.example_gen.formats.parquet import ParquetReader
from preprocessing.errors import UserError

READER = ParquetReader(1 << 20)


def written(folder: Path, table: pa.Table, **options: object) -> str:
    path = str(folder / "t.parquet")
    pq.write_table(table, path, **options)
    return path


@settings(deadline=None, max_examples=60)
@given(table=tables(), block_bytes=st.sampled_from([1, 50, 400, 1 << 20]), group=st.integers(1, 40))
def test_what_is_read_is_what_pyarrow_reads(
    table: pa.Table, block_bytes: int, group: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = written(tmp_path_factory.mktemp("t"), table, row_group_size=group)
    expected = pq.read_table(file)
    reader = ParquetReader(block_bytes)
    assert reader.columns(file) == expected.column_names
    received, places = read_all(reader, file)
    assert places == list(range(1, table.num_rows + 1))
    if table.num_rows:
        assert received is not None
        assert same(received, expected)


def test_small_row_groups_share_a_block_and_a_large_one_has_its_own(tmp_path: Path) -> None:
    file = str(tmp_path / "t.parquet")
    schema = pa.schema([("a", pa.int64())])
    with pq.ParquetWriter(file, schema, use_dictionary=False) as writer:
        for rows in (10, 20, 30, 5000, 40):
            writer.write_table(pa.table({"a": np.arange(rows)}, schema))
    metadata = pq.read_metadata(file)
    three = sum(metadata.row_group(group).total_byte_size for group in range(3))
    blocks = list(ParquetReader(three).plan(file))
    assert [(block.number, block.start, block.end, block.first) for block in blocks] == [
        (0, 0, 3, 1),
        (1, 3, 4, 61),
        (2, 4, 5, 5061),
    ]
    pieces = list(ParquetReader(three).read(blocks[1]))
    assert len(pieces) > 1
    assert max(piece.batch.nbytes for piece in pieces) <= three
    assert [place for piece in pieces for place in piece.places] == list(range(61, 5061))


def test_cells_that_repeat_do_not_swell_a_piece(tmp_path: Path) -> None:
    # Stored once by the dictionary, 40 MB unpacked.
    file = written(tmp_path, pa.table({"a": ["x" * 2000] * 20_000}))
    (block,) = READER.plan(file)
    pieces = list(READER.read(block))
    assert sum(piece.batch.num_rows for piece in pieces) == 20_000
    assert max(piece.batch.nbytes for piece in pieces) <= READER.block_bytes


def test_only_wanted_columns_are_read_in_the_wanted_order(tmp_path: Path) -> None:
    table = pa.table({"a": [{"b": 1}, {"b": 2}], "a.b": ["x", "y"], "c": [0.5, None]})
    file = written(tmp_path, table)
    (block,) = READER.plan(file)
    (rows,) = READER.read(block, {"c": "double", "a.b": "string"})
    assert rows.batch.column_names == ["c", "a.b"]
    assert rows.batch.to_pydict() == {"c": [0.5, None], "a.b": ["x", "y"]}
    with pytest.raises(UserError, match=r"t\.parquet: no column 'z'; it has a, a\.b, c"):
        list(READER.read(block, {"z": "double"}))


def test_a_file_without_rows_has_columns_and_no_blocks(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table({"a": pa.array([], pa.int8())}))
    assert READER.columns(file) == ["a"]
    assert list(READER.plan(file)) == []


def test_thousands_of_columns(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(5000)]
    file = written(tmp_path, pa.table([pa.array([number, None]) for number in range(5000)], names=names))
    assert READER.columns(file) == names
    (rows,) = [rows for block in READER.plan(file) for rows in READER.read(block, dict.fromkeys(names, "int64"))]
    assert rows.batch.to_pylist() == [dict(zip(names, range(5000), strict=True)), dict.fromkeys(names)]


def test_columns_without_a_name_are_not_read(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table([[1], [2], [3], [4]], names=["", "a", "", "b"]))
    assert READER.columns(file) == ["", "a", "", "b"]
    (block,) = READER.plan(file)
    (rows,) = READER.read(block)
    assert rows.batch.to_pylist() == [{"a": 2, "b": 4}]


def test_a_table_of_nothing_but_columns_without_a_name_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table([[1], [2]], names=["", ""]))
    with pytest.raises(UserError, match="expected columns with names, found none"):
        READER.columns(file)


def test_duplicate_columns_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table([[1], [2], [3]], names=["a", "b", "a"]))
    with pytest.raises(UserError, match=r"t\.parquet: duplicate column 'a' \(columns 1 and 3\)"):
        READER.columns(file)
    (block,) = READER.plan(file)
    with pytest.raises(UserError, match="duplicate column 'a'"):
        list(READER.read(block))


@pytest.mark.parametrize(
    ("kept", "message"), [(0, "the file is empty"), (3, "not a complete Parquet file"), (-30, "not a complete Parquet")]
)
def test_a_truncated_file_is_named(tmp_path: Path, kept: int, message: str) -> None:
    file = written(tmp_path, pa.table({"a": [1, 2]}))
    Path(file).write_bytes(Path(file).read_bytes()[:kept])
    for attempt in (lambda: READER.columns(file), lambda: list(READER.plan(file))):
        with pytest.raises(UserError, match=rf"t\.parquet: {message}") as caught:
            attempt()
        assert "\n" not in caught.value.message
        assert caught.value.hint


@pytest.mark.parametrize(
    "options", [{"compression": "zstd"}, {"compression": "none", "use_dictionary": False, "write_page_checksum": True}]
)
def test_damaged_data_is_named(tmp_path: Path, options: dict[str, object]) -> None:
    file = written(tmp_path, pa.table({"a": [f"{number} text" for number in range(10_000)]}), **options)
    content = bytearray(Path(file).read_bytes())
    content[5000:5010] = b"damaged..."
    Path(file).write_bytes(content)
    (block,) = READER.plan(file)
    with pytest.raises(UserError, match=r"t\.parquet: not a complete Parquet file"):
        list(READER.read(block))


def test_another_format_and_a_missing_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n3,4\n5,6\n")
    with pytest.raises(UserError, match=r"a\.parquet: not a complete Parquet file"):
        READER.columns(str(tmp_path / "a.parquet"))
    with pytest.raises(UserError, match=r"b\.parquet: No such file"):
        READER.columns(str(tmp_path / "b.parquet"))

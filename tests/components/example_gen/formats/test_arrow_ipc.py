"""Arrow IPC files and streams: every Arrow type as pyarrow itself reads it, and files that are none."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrow_tables import read_all, same, tables

from components.example_gen.block import Block
from components.example_gen.formats.arrow_ipc import ArrowIpcReader
from preprocessing.errors import UserError

READER = ArrowIpcReader(1 << 20)
KINDS = {"file": pa.ipc.new_file, "stream": pa.ipc.new_stream}


def written(folder: Path, table: pa.Table, kind: str = "file", rows: int | None = None, **options: Any) -> str:
    path = str(folder / "t.arrow")
    with KINDS[kind](path, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, rows)
    return path


@settings(deadline=None, max_examples=60)
@given(
    table=tables(),
    kind=st.sampled_from(sorted(KINDS)),
    block_bytes=st.sampled_from([1, 50, 400, 1 << 20]),
    rows=st.integers(1, 40),
    compression=st.sampled_from([None, "lz4", "zstd"]),
)
def test_what_is_read_is_what_was_written(
    table: pa.Table,
    kind: str,
    block_bytes: int,
    rows: int,
    compression: str | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = written(tmp_path_factory.mktemp("t"), table, kind, rows, compression=compression)
    reader = ArrowIpcReader(block_bytes)
    assert reader.columns(file) == table.column_names
    received, places = read_all(reader, file)
    assert places == list(range(1, table.num_rows + 1))
    if table.num_rows:
        assert received is not None
        assert same(received, table)


def test_small_batches_share_a_block_and_a_large_one_has_its_own(tmp_path: Path) -> None:
    file = str(tmp_path / "t.arrow")
    schema = pa.schema([("a", pa.int64())])
    with pa.ipc.new_file(file, schema) as writer:
        for rows in (8, 16, 5000, 0, 8):  # multiples of Arrow's padding
            writer.write_batch(pa.record_batch([np.arange(rows)], schema))
    assert list(ArrowIpcReader(24 * 8).plan(file)) == [
        Block(file, 0, 0, 2, 1),
        Block(file, 1, 2, 3, 25),
        Block(file, 2, 3, 5, 5025),
    ]
    pieces = list(ArrowIpcReader(800).read(Block(file, 1, 2, 3, 25)))
    assert len(pieces) > 1
    assert max(piece.batch.nbytes for piece in pieces) <= 800
    assert [place for piece in pieces for place in piece.places] == list(range(25, 5025))


def test_a_stream_is_one_block(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table({"a": range(100)}), "stream", 10)
    assert list(READER.plan(file)) == [Block(file, 0, 0, -1, 1)]
    (rows,) = READER.read(Block(file, 0, 0, -1, 1))
    assert rows.batch.num_rows == 100


def test_only_wanted_columns_are_read_in_the_wanted_order(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table({"a": [1, 2], "b": ["x", "y"], "c": [0.5, None]}))
    (block,) = READER.plan(file)
    (rows,) = READER.read(block, {"c": "double", "a": "int64"})
    assert rows.batch.to_pydict() == {"c": [0.5, None], "a": [1, 2]}
    with pytest.raises(UserError, match=r"t\.arrow: no column 'z'; it has a, b, c"):
        list(READER.read(block, {"z": "double"}))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_without_rows_has_columns_and_gives_none(tmp_path: Path, kind: str) -> None:
    file = written(tmp_path, pa.table({"a": pa.array([], pa.int8())}), kind)
    assert READER.columns(file) == ["a"]
    assert read_all(READER, file) == (None, [])


def test_thousands_of_columns(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(5000)]
    file = written(tmp_path, pa.table([pa.array([number, None]) for number in range(5000)], names=names))
    assert READER.columns(file) == names
    received, _ = read_all(READER, file)
    assert received is not None
    assert received.to_pylist() == [dict(zip(names, range(5000), strict=True)), dict.fromkeys(names)]


def test_feather_version_1_says_how_to_go_on(tmp_path: Path) -> None:
    file = str(tmp_path / "t.feather")
    feather.write_feather(pa.table({"a": [1]}), file, version=1)
    with pytest.raises(UserError, match=r"t\.feather: Feather version 1; expected version 2"):
        READER.columns(file)
    feather.write_feather(pa.table({"a": [1]}), file)
    assert READER.columns(file) == ["a"]


def test_columns_without_a_name_are_not_read(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table([[1], [2], [3], [4]], names=["", "a", "", "b"]))
    assert READER.columns(file) == ["", "a", "", "b"]
    (block,) = READER.plan(file)
    (rows,) = READER.read(block)
    assert rows.batch.to_pylist() == [{"a": 2, "b": 4}]


def test_duplicate_columns_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table([[1], [2], [3]], names=["a", "b", "a"]))
    with pytest.raises(UserError, match=r"t\.arrow: duplicate column 'a' \(columns 1 and 3\)"):
        READER.columns(file)
    (block,) = READER.plan(file)
    with pytest.raises(UserError, match="duplicate column 'a'"):
        list(READER.read(block))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_file_cut_anywhere_is_named(tmp_path: Path, kind: str) -> None:
    table = pa.table({"a": range(40), "b": [f"text {number}" for number in range(40)]})
    file = written(tmp_path, table, kind, 10)
    content = Path(file).read_bytes()
    for kept in range(0, len(content), 7):
        Path(file).write_bytes(content[:kept])
        with pytest.raises(UserError, match=r"t\.arrow: (the file is empty|not a complete Arrow IPC)") as caught:
            read_all(READER, file)
        assert "\n" not in caught.value.message
        assert caught.value.hint


def test_a_stream_whose_writer_died_between_two_batches_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table({"a": range(40)}), "stream", 10)
    Path(file).write_bytes(Path(file).read_bytes()[:-8])
    with pytest.raises(UserError, match=r"t\.arrow: not a complete Arrow IPC stream: its end mark is missing"):
        read_all(READER, file)


def test_offsets_that_point_nowhere_are_found(tmp_path: Path) -> None:
    file = written(tmp_path, pa.table({"b": ["one", "two", "three"]}))
    offsets = np.array([0, 3, 6, 11], np.int32).tobytes()
    content = Path(file).read_bytes()
    assert content.count(offsets) == 1
    Path(file).write_bytes(content.replace(offsets, np.array([0, 3, 6, 1 << 30], np.int32).tobytes()))
    with pytest.raises(UserError, match=r"t\.arrow: not a complete Arrow IPC file"):
        read_all(READER, file)


def test_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.arrow").write_text("a,b\n1,2\n3,4\n5,6\n")
    with pytest.raises(UserError, match=r"a\.arrow: not a complete Arrow IPC file"):
        READER.columns(str(tmp_path / "a.arrow"))

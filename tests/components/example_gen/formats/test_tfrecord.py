"""TFRecord files of tf.Example: as TensorFlow writes them, and damaged."""

import gzip
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.arrow_tables import read_all
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.example_gen.block import Block
from components.example_gen.formats.tfrecord import TfRecordReader
from preprocessing.errors import UserError

READER = TfRecordReader(1 << 20)
# tf.io.TFRecordWriter wrote this: the one record b"abc".
BY_TENSORFLOW = bytes.fromhex("0300000000000000b099490e6162636e57f121")


def crc32c(data: bytes) -> int:
    """The checksum bit by bit, from its polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def framed(record: bytes) -> bytes:
    def masked(data: bytes) -> bytes:
        crc = crc32c(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(record))
    return length + masked(length) + record + masked(record)


def example(**features: list[int] | list[float] | list[bytes]) -> bytes:
    kinds = {int: pa.int64(), float: pa.float32(), bytes: pa.binary()}
    arrays = {name: pa.array([cell], pa.list_(kinds[type(cell[0])])) for name, cell in features.items()}
    (record,) = RecordBatchToExamplesEncoder().encode(pa.record_batch(arrays))
    return record


def written(folder: Path, *records: bytes, name: str = "t.tfrecord") -> str:
    content = b"".join(map(framed, records))
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(folder / name)


def test_frames_are_as_tensorflow_writes_them() -> None:
    assert framed(b"abc") == BY_TENSORFLOW


@pytest.mark.parametrize("name", ["t.tfrecord", "t.tfrecord.gz"])
def test_features_are_lists_in_their_own_type_and_null_where_missing(tmp_path: Path, name: str) -> None:
    file = written(tmp_path, example(b=[1, 2], a=[0.5]), example(c=[b"\xff"]), b"", name=name)
    assert READER.columns(file) == ["a", "b", "c"]
    assert list(READER.plan(file)) == [Block(file, 0, 0, -1, 1)]
    (rows,) = READER.read(Block(file, 0, 0, -1, 1))
    assert rows.places.tolist() == [1, 2, 3]
    assert rows.batch.to_pydict() == {"a": [[0.5], None, None], "b": [[1, 2], None, None], "c": [None, [b"\xff"], None]}
    assert [kind.value_type for kind in rows.batch.schema.types] == [pa.float32(), pa.int64(), pa.large_binary()]


def test_only_wanted_features_are_given_and_those_that_no_example_has_are_null(tmp_path: Path) -> None:
    file = written(tmp_path, example(b=[1], a=[0.5]))
    (rows,) = READER.read(Block(file, 0, 0, -1, 1), {"z": "string", "b": "int64"})
    assert rows.batch.to_pydict() == {"z": [None], "b": [[1]]}


@settings(deadline=None, max_examples=40)
@given(
    cells=st.lists(st.none() | st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=3), max_size=40),
    texts=st.lists(st.binary(max_size=20), min_size=40, max_size=40),
    block_bytes=st.sampled_from([1, 100, 1 << 20]),
)
def test_every_block_size_gives_the_same_rows(
    cells: list[list[int] | None], texts: list[bytes], block_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    records = [example(s=[text], **({"i": cell} if cell else {})) for cell, text in zip(cells, texts, strict=False)]
    file = written(tmp_path_factory.mktemp("t"), *records)
    reader = TfRecordReader(block_bytes)
    pieces = [rows for block in reader.plan(file) for rows in reader.read(block, {"i": "int64", "s": "string"})]
    assert [row["i"] for rows in pieces for row in rows.batch.to_pylist()] == cells
    assert [row["s"] for rows in pieces for row in rows.batch.to_pylist()] == [[text] for text in texts[: len(cells)]]
    assert [int(place) for rows in pieces for place in rows.places] == list(range(1, len(cells) + 1))
    if block_bytes == 1:
        assert len(pieces) == len(cells)


def test_a_feature_that_changes_its_kind_starts_a_new_piece(tmp_path: Path) -> None:
    file = written(tmp_path, example(x=[1]), example(y=[b"y"]), example(x=[0.5]), example(x=[1.5]), example(x=[2]))
    pieces = list(READER.read(Block(file, 0, 0, -1, 1)))
    assert [rows.batch["x"].to_pylist() for rows in pieces] == [[[1], None], [[0.5], [1.5]], [[2]]]
    assert [rows.places.tolist() for rows in pieces] == [[1, 2], [3, 4], [5]]


def test_a_record_that_is_no_example_is_a_bad_row(tmp_path: Path) -> None:
    file = written(tmp_path, example(x=[1]), b"garbage", example(x=[3]))
    (rows,) = READER.read(Block(file, 0, 0, -1, 1))
    assert (rows.batch.to_pydict(), rows.places.tolist()) == ({"x": [[1], [3]]}, [1, 3])
    (bad,) = rows.bad
    assert (bad.file, bad.place, bad.reason) == (file, 2, "expected a tf.Example, received 7 bytes that are not one")
    assert bad.text == b'{"record_base64": "Z2FyYmFnZQ=="}'


def test_a_file_of_other_records_has_no_columns(tmp_path: Path) -> None:
    file = written(tmp_path, b"garbage")
    with pytest.raises(UserError, match=r"t\.tfrecord: expected tf\.Example records with features, found none"):
        READER.columns(file)
    (rows,) = READER.read(Block(file, 0, 0, -1, 1))
    assert (rows.batch.num_rows, len(rows.bad)) == (0, 1)


def test_an_empty_file_has_no_blocks_and_no_columns(tmp_path: Path) -> None:
    file = written(tmp_path)
    assert read_all(READER, file) == (None, [])
    with pytest.raises(UserError, match=r"t\.tfrecord: the file is empty"):
        READER.columns(file)


@pytest.mark.parametrize("name", ["t.tfrecord", "t.tfrecord.gz"])
def test_a_file_cut_short_is_named_with_its_record(tmp_path: Path, name: str) -> None:
    file = written(tmp_path, example(x=[1]), example(x=[2]), name=name)
    content = Path(file).read_bytes()
    for cut in range(1, len(framed(example(x=[2])))):
        Path(file).write_bytes(content[:-cut])
        expected = "record 2: the file is cut short" if name == "t.tfrecord" else "the gzip data is cut short"
        with pytest.raises(UserError, match=rf"{name}: {expected}"):
            list(READER.read(Block(file, 0, 0, -1, 1)))


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    file = written(tmp_path, example(x=[1]), example(x=[2]))
    content = Path(file).read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        Path(file).write_bytes(damaged)
        record = 1 if position < len(content) // 2 else 2
        with pytest.raises(UserError, match=rf"t\.tfrecord: record {record}: .*checksum.* does not match"):
            list(READER.read(Block(file, 0, 0, -1, 1)))


def test_another_format_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.tfrecord").write_text("a,b\n1,2\n3,4\n5,6\n")
    with pytest.raises(UserError, match=r"a\.tfrecord: record 1: not a TFRecord file"):
        list(READER.plan(str(tmp_path / "a.tfrecord")))


def test_tensorflow_is_not_loaded(tmp_path: Path) -> None:
    file = written(tmp_path, example(x=[1]))
    code = (
        "import sys; from components.example_gen.formats.tfrecord import TfRecordReader; "
        f"assert TfRecordReader(100).columns({file!r}) == ['x']; assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""TFRecord framing and gzip members, read back by TensorFlow."""

from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.example_gen import shards
from components.tfrecord import framed, gzipped


def read(path: Path) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP")]


@settings(deadline=None, max_examples=30)
@given(pieces=st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=5), min_size=1, max_size=4))
def test_tensorflow_reads_members_as_one_file(
    pieces: list[list[bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("shard") / "data.gz"
    with shards.create(str(path)) as file:
        for piece in pieces:
            file.write(gzipped(framed(piece), level=1))
    assert read(path) == [record for piece in pieces for record in piece]


def test_framing_is_tensorflows_own(tmp_path: Path) -> None:
    records = [b"", b"a", b"\0" * 70_000]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert framed(records) == (tmp_path / "theirs").read_bytes()


def test_files_are_moved_once_and_folders_made(tmp_path: Path) -> None:
    source, target = str(tmp_path / "a.gz"), str(tmp_path / "new" / "b.gz")
    shards.write_empty(source)
    shards.move([(source, target)])
    shards.move([(source, target)])  # as a retried step does
    assert read(Path(target)) == []
    assert not Path(source).exists()


def test_names_are_those_of_tfx() -> None:
    assert shards.shard_name(2, 12) == "data_tfrecord-00002-of-00012.gz"

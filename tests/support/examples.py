"""Reads what an ExampleGen wrote with TensorFlow's own reader and protos: nothing of ours decides what is there."""

import gzip
import struct
from pathlib import Path
from typing import Any

import tensorflow as tf

SPLITS = ("train", "eval", "test")
Features = dict[str, list[Any]]


def records(folder: Path, split: str) -> list[bytes]:
    """The serialized examples of one split, in the order of its shards."""
    shards = sorted(map(str, (folder / f"Split-{split}").glob("*.gz")))
    return [record.numpy() for record in tf.data.TFRecordDataset(shards, compression_type="GZIP")]


def unframed(shard: Path) -> list[bytes]:
    """The records of one shard, checksums unread: hundreds of times as fast as TensorFlow's reader on tiny files."""
    data, position, found = gzip.decompress(shard.read_bytes()), 0, []
    while position < len(data):
        (length,) = struct.unpack_from("<Q", data, position)
        found.append(data[position + 12 : position + 12 + length])
        position += 16 + length
    assert position == len(data)
    return found


def features(record: bytes) -> Features:
    """The values of each feature of one serialized example; a feature without a value has an empty list."""
    example = tf.train.Example.FromString(record)
    found: Features = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        found[name] = list(getattr(feature, kind).value) if kind else []
    return found


def examples(folder: Path, split: str) -> list[Features]:
    """The examples of one split."""
    return [features(record) for record in records(folder, split)]


def by_split(folder: Path) -> dict[str, list[Features]]:
    """All examples."""
    return {split: examples(folder, split) for split in SPLITS}

"""The table that the zoo's models answer: 32 rows of four features, with the labels of three tasks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

ROWS = 32
CLASSES = ("Adelie", "Gentoo", "Chinstrap")
SEXES = ("female", "male")
ISLANDS = ("Biscoe", "Dream", "Torgersen")
MISSING_INT = np.iinfo(np.int64).min
FEATURES = {"bill length": "float32", "mass": "int64", "island": "string", "year": "int64"}
"""The raw features in order; all but the year may be missing."""
LABELS = {"multiclass": "species", "binary": "sex", "regression": "wing"}

Row = dict[str, Any]

SCHEMA = """
feature { name: "bill length" type: FLOAT value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "mass" type: INT value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "island" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "year" type: INT shape { dim { size: 1 } } presence { min_fraction: 1 min_count: 1 } }
feature { name: "species" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "sex" type: BYTES value_count { min: 0 max: 1 } presence { min_count: 1 } }
feature { name: "wing" type: FLOAT value_count { min: 0 max: 1 } presence { min_count: 1 } }
"""


def raw_rows(*, complete: bool = False) -> list[Row]:
    """The rows; unless complete, some features are None, which is missing."""
    random = np.random.default_rng(5)
    lengths, masses = random.normal(44.0, 5.0, ROWS), random.integers(2700, 6300, ROWS)
    rows: list[Row] = [
        {
            "bill length": float(np.float32(lengths[i])),
            "mass": int(masses[i]),
            "island": ISLANDS[int(random.integers(3))],
            "year": 2007 + int(random.integers(3)),
            "species": CLASSES[i % 3],
            "sex": SEXES[i % 2],
            "wing": 170.0 + 2 * i,
        }
        for i in range(ROWS)
    ]
    for i, row in enumerate(rows):
        if not complete:
            gaps = {"bill length": i % 5 == 4, "mass": i % 6 == 5, "island": i % 7 == 6}
            row |= {column: None for column, gap in gaps.items() if gap}
    return rows


def raw_tensors(rows: Sequence[Row]) -> dict[str, tf.Tensor]:
    """The features by column, shape [rows]; missing is NaN, the smallest int64 and the empty string."""
    missing = {"float32": np.nan, "int64": MISSING_INT, "string": ""}
    return {
        column: tf.constant([missing[dtype] if row[column] is None else row[column] for row in rows], dtype)
        for column, dtype in FEATURES.items()
    }


def as_example(row: Row) -> bytes:
    """The row as a serialized tf.Example; a missing value is an empty feature."""
    features = {}
    for name, value in row.items():
        if value is None:
            features[name] = tf.train.Feature()
        elif isinstance(value, str):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif isinstance(value, int):
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def write_examples(folder: Path, rows: Sequence[bytes], split: str = "test") -> None:
    """Serialized examples as an ExampleGen leaves them."""
    (folder / f"Split-{split}").mkdir(parents=True)
    path = folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for row in rows:
            writer.write(row)


def write_schema(folder: Path, text: str = SCHEMA) -> None:
    """A schema as ImportSchemaGen leaves it."""
    folder.mkdir()
    (folder / "schema.pbtxt").write_text(text)

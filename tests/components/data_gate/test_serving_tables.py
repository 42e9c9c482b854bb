"""A sample of serving data is read by the rule that reads the table: the same cells are missing."""

from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf
from google.protobuf import text_format
from pyarrow import parquet
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate.tables import serving_summary
from preprocessing.missing import MissingWords

SCHEMA = text_format.Parse(
    'feature { name: "country" type: BYTES } feature { name: "income" type: FLOAT } feature { name: "n" type: INT }',
    schema_pb2.Schema(),
)
WORDS = MissingWords(table=("NA", "?"), columns={"country": ("none",)})
CELLS = {"country": ["NA", "none", " none ", "", " ", "DE"], "income": ["1.5", "NA", " ", "?", "2", "3"]}


def shares(path: Path) -> dict[str, tuple[int, int]]:
    """Rows and missing rows by column."""
    summary = serving_summary(str(path), SCHEMA, WORDS)
    return {name: (summary.rows, column.missing) for name, column in summary.columns.items()}


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"{country},{income}\n" for country, income in zip(*CELLS.values(), strict=True))
    path.write_text(f"country,income\n{rows}")
    # "NA" is a country; "none", with blanks around it too, blanks and nothing are none.
    assert shares(path) == {"country": (6, 4), "income": (6, 3)}


def test_a_format_with_a_null_knows_the_words_of_columns_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"country": [*CELLS["country"], None], "n": [1, None, 3, 4, 5, 6, 7]}), path)
    assert shares(path) == {"country": (7, 5), "n": (7, 1)}
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for cell in CELLS["country"]:
            values = tf.train.BytesList(value=[cell.encode()])
            features = tf.train.Features(feature={"country": tf.train.Feature(bytes_list=values)})
            writer.write(tf.train.Example(features=features).SerializeToString())
    assert shares(path) == {"country": (6, 4)}


def test_a_number_that_is_none_of_the_words_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("income\n1\nnone\n")
    with pytest.raises(Exception, match="the schema says FLOAT"):
        shares(path)

"""Rows of any format as tf.Examples: the types, what is missing, and what can't be read."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

from components.smoke_test.bench.requests import decode
from pipeline.commands.example_file import example_files, first_examples
from preprocessing.errors import UserError

pytestmark = pytest.mark.usefixtures("empty_folder")


def rows(file: str, *, most: int = 100, **types: Any) -> list[dict[str, Any]]:
    """The features of each example, as lists."""
    records = first_examples(*example_files(Path(file)), types, most)
    return [{name: values.tolist() for name, values in decode(record).items()} for record in records]


def written(file: str, count: int = 3) -> list[bytes]:
    """A TFRecord file of examples n = 0, 1, ...; it is packed when its name says so."""
    options = tf.io.TFRecordOptions(compression_type="GZIP" if file.endswith(".gz") else "")
    feature = [tf.train.Feature(int64_list=tf.train.Int64List(value=[n])) for n in range(count)]
    records = [tf.train.Example(features=tf.train.Features(feature={"n": f})).SerializeToString() for f in feature]
    Path(file).parent.mkdir(exist_ok=True, parents=True)
    with tf.io.TFRecordWriter(file, options) as writer:
        for record in records:
            writer.write(record)
    return records


def test_csv_gets_the_types_that_the_model_takes() -> None:
    Path("t.csv").write_text("a,b,code,other\n1,2,007,1.5\n,NA,x,2\n")
    assert rows("t.csv", a="double", b="string", code="string") == [
        {"a": [1.0], "b": [b"2"], "code": [b"007"], "other": [1.5]},
        {"code": [b"x"], "other": [2.0]},
    ]
    # Nobody says: the values do.
    assert rows("t.csv")[0] == {"a": [1], "b": [2], "code": [b"007"], "other": [1.5]}


def test_the_csv_of_another_country() -> None:
    Path("t.csv").write_bytes("naïve;b\nçà;2\n".encode("cp1252"))
    assert rows("t.csv") == [{"naïve": ["çà".encode()], "b": [2]}]


def test_packed_text() -> None:
    Path("t.csv.gz").write_bytes(gzip.compress(b"a\n1\n2\n"))
    assert rows("t.csv.gz", a="double") == [{"a": [1.0]}, {"a": [2.0]}]


def test_only_the_first_rows_are_taken() -> None:
    Path("t.csv").write_text("a\n" + "".join(f"{n}\n" for n in range(10_000)) + "not a number\n")
    assert [row["a"] for row in rows("t.csv", most=3, a="int64")] == [[0], [1], [2]]


def test_formats_with_types_of_their_own() -> None:
    table = pa.table({"x": [[1.0, 2.0], [3.0, 4.0]], "flag": [True, None], "word": ["a", None], "empty": pa.nulls(2)})
    parquet.write_table(table, "t.parquet")
    Path("t.jsonl").write_text(json.dumps({"x": [1, 2], "word": "a"}) + "\n" + json.dumps({"more": 1.5}) + "\n")
    assert rows("t.parquet", flag="int64") == [{"x": [1.0, 2.0], "flag": [1], "word": [b"a"]}, {"x": [3.0, 4.0]}]
    assert rows("t.jsonl", x="double") == [{"x": [1.0, 2.0], "word": [b"a"]}, {"more": [1.5]}]


@pytest.mark.parametrize(
    "file", ["t.tfrecord", "t.tfrecord.gz", "t.gz", "t.tfrecord-00000-of-00001.gz", "data_tfrecord-00000-of-00001.gz"]
)
def test_tfrecord_passes_as_it_is(file: str) -> None:
    records = written(file)
    assert first_examples(*example_files(Path(file)), {}, 2) == records[:2]


def test_a_split_of_tfx() -> None:
    written("examples/Split-test/data_tfrecord-00000-of-00002.gz", 2)
    written("examples/Split-test/data_tfrecord-00001-of-00002.gz", 1)
    Path("examples/Split-test/_SUCCESS").touch()
    assert [row["n"] for row in rows("examples/Split-test")] == [[0], [1], [0]]
    with pytest.raises(UserError) as caught:
        example_files(Path("examples"))
    assert caught.value.hint == "give one split: examples/Split-test"


def _refused(file: str, **types: Any) -> str:
    with pytest.raises(UserError) as caught:
        rows(file, **types)
    assert caught.value.hint
    return caught.value.message


def test_a_value_of_another_type_is_found_by_its_line() -> None:
    Path("t.csv").write_text("a,b\n1,x\n2,y\nthree,z\n")
    assert _refused("t.csv", a="double").startswith("--examples: t.csv, line 4: column 'a': expected a number")
    Path("short.csv").write_text("a,b\n1,x\n2\n")
    assert _refused("short.csv").startswith("--examples: short.csv, line 3: ")


def test_what_can_not_be_read() -> None:
    Path("t.dat").touch()
    Path("folder").mkdir()
    assert _refused("no.csv") == "--examples: no.csv: no such file"
    assert _refused("t.dat") == "--examples: t.dat: the name does not say what this is"
    assert _refused("folder") == "--examples: folder: the folder holds no TFRecord file"
    Path("t.csv").touch()
    assert "t.csv" in _refused("t.csv")


def test_damaged_tfrecord() -> None:
    written("t.tfrecord")
    content = Path("t.tfrecord").read_bytes()
    Path("cut.tfrecord").write_bytes(content[:-5])
    Path("text.tfrecord").write_text("a,b\n1,2\n" * 20)
    Path("plain.gz").write_bytes(content)
    for file in ("cut.tfrecord", "text.tfrecord", "plain.gz"):
        assert _refused(file).startswith(f"--examples: {file} can't be read as TFRecord: ")

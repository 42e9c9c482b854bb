"""The reader from examples to Arrow gives what tfx_bsl's decoder gives, whether it knows the types or not."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from support.gated import write_records
from tfx.types import standard_artifacts
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.artifacts.ingest import IngestReport
from components.example_gen.encode import encoded, value_lists
from components.examples import SplitExamples, decoded, ingest_report, records

TYPES = {"s": "string", "i": "int64", "f": "double", "none": "string", "many": "double", "words": "string"}
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "s": (pa.binary(), st.binary(max_size=9)),
    "i": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "f": (pa.float64(), st.floats()),
    "none": (pa.string(), st.none()),
    "many": (pa.list_(pa.float64()), st.lists(st.floats(width=32), min_size=1, max_size=3)),
    "words": (pa.list_(pa.string()), st.lists(st.sampled_from(["a", "", "ü"]), min_size=1, max_size=3)),
}
ROW = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in COLUMNS.items()})


def serialized(rows: list[dict[str, Any]]) -> list[bytes]:
    """The rows as ExampleGen writes them."""
    arrays = [pa.array([row.get(name) for row in rows], kind) for name, (kind, _) in COLUMNS.items()]
    return encoded(value_lists(pa.RecordBatch.from_arrays(arrays, list(COLUMNS))))


def example(**features: tf.train.Feature) -> bytes:
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def ints(*values: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def same(found: pa.RecordBatch, expected: pa.RecordBatch) -> bool:
    """Equal with their types; NaN is NaN."""
    return found.schema.equals(expected.schema) and repr(found.to_pydict()) == repr(expected.to_pydict())


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12))
def test_known_types_give_what_the_decoder_gives(rows: list[dict[str, Any]]) -> None:
    content = serialized(rows)
    assert same(decoded(content, TYPES), ExamplesToRecordBatchDecoder().DecodeBatch(content))


def test_batches_follow_the_files_in_order(tmp_path: Path) -> None:
    """A large row makes the batches small; one file is not compressed, one is empty."""
    rows = [{"i": number, "s": b"x" * 300_000} for number in range(70)]
    files = [str(tmp_path / name) for name in ("a.gz", "b.gz", "c", "d.gz")]
    for file, part in zip(files, (rows[:30], [], rows[30:31], rows[31:]), strict=True):
        write_records(Path(file), serialized(part) if part else [])
    for types in (TYPES, None):
        read = list(SplitExamples(files, types, 70).read())
        assert [value for _, batch in read for (value,) in batch.column("i").to_pylist()] == list(range(70))
        assert [batch.num_rows for _, batch in read] == [27, 27, 16], "8 MiB at once"
        assert [each for content, _ in read for each in content.numpy()] == list(records(files).as_numpy_iterator())


def test_only_some_features_are_parsed(tmp_path: Path) -> None:
    content = serialized([{"i": 1, "s": b"a"}, {"s": b"b"}])
    write_records(tmp_path / "a.gz", content)
    [(_, batch)] = SplitExamples([str(tmp_path / "a.gz")], TYPES).read({"i", "other"})
    assert batch.to_pydict() == {"i": [[1], None]}


def test_examples_of_unknown_origin(tmp_path: Path) -> None:
    """A feature that comes late, a list that is empty and not missing, a feature without a kind."""
    content = [example(a=ints(1), b=tf.train.Feature()), example(a=ints(), b=tf.train.Feature(), late=ints(2, 3))]
    write_records(tmp_path / "a.gz", content)
    [(_, batch)] = SplitExamples([str(tmp_path / "a.gz")]).read()
    assert batch.to_pydict() == {"a": [[1], []], "b": [None, None], "late": [None, [2, 3]]}
    assert same(batch, ExamplesToRecordBatchDecoder().DecodeBatch(content))


def test_two_types_are_an_error(tmp_path: Path) -> None:
    text = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"1"]))
    write_records(tmp_path / "a.gz", [example(a=ints(1)), example(a=text)])
    with pytest.raises(RuntimeError, match="a"):
        list(SplitExamples([str(tmp_path / "a.gz")]).read())
    with pytest.raises(tf.errors.InvalidArgumentError, match="a"):
        list(SplitExamples([str(tmp_path / "a.gz")], {"a": "int64"}).read())


@pytest.mark.parametrize(
    ("cut", "error", "message"),
    [
        (3, tf.errors.DataLossError, "truncated"),
        # In the twelve bytes before a record, where TensorFlow takes it for the end.
        (60, ValueError, "8 examples, ExampleGen wrote 9"),
        (130, ValueError, "7 examples, ExampleGen wrote 9"),
    ],
)
def test_a_file_that_was_cut_off_is_an_error(tmp_path: Path, cut: int, error: type[Exception], message: str) -> None:
    file = tmp_path / "a"
    write_records(file, [example(a=ints(number), b=ints(*range(24))) for number in range(9)])
    assert file.stat().st_size == 9 * 65
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(error, match=message):
        list(SplitExamples([str(file)], {"a": "int64"}, 9).read())


def test_a_split_without_files() -> None:
    assert list(SplitExamples([], TYPES, 0).read()) == []


def test_what_is_known_of_an_artifact(tmp_path: Path) -> None:
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(tmp_path), json.dumps(["train"])
    for name in ("data-1.gz", "data-0.gz"):
        write_records(tmp_path / "Split-train" / name, [])
    files = [str(tmp_path / "Split-train" / f"data-{number}.gz") for number in (0, 1)]
    assert ingest_report(examples) is None
    assert SplitExamples.of(examples, "train", None) == SplitExamples(files)
    report = IngestReport(rows={"train": 0}, files=(), types={"i": "int64"})
    (tmp_path / "ingest.json").write_text(report.model_dump_json())
    assert ingest_report(examples) == report
    assert SplitExamples.of(examples, "train", report) == SplitExamples(files, {"i": "int64"}, 0)

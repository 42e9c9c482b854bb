"""A sample of serving data is read by the rule that reads the table: the same cells are missing."""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf
from google.protobuf import text_format
from pyarrow import parquet
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate import sample
from components.data_gate.tables import serving_sample
from preprocessing.errors import UserError
from preprocessing.missing import MissingWords

SCHEMA = text_format.Parse(
    'feature { name: "country" type: BYTES } feature { name: "income" type: FLOAT } feature { name: "n" type: INT }',
    schema_pb2.Schema(),
)
WORDS = MissingWords(table=("NA", "?"), columns={"country": ("none",)})
CELLS = {"country": ["NA", "none", " none ", "", " ", "DE"], "income": ["1.5", "NA", " ", "?", "2", "3"]}


def shares(path: Path) -> dict[str, tuple[int, int]]:
    """Rows and missing rows by column."""
    summary = serving_sample(str(path), SCHEMA, WORDS, 1000).summary
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


def test_of_lists_every_value_counts_and_a_value_per_row_is_its_share(tmp_path: Path) -> None:
    cells = [["DE", "FR"], ["DE"], [], None, ["none", "FR", None], ["none"]]
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"country": cells}), path)
    expected = {"DE": pytest.approx(2 / 3), "FR": pytest.approx(2 / 3)}
    examples = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(examples)) as writer:
        for cell in cells:
            values = tf.train.BytesList(value=[each.encode() for each in cell or [] if each])
            features = tf.train.Features(feature={"country": tf.train.Feature(bytes_list=values)})
            writer.write(tf.train.Example(features=features).SerializeToString())
    for each in (path, examples):
        country = serving_sample(str(each), SCHEMA, WORDS, 1000).summary.columns["country"]
        assert (country.present, country.missing, country.shares) == (3, 3, expected)
    # Lists that have one value at most are columns of it.
    parquet.write_table(pa.table({"country": [["DE"], [], None, ["FR"]]}), path)
    assert shares(path) == {"country": (4, 2)}


def test_cells_with_a_separator_are_lists_whatever_a_client_sent(tmp_path: Path) -> None:
    words = WORDS.model_copy(update={"separators": {"country": "|"}})
    table, csv = tmp_path / "a.parquet", tmp_path / "a.csv"
    csv.write_text("country,income\nDE| FR,1\nDE,1\nnone,1\nnone|FR||,1\n,1\n")
    # Requests as the log keeps them: lists of what was sent.
    parquet.write_table(pa.table({"country": [["DE|FR"], ["DE"], ["none"], ["none", "FR"], None]}), table)
    for path in (csv, table):
        country = serving_sample(str(path), SCHEMA, words, 1000).summary.columns["country"]
        expected = {"DE": pytest.approx(2 / 3), "FR": pytest.approx(2 / 3)}
        assert (country.present, country.missing, country.shares) == (3, 2, expected)


def test_a_number_that_is_none_of_the_words_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("income\n1\nnone\n")
    with pytest.raises(Exception, match="the schema says FLOAT"):
        shares(path)


def test_of_a_folder_the_newest_rows_are_read_and_only_the_columns_that_are_asked_for(tmp_path: Path) -> None:
    for day in (1, 2, 3):
        table = pa.table({"income": [float(day)] * 4, "other": ["x"] * 4, "said": [day] * 4})
        parquet.write_table(table, tmp_path / f"requests-{day}.parquet")
    # The oldest is not even opened.
    (tmp_path / "requests-0.parquet").write_bytes(b"broken")
    found = serving_sample(str(tmp_path), SCHEMA, WORDS, 6, ["said"])
    assert found.cut
    assert found.table is not None
    assert found.table.to_pydict() == {"income": [3.0] * 4 + [2.0] * 2, "said": [3] * 4 + [2] * 2}
    assert (found.summary.rows, set(found.summary.columns)) == (6, {"income"})


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz", "a.tfrecord"])
def test_of_a_file_the_first_rows_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.parquet":
        parquet.write_table(pa.table({"income": [1.0, 2.0, 3.0]}), path)
    elif name == "a.tfrecord":
        with tf.io.TFRecordWriter(str(path)) as writer:
            for cell in (1.0, 2.0, 3.0):
                feature = tf.train.Feature(float_list=tf.train.FloatList(value=[cell]))
                writer.write(
                    tf.train.Example(features=tf.train.Features(feature={"income": feature})).SerializeToString()
                )
    else:
        content = b"income,other\n1,x\n2,x\n3,x\n"
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    for most, cut in ((2, True), (3, False)):
        found = serving_sample(str(path), SCHEMA, WORDS, most)
        assert (found.summary.rows, found.cut) == (most, cut)


def test_a_file_that_was_pruned_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet.write_table(pa.table({"income": [1.0]}), tmp_path / "requests-1.parquet")
    listed = ["requests-1.parquet", "requests-0.parquet"]
    monkeypatch.setattr(sample.fileio, "listdir", lambda _: listed)
    assert serving_sample(str(tmp_path), SCHEMA, WORDS, 10).summary.rows == 1
    del listed[0]
    with pytest.raises(UserError, match=r"has no \.parquet file"):
        serving_sample(str(tmp_path), SCHEMA, WORDS, 10)


def test_a_store_that_fails_is_unreadable_and_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> list[str]:
        raise tf.errors.UnavailableError(None, None, "503")

    monkeypatch.setattr(sample.fileio, "listdir", away)
    with pytest.raises(UserError, match="can't be read: 503"):
        serving_sample(str(tmp_path), SCHEMA, WORDS, 10)

"""The predictions of rows in every format: equal to what the model's formula gives, joined with the columns kept."""

import csv
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from openpyxl import Workbook
from support.served import configured, probabilities, species
from support.zoo.rows import FEATURES

from pipeline.operate.predict.prediction import Predicted, predict
from pipeline.operate.predict.request import Request, checked

ROWS: list[dict[str, Any]] = [
    {"id": "007", "bill length": 39.125, "mass": 3750, "island": "Torgersen", "year": 2007, "species": "Adelie"},
    {"id": "17", "bill length": None, "mass": 5100, "island": "Biscoe", "year": 2008, "species": None},
    {"id": 'a "b",\nc', "bill length": 50.5, "mass": None, "island": None, "year": 2009, "species": "Gentoo"},
    {"id": "x", "bill length": 46.0, "mass": 4000, "island": "Elsewhere", "year": 2009, "species": "Gentoo"},
]
PROBABILITIES = ["probability_Adelie", "probability_Gentoo", "probability_Chinstrap"]


def predicted(config: Path, place: Path, output: Path, *overrides: str, **wishes: Any) -> Predicted:
    loaded = configured(config, *overrides)
    return predict(loaded, checked(loaded, Request(str(place), None, str(output), **wishes)))


def written(folder: Path, fmt: str) -> Path:
    """The rows as a file."""
    path = folder / f"rows.{fmt}"
    names = list(ROWS[0])
    match fmt:
        case "csv":
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(names)
                writer.writerows(["NA" if cell is None else cell for cell in row.values()] for row in ROWS)
        case "parquet":
            pq.write_table(pa.Table.from_pylist(ROWS), path)
        case "feather":
            pyarrow.feather.write_feather(pa.Table.from_pylist(ROWS), str(path))
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
        case "xlsx":
            book = Workbook()
            for cells in (names, *(list(row.values()) for row in ROWS)):
                book.active.append(cells)
            book.save(path)
        case "tfrecord":
            with tf.io.TFRecordWriter(str(path)) as records:
                for row in ROWS:
                    records.write(example(row).SerializeToString())
    return path


def example(row: dict[str, Any]) -> tf.train.Example:
    features = {}
    for name, cell in row.items():
        if cell is None:
            continue
        if FEATURES.get(name) == "float32":
            features[name] = tf.train.Feature(float_list={"value": [cell]})
        elif FEATURES.get(name) == "int64":
            features[name] = tf.train.Feature(int64_list={"value": [cell]})
        else:
            features[name] = tf.train.Feature(bytes_list={"value": [cell.encode()]})
    return tf.train.Example(features={"feature": features})


def table(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of predictions, as its own library reads it."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("target", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("fmt", ["csv", "parquet", "feather", "jsonl", "xlsx", "tfrecord"])
def test_every_format_gives_the_models_answers_in_the_order_of_the_rows(
    config: Path, tmp_path: Path, fmt: str, target: str
):
    result = predicted(config, written(tmp_path, fmt), tmp_path / f"predictions.{target}")
    assert (result.rows, result.bad_rows, result.version) == (4, 0, 7)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([f"rows.{fmt}", f"predictions.{target}"])
    found = table(tmp_path / f"predictions.{target}")
    assert [row["id"] for row in found] == [row["id"] for row in ROWS]
    assert [row["predicted_species"] for row in found] == species(ROWS)
    assert {str(row["model_version"]) for row in found} == {"7"}
    answers = np.array([[float(row[name]) for name in PROBABILITIES] for row in found])
    np.testing.assert_allclose(answers, probabilities(ROWS), rtol=1e-5)
    missing = "" if target == "csv" else None
    if (fmt, target) != ("csv", "csv"):
        assert found[1]["species"] == missing
        assert found[2]["mass"] == missing
    else:
        assert found[1]["species"] == "NA"  # as it stands
    if target != "csv":
        assert [row["mass"] for row in found] == [row["mass"] for row in ROWS]
        assert [row["bill length"] for row in found] == [row["bill length"] for row in ROWS]


def test_columns_of_parquet_keep_their_types(config: Path, tmp_path: Path):
    day = datetime.date(2009, 11, 30)
    more = {"day": day, "tags": ["a", "b"], "code": 2**62 + 1, "at": datetime.datetime(2009, 11, 30, 12, 30, 1, 250)}
    pq.write_table(pa.Table.from_pylist([row | more for row in ROWS]), tmp_path / "rows.parquet")
    predicted(config, tmp_path / "rows.parquet", tmp_path / "out.parquet", keep="day,tags,code,at")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.column_names == ["day", "tags", "code", "at", "predicted_species", *PROBABILITIES, "model_version"]
    assert found.select(list(more)).to_pylist() == [more] * 4
    predicted(config, tmp_path / "rows.parquet", tmp_path / "out.csv", keep="day,tags,code,at")
    cells = table(tmp_path / "out.csv")[0]
    assert (cells["day"], json.loads(cells["tags"]), cells["code"]) == ("2009-11-30", ["a", "b"], str(2**62 + 1))
    assert cells["at"].startswith("2009-11-30 12:30:01.00025")


def test_the_columns_that_the_model_and_the_schema_know_have_their_types_and_others_are_text(
    config: Path, tmp_path: Path
):
    predicted(config, written(tmp_path, "csv"), tmp_path / "out.parquet")
    kinds = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "out.parquet")}
    assert kinds == {
        "id": "string",
        "bill length": "double",
        "mass": "int64",
        "island": "string",
        "year": "int64",
        "species": "string",
        "predicted_species": "string",
        **dict.fromkeys(PROBABILITIES, "float"),
        "model_version": "int64",
    }


def test_a_table_of_another_format_than_the_trainings_has_the_trainings_words(config: Path, tmp_path: Path):
    # JSON has a null of its own: without the training's words "NA" would be a bad row among numbers.
    row = {"bill length": "NA", "mass": 4000, "island": "NA", "year": 2009}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    result = predicted(config, tmp_path / "rows.jsonl", tmp_path / "out.jsonl", keep="")
    assert (result.rows, result.bad_rows) == (1, 0)
    [found] = table(tmp_path / "out.jsonl")
    expected = probabilities([{"mass": 4000, "year": 2009}])[0]
    np.testing.assert_allclose([found[name] for name in PROBABILITIES], expected, rtol=1e-5)
    # And CSV for a model that was trained on Parquet: NA is no word there, and the dialect is found out.
    (tmp_path / "rows.csv").write_text("bill length;mass;island;year\nNA;4000;Dream;2009\n")
    result = predicted(config, tmp_path / "rows.csv", tmp_path / "out.csv", "data.path=table.parquet")
    assert (result.rows, result.bad_rows) == (1, 0)
    expected = probabilities([{"mass": 4000, "island": "Dream", "year": 2009}])[0]
    np.testing.assert_allclose([float(table(tmp_path / "out.csv")[0][n]) for n in PROBABILITIES], expected, rtol=1e-5)


def test_no_rows_give_the_columns_and_no_predictions(config: Path, tmp_path: Path):
    (tmp_path / "rows.csv").write_text("id,bill length,mass,island,year\n")
    for target in ("parquet", "csv", "jsonl"):
        assert predicted(config, tmp_path / "rows.csv", tmp_path / f"out.{target}").rows == 0
    assert pq.read_schema(tmp_path / "out.parquet").field("mass").type == pa.int64()
    assert (tmp_path / "out.csv").read_text().count("\n") == 1
    assert (tmp_path / "out.jsonl").read_text() == ""


def test_a_database_is_asked_by_a_query(config: Path, tmp_path: Path):
    import sqlite3

    with sqlite3.connect(tmp_path / "birds.db") as database:
        database.execute('CREATE TABLE birds (id INTEGER, "bill length" REAL, mass INTEGER, island TEXT, year INTEGER)')
        cells = ("bill length", "mass", "island", "year")
        rows = [(number, *(row[name] for name in cells)) for number, row in enumerate(ROWS)]
        database.executemany("INSERT INTO birds VALUES (?, ?, ?, ?, ?)", rows)
    database.close()
    sql = {"url": f"sqlite:///{tmp_path}/birds.db", "query": "SELECT * FROM nothing"}
    text = config.read_text().replace("  path: table.csv\n", f"  sql: {json.dumps(sql)}\n")
    own = config.with_name("sql.yaml")
    own.write_text(text)
    loaded = configured(own)
    request = Request(None, "SELECT * FROM birds WHERE id > 0", str(tmp_path / "out.parquet"), keep="id")
    assert predict(loaded, checked(loaded, request)).rows == 3
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["id"], row["predicted_species"]) for row in found] == list(enumerate(species(ROWS)))[1:]

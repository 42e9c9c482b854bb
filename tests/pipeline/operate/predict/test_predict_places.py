"""What is refused before anything is read, and with which next step; which columns are kept; other tasks' columns."""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from support.served import configured, logits, probabilities, pushed
from support.zoo.tiny import TinyModel, named

from components.artifacts.interval import FILE as INTERVAL_FILE
from components.artifacts.interval import Residuals
from components.example_gen.config import CsvOptions, DataConfig
from pipeline.operate.predict.prediction import Predicted, predict
from pipeline.operate.predict.request import Request, checked
from pipeline.operate.predict.served import probability_columns, slug
from pipeline.operate.predict.source import find_source, names_of
from preprocessing.errors import UserError

SOUND = "id,bill length,mass,island,year\n1,40,4000,Dream,2007\n"
ROW = {"bill length": 40.0, "mass": 4000, "island": "Dream", "year": 2007}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/rows.csv").write_text(SOUND)
    return tmp_path / "in/rows.csv"


def predicted(config: Path, place: Path | str, output: Path | str, *overrides: str, **wishes: Any) -> Predicted:
    loaded = configured(config, *overrides)
    return predict(loaded, checked(loaded, Request(str(place), None, str(output), **wishes)))


def refused(config: Path, place: Path | str, output: Path | str, *overrides: str, **wishes: Any) -> str:
    with pytest.raises(UserError) as caught:
        predicted(config, place, output, *overrides, **wishes)
    text = str(caught.value)
    assert caught.value.hint
    assert "\n  next: " in text
    return text


def test_places(config: Path, rows: Path, tmp_path: Path):
    assert "no such file or folder" in refused(config, tmp_path / "none.csv", tmp_path / "out.csv")
    assert "no file matches this pattern" in refused(config, tmp_path / "*.csv", tmp_path / "out.csv")
    assert f"mkdir -p {tmp_path}/none" in refused(config, rows, tmp_path / "none/out.csv")
    assert "is the input itself" in refused(config, rows, rows, overwrite=True)
    assert "would be a part of the input" in refused(config, rows.parent, rows.with_name("out.csv"))
    assert "would be a part of the input" in refused(config, f"{rows.parent}/*.csv", rows.with_name("out.csv"))
    assert "can't write .gz; expected a file that ends in .parquet" in refused(config, rows, tmp_path / "out.csv.gz")
    assert "can't write .xlsx" in refused(config, rows, tmp_path / "out.xlsx")
    assert "is csv by its name" in refused(config, rows, tmp_path / "out.csv", format="jsonl")
    assert "received a URL" in refused(config, rows, "gs://bucket/out.csv")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/me.jpg").touch()
    assert "holds something else than predictions: me.jpg" in refused(config, rows, tmp_path / "photos", overwrite=True)
    (tmp_path / "there").touch()
    assert "expected a folder" in refused(config, rows, tmp_path / "there", overwrite=True)
    (tmp_path / "out.csv").touch()
    assert "is there already\n  next: give another name, or --overwrite" in refused(config, rows, tmp_path / "out.csv")
    query = Request(None, "SELECT 1", str(tmp_path / "q.csv"))
    with pytest.raises(UserError, match=r"--query needs data\.sql"):
        checked(configured(config), query)


def test_versions(config: Path, rows: Path, tmp_path: Path):
    text = refused(config, rows, tmp_path / "out.csv", f"root={tmp_path}/empty")
    assert "no version was pushed there yet\n  next: lockgate run CONFIG" in text
    assert "no version 8; there are 7" in refused(config, rows, tmp_path / "out.csv", version=8)
    half = config.parent / "output/serving/9"  # a push that has not finished
    half.mkdir(exist_ok=True)
    assert predicted(config, rows, tmp_path / "out.csv").version == 7
    half.rmdir()


def test_columns(config: Path, rows: Path, tmp_path: Path):
    rows.write_text("id,bill length,Mass,island,year\n1,40,4000,Dream,2007\n")
    text = refused(config, rows, tmp_path / "out.csv")
    assert "no 'mass', which the model reads" in text
    assert "did you mean 'Mass'?" in text
    rows.write_text(SOUND)
    text = refused(config, rows, tmp_path / "out.csv", keep="id,jear")
    assert "--keep: no column 'jear'" in text
    assert "did you mean 'year'?" in text
    rows.write_text(SOUND.replace("id,", "predicted_species,"))
    assert "--keep 'bill length,mass,island,year'" in refused(config, rows, tmp_path / "out.csv")
    for name in ("a", "b"):
        (rows.parent / f"{name}.csv").write_text(SOUND if name == "a" else SOUND.replace("id,", "key,"))
    rows.unlink()
    assert "b.csv: no column 'id', which the first file has" in refused(config, rows.parent, tmp_path / "out.csv")
    result = predicted(config, rows.parent, tmp_path / "out.csv", keep="year,mass")
    assert (tmp_path / "out.csv").read_text().splitlines()[0].startswith("year,mass,predicted_species,")
    assert result.notes == ()
    (rows.parent / "b.csv").write_text("key," + SOUND.replace("1,40", "k,1,40"))
    result = predicted(config, rows.parent, tmp_path / "out.csv", overwrite=True)
    assert result.rows == 2
    assert "not kept: key" in result.notes[0]


def test_a_key_of_json_lines_that_no_first_row_has_is_no_missing_value(config: Path, tmp_path: Path):
    row = {name: cell for name, cell in ROW.items() if name != "mass"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    text = refused(config, tmp_path / "rows.jsonl", tmp_path / "out.csv")
    assert "the first rows have no 'mass'" in text
    assert "null where a value is not known" in text
    (tmp_path / "rows.jsonl").write_text(json.dumps(row | {"mass": None}) + "\n" + json.dumps(row))
    assert predicted(config, tmp_path / "rows.jsonl", tmp_path / "out.csv").rows == 2


def test_a_table_without_a_header_has_every_column_of_the_training(tmp_path: Path):
    (tmp_path / "rows.csv").write_text("40,4000,Dream,2007\n")
    data = DataConfig(path="table.csv", csv=CsvOptions(header=False))
    source = find_source(str(tmp_path / "rows.csv"), data)
    columns = [f"column_{number}" for number in range(1, 5)]
    assert names_of(source, data, {"column_2": "int64"}, columns) == columns
    with pytest.raises(UserError, match="has 4 columns and no header; the training table has 'column_5' too") as caught:
        names_of(source, data, {"column_2": "int64"}, [*columns, "column_5"])
    assert "the label's too; its cells may be empty" in caught.value.hint


def test_the_place_where_the_columns_of_a_version_come_from_is_the_version(config: Path, rows: Path, tmp_path: Path):
    """The configuration may have other features by now."""
    changed = config.with_name("changed.yaml")
    changed.write_text(config.read_text().replace("[bill length, mass, year]", "[bill length, height]"))
    assert predicted(changed, rows, tmp_path / "out.csv").rows == 1
    changed.write_text(config.read_text().replace("[bill length, mass, year]", "[mass, year]"))
    text = refused(changed, rows, tmp_path / "out2.csv")
    assert "no column of features is behind its input 'c_bill_length_" in text


class Binary(TinyModel):
    task: ClassVar[str] = "binary"


class Regression(TinyModel):
    task: ClassVar[str] = "regression"


class Numbered(TinyModel):
    """Classes that are whole numbers."""

    def answer(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        return named(tf.nn.softmax(logits), ("3", "-1", "20"))


@pytest.mark.slow
def test_other_tasks(rows: Path, tmp_path: Path):
    predicted(pushed(tmp_path / "binary", Binary), rows, tmp_path / "binary.parquet", keep="id")
    table = pq.read_table(tmp_path / "binary.parquet")
    positive = 1 / (1 + np.exp(-logits([ROW], 1)[0, 0]))
    [row] = table.to_pylist()
    assert list(row) == ["id", "predicted_sex", "probability_female", "probability_male", "model_version"]
    assert row["probability_male"] == pytest.approx(positive, rel=1e-5)
    assert row["predicted_sex"] == ("male" if positive > 0.5 else "female")
    result = predicted(pushed(tmp_path / "regression", Regression), rows, tmp_path / "regression.parquet", keep="id")
    [row] = pq.read_table(tmp_path / "regression.parquet").to_pylist()
    assert row == {"id": "1", "predicted_wing": pytest.approx(200 + 10 * logits([ROW], 1)[0, 0]), "model_version": 7}
    assert result.columns == {"predicted_wing": "value", "model_version": "version"}
    [note] = result.notes
    assert note.startswith("no interval columns: version 7 does not hold the residuals")


@pytest.mark.slow
def test_a_regression_gets_the_interval_that_its_version_has_the_residuals_for(rows: Path, tmp_path: Path):
    config = pushed(tmp_path / "regression", Regression)
    residuals = Residuals.of(np.array([1.0, -2.0, 0.5, 4.0]), np.zeros(4), "none", "test")
    file = config.parent / "output/serving/7" / INTERVAL_FILE
    file.parent.mkdir()
    file.write_text(residuals.model_dump_json())

    def asked(level: str) -> tuple[dict[str, object], Predicted]:
        out = tmp_path / f"{level}.parquet"
        result = predicted(config, rows, out, f"predict.interval={level}", keep="id")
        [row] = pq.read_table(out).to_pylist()
        return row, result

    row, result = asked("0.6")  # of 5 * 0.6 the third residual
    value = 200 + 10 * logits([ROW], 1)[0, 0]
    assert list(row) == ["id", "predicted_wing", "predicted_wing_low", "predicted_wing_high", "model_version"]
    assert row["predicted_wing_low"] == pytest.approx(value - 2)
    assert row["predicted_wing_high"] == pytest.approx(value + 2)
    assert result.columns["predicted_wing_high"] == "upper end of the 0.6 interval"
    assert result.notes == ()
    row, result = asked("0.9")
    assert "predicted_wing_low" not in row
    assert result.notes == ("no interval columns: 4 rows of the split test are too few for predict.interval 0.9",)
    row, result = asked("null")
    assert ("predicted_wing_low" not in row, result.notes) == (True, ())
    file.write_text("{}")
    with pytest.raises(UserError, match="can't be read as residuals"):
        asked("0.8")


def test_classes_that_are_whole_numbers_stay_such(rows: Path, tmp_path: Path):
    config = pushed(tmp_path / "numbered", Numbered)
    schema = config.with_name("schema.pbtxt")
    schema.write_text(schema.read_text().replace('"species" type: BYTES', '"species" type: INT'))
    result = predicted(config, rows, tmp_path / "out.parquet", keep="")
    [row] = pq.read_table(tmp_path / "out.parquet").to_pylist()
    best = int(probabilities([ROW])[0].argmax())
    assert row["predicted_species"] == (3, -1, 20)[best]
    assert result.columns["probability_20"] == "20"


def test_names_of_probabilities_are_safe_and_belong_to_their_class_alone():
    assert probability_columns(["Adelie", "no, thanks", "Über"]) == (
        "probability_Adelie", "probability_no_thanks", "probability_Über",
    )  # fmt: skip
    names = probability_columns(["<=50K", ">50K", "a", "A", "", "?!"])
    assert len({name.lower() for name in names}) == 6
    assert all(slug(name) == name for name in names)
    # A class keeps its name whatever the order, which is that of the training's frequencies.
    assert set(probability_columns(["?!", "A", ">50K", "", "<=50K", "a"])) == set(names)

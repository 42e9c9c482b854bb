"""`lockgate predict` after a whole run: its answers are the trainer's own, whatever the rows came from."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from support.fork_server import ForkServer

REPOSITORY = Path(__file__).parent.parent.parent
PENGUINS = REPOSITORY / "data/penguins/pipeline.yaml"
TABLE = PENGUINS.with_name("penguins.csv")
CLASSES = ("Adelie", "Chinstrap", "Gentoo")
NUMBERS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Row = dict[str, Any]


@pytest.fixture
def predict(forks: ForkServer, penguins: tuple[Any, Path], tmp_path: Path):
    """Runs the command on the version that the shared run pushed; its exit code and what it printed."""
    version = Path(penguins[0].result["pushed"]).name

    def run(*arguments: object) -> tuple[int, str, str]:
        files = [tmp_path / "stdout", tmp_path / "stderr"]
        for file in files:
            file.unlink(missing_ok=True)
        given = ["predict", str(PENGUINS), "--set", f"root={penguins[1]}", "--version", version, *map(str, arguments)]
        code = forks.lockgate(given, {}, tmp_path, *files)
        return code, *(file.read_text(encoding="utf-8") for file in files)

    return run


def first(artifacts: Path) -> Path:
    """The first of a root's artifacts: those of the shared run, whatever was run in its root since."""
    return min((each for each in artifacts.iterdir() if each.name.isdecimal()), key=lambda each: int(each.name))


def golden(root: Path) -> tuple[Path, dict[int, np.ndarray]]:
    """The export, and the trainer's own predictions by row key."""
    model = first(root / "Trainer/model")
    stored = np.load(model / "golden/predictions.npz")
    return model, dict(zip(stored["row_key"].tolist(), stored["probabilities"], strict=True))


def examples_of_test(root: Path) -> list[Path]:
    return sorted(first(root / "ExampleGen/examples").glob("Split-test/*.gz"))


def features(example: tf.train.Example) -> Row:
    """A row of the examples as the CSV file has it."""
    values: Row = {}
    for name in (*NUMBERS, "island", "sex"):
        feature = example.features.feature[name]
        kind = feature.WhichOneof("kind")
        [*found] = getattr(feature, kind).value if kind else []
        values[name] = None if not found else found[0].decode() if kind == "bytes_list" else round(found[0], 4)
    return values


def test_the_rows_of_the_test_split_get_the_trainers_own_predictions(predict, penguins, tmp_path):
    root = penguins[1]
    model, expected = golden(root)
    records = [
        record.numpy()
        for file in examples_of_test(root)
        for record in tf.data.TFRecordDataset(str(file), compression_type="GZIP")
    ]
    assert len(records) > 50
    transform = tf.saved_model.load(str(model / "Format-Serving")).signatures["transform_features"]
    keys = transform(examples=tf.constant(records))["row_key_xf"].numpy().reshape(-1).tolist()
    answers = np.array([expected[key] for key in keys])

    # As ExampleGen wrote them.
    split = examples_of_test(root)[0].parent
    code, out, err = predict(
        "--input", split, "--output", tmp_path / "out.parquet", "--json", "--set", "data.format=tfrecord"
    )
    assert code == 0, err
    assert json.loads(out)["rows"] == len(records)
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    given = np.array([[row[f"probability_{each}"] for each in CLASSES] for row in found])
    np.testing.assert_allclose(given, answers, atol=1e-6)
    assert [row["predicted_species"] for row in found] == [CLASSES[each] for each in answers.argmax(axis=1)]

    # As they stand in the table, NA and all.
    code, _, err = predict("--input", TABLE, "--output", tmp_path / "table.jsonl")
    assert code == 0, err
    rows = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    with TABLE.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [row["species"] for row in rows] == [line["species"] for line in lines]
    by_features = {_identity(row): [row[f"probability_{each}"] for each in CLASSES] for row in rows}
    for record, answer in zip(records, answers, strict=True):
        parsed = features(tf.train.Example.FromString(record))
        np.testing.assert_allclose(by_features[_identity(parsed)], answer, atol=1e-6)


def _identity(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in (*NUMBERS, "island", "sex"))


def test_the_command_ends_as_it_says(predict, tmp_path):
    birds = TABLE.read_text().splitlines()
    # Without the label; one row is bad.
    lines = [line.partition(",")[2] for line in birds[:4]] + ["Dream,tiny,18,190,3800,male,2007"]
    (tmp_path / "new.csv").write_text("\n".join(lines))
    code, out, err = predict("--input", "new.csv", "--output", "out.csv", "--keep", "sex,year")
    assert code == 3
    assert out.splitlines()[-1] == "predicted: out.csv"
    assert "1 bad row without a prediction: out.csv.bad_rows.jsonl" in out
    assert "new.csv, line 5: column 'bill_length_mm': expected a number" in out
    assert "3 predictions by version" in out
    assert err == ""
    assert (tmp_path / "out.csv").read_text().startswith("sex,year,predicted_species,probability_Adelie,")
    code, out, err = predict("--input", "new.csv", "--output", "out.csv")
    assert (code, out) == (1, "")
    assert err == "error: --output: out.csv is there already\n  next: give another name, or --overwrite\n"
    code, out, err = predict(
        "--input", "new.csv", "--output", "out.csv", "--overwrite", "--json", "--set", "engine=beam"
    )
    result = json.loads(out)
    assert (code, result["rows"], result["bad_rows"], result["engine"]) == (3, 3, 1, "beam")
    assert result["columns"]["probability_Gentoo"] == "Gentoo"
    assert result["files"] == ["out.csv"]
    assert "predicted: out.csv" in err
    code, out, err = predict("--output", "x.csv")
    assert (code, "give either --input or --query" in err) == (2, True)

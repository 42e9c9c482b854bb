"""The golden files: sound ones are read, unusable ones are named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.smoke_test.export.golden import GoldenError, exists, load, load_contract

CONTRACT = {
    "task": "binary",
    "classes": ["no", "yes"],
    "row_key": "row_key_xf",
    "label": "late",
    "inputs": {"carrier": {"argument": "carrier", "dtype": "string"}},
}
FULL = CONTRACT | {
    "weight": "rows",
    "range": None,
    "columns": {"carrier": "string", "late": "string", "rows": "float32"},
    "transformed": {
        "carrier_id_xf": {"argument": "carrier_id_xf", "dtype": "int64", "shape": [1]},
        "class": {"argument": "class_xf", "dtype": "float32", "shape": [2]},
    },
    "importance": {"carrier": 0.25},
}
REGRESSION = {"task": "regression", "classes": None}
VALUES = {"row_key": np.array([3, 5], np.int64), "value": np.array([1.5, 2.0], np.float32)}
ARRAYS = {"row_key": np.array([3, 5], np.int64), "probabilities": np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)}


def write(folder: Path, contract: dict[str, Any], arrays: dict[str, Any]) -> str:
    (folder / "golden").mkdir()
    (folder / "golden" / "contract.json").write_text(json.dumps(contract))
    np.savez(folder / "golden" / "predictions.npz", **arrays)
    return str(folder)


def test_sound_files(tmp_path: Path) -> None:
    golden = load(write(tmp_path, CONTRACT, ARRAYS))
    assert golden.contract.classes == ("no", "yes")
    assert golden.contract.inputs["carrier"].dtype == "string"
    np.testing.assert_array_equal(golden.row_keys, [3, 5])
    np.testing.assert_array_equal(golden.predictions, ARRAYS["probabilities"])


def test_a_contract_without_predictions_is_enough_for_a_champion(tmp_path: Path) -> None:
    """A pushed version carries no predictions of the trainer's."""
    folder = write(tmp_path, CONTRACT, ARRAYS)
    (tmp_path / "golden" / "predictions.npz").unlink()
    assert load_contract(folder).classes == ("no", "yes")
    with pytest.raises(GoldenError, match="predictions"):
        load(folder)


def test_what_an_older_trainer_did_not_write(tmp_path: Path) -> None:
    contract = load(write(tmp_path, CONTRACT, ARRAYS)).contract
    assert (contract.transformed, contract.columns, contract.range, contract.importance) == ({}, {}, None, None)


def test_all_that_a_trainer_writes(tmp_path: Path) -> None:
    contract = load(write(tmp_path, FULL, ARRAYS)).contract
    assert contract.columns["rows"] == "float32"
    assert contract.transformed["class"].argument == "class_xf"
    assert [each.shape for each in contract.transformed.values()] == [(1,), (2,)]
    assert contract.importance == {"carrier": 0.25}


def test_range_of_a_regression(tmp_path: Path) -> None:
    golden = load(write(tmp_path, FULL | REGRESSION | {"range": [-1, 2.5]}, VALUES))
    assert golden.contract.range == (-1.0, 2.5)


def test_whether_there_are_golden_files(tmp_path: Path) -> None:
    assert not exists(str(tmp_path))
    uri = write(tmp_path, {"broken": 1}, ARRAYS)
    assert exists(uri)
    with pytest.raises(GoldenError):
        load(uri)


@pytest.mark.parametrize(
    ("contract", "arrays", "message"),
    [
        ({"task": "ranking"}, {}, "task"),
        ({"classes": None}, {}, "classes None do not belong to a binary task"),
        ({"inputs": {"carrier": {"argument": "carrier", "dtype": "float64"}}}, {}, "dtype"),
        ({"range": [0, 1]}, {}, r"range \[0.0, 1.0\] does not belong to a binary task"),
        (REGRESSION | {"range": [2, 1]}, VALUES, "or descends"),
        (REGRESSION | {"range": [1]}, VALUES, "range"),
        ({"importance": {"carrier": -0.1}}, {}, "importance"),
        ({"importance": {"carrier": float("nan")}}, {}, "importance"),
        ({"transformed": {"carrier_id_xf": {"dtype": "int64", "shape": [1]}}}, {}, "argument"),
        ({"columns": {"carrier": "float64"}}, {}, "columns"),
        ({}, {"row_key": np.array([3.0, 5.0])}, "int64 row keys"),
        ({}, {"row_key": np.array([3, 5, 8], np.int64)}, "shape"),
        ({"classes": ["no", "yes", "maybe"]}, {}, "shape"),
        ({}, {"probabilities": np.array([[0.9, np.nan], [0.2, 0.8]], np.float32)}, "NaN"),
        ({}, {"probabilities": np.array([[None, 1], [2, 3]], dtype=object)}, "pickle"),
    ],
)
def test_unusable_files_are_named(
    tmp_path: Path, contract: dict[str, Any], arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(GoldenError, match=message) as caught:
        load(write(tmp_path, CONTRACT | contract, ARRAYS | arrays))
    assert "golden/" in str(caught.value)


def test_predictions_of_another_task(tmp_path: Path) -> None:
    arrays = {"row_key": ARRAYS["row_key"], "value": np.array([1.0, 2.0], np.float32)}
    with pytest.raises(GoldenError, match="probabilities"):
        load(write(tmp_path, CONTRACT, arrays))


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    uri = write(tmp_path, CONTRACT, ARRAYS)
    predictions = tmp_path / "golden" / "predictions.npz"
    predictions.write_bytes(predictions.read_bytes()[:100])
    with pytest.raises(GoldenError, match=r"predictions\.npz"):
        load(uri)

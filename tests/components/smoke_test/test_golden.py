"""The golden files: sound ones are read, unusable ones are named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.smoke_test.golden import GoldenError, load

CONTRACT = {
    "task": "binary",
    "classes": ["no", "yes"],
    "row_key": "row_key_xf",
    "label": "late",
    "inputs": {"carrier": {"argument": "carrier", "dtype": "string"}},
}
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


@pytest.mark.parametrize(
    ("contract", "arrays", "message"),
    [
        ({"task": "ranking"}, {}, "task"),
        ({"classes": None}, {}, "classes None do not belong to a binary task"),
        ({"inputs": {"carrier": {"argument": "carrier", "dtype": "float64"}}}, {}, "dtype"),
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

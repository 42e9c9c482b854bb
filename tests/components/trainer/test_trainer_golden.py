"""What the trainer leaves for the smoke test: how its own model answers, and what it learned from."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.artifacts.golden import GoldenContract
from components.smoke_test.export.golden import load
from components.trainer import golden
from components.trainer.signatures import ServingModule
from preprocessing.features import safe_name

pytestmark = pytest.mark.slow

SIZE = f"{safe_name('size (cm)')}_number_xf"
DECLARED = ["size (cm)", "count", "fixed", "colour", "flag", "day"]


def written(prepared: Any, folder: Path, split: str = "test") -> dict[str, Any]:
    """Writes the golden files of a split; returns the contract."""
    task, data = prepared.task, prepared.data
    task = dataclasses.replace(task, golden=task.files[split])
    module = ServingModule(prepared.model, data.transform, task.job.features, data.schema, data.train)
    golden.write(folder, prepared.model, module, data, task)
    return contract(folder)


def contract(folder: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((folder / "contract.json").read_text())
    return parsed


def reading_the_size_alone(prepared: Any) -> keras.Model:
    """A model whose logit is the standardised size."""
    batch = {
        each.name: keras.Input((each.size,), name=each.name)
        if each.kind == "dense"
        else keras.Input((1,), name=each.name, dtype="int64")
        for each in prepared.data.schema.inputs
    }
    return keras.Model(batch, keras.layers.Dense(1, kernel_initializer="ones")(batch[SIZE]))


def test_importance_of_a_model_that_reads_one_column(
    prepare: Callable[..., Any], world: Callable[[str], Any], tmp_path: Path
) -> None:
    prepared = prepare()
    prepared.model = reading_the_size_alone(prepared)
    got = written(prepared, tmp_path / "golden", split="train")["importance"]
    assert list(got) == DECLARED
    assert [got[column] for column in DECLARED[1:]] == [0.0] * 5

    # From the raw table: a missing size becomes the mean, and a row without a label is no golden row.
    rows = world("binary").rows["train"]
    sizes = np.array([np.nan if row["size (cm)"] is None else row["size (cm)"] for row in rows])
    standardised = np.nan_to_num((sizes - np.nanmean(sizes)) / np.nanstd(sizes))
    positive = 1 / (1 + np.exp(-standardised[[row["bought"] is not None for row in rows]]))
    expected = np.abs(positive[:, np.newaxis] - positive[np.newaxis, :]).mean()
    # Some 2000 pairs of rows are drawn from all: a standard deviation of 2 % around their mean.
    assert got["size (cm)"] == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_every_declared_column_of_a_trained_model_has_an_importance(exported: Callable[[str], Any], task: str) -> None:
    got = contract(exported(task).artifact / "golden")["importance"]
    # `shop` is read by the user's own function only.
    assert list(got) == DECLARED
    assert all(change > 0 for change in got.values())


def test_range_is_that_of_the_training_labels_in_their_own_units(exported: Callable[[str], Any]) -> None:
    done = exported("regression")  # learned on a logarithmic scale
    prices = [row["price"] for row in done.world.rows["train"] if row["price"] is not None]
    assert contract(done.artifact / "golden")["range"] == pytest.approx([min(prices), max(prices)], rel=1e-5)
    assert contract(exported("binary").artifact / "golden")["range"] is None
    assert contract(exported("multiclass").artifact / "golden")["range"] is None


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_smoke_test_reads_all_that_the_trainer_writes(exported: Callable[[str], Any], task: str) -> None:
    done = exported(task)
    got = load(str(done.artifact))
    # Every field is in the file, and none of the file's is lost on the way.
    assert got.contract.model_fields_set == set(GoldenContract.model_fields)
    assert got.contract.model_dump(mode="json") == contract(done.artifact / "golden")
    width = [] if got.contract.classes is None else [len(got.contract.classes)]
    assert [len(got.row_keys), *width] == list(got.predictions.shape)
    label = done.world.features.label.column
    assert len(got.row_keys) == sum(row[label] is not None for row in done.world.rows["test"])


def test_the_same_seed_writes_the_same_bytes(prepare: Callable[..., Any], tmp_path: Path) -> None:
    for run in ("one", "two"):
        written(prepare(run=run, seed=3), tmp_path / run)
    for name in ("contract.json", "predictions.npz"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_model_without_finite_predictions_has_no_importance(prepare: Callable[..., Any], tmp_path: Path) -> None:
    prepared = prepare("regression", model={"family": "mlp", "params": {"hidden": [8]}})
    prepared.model.set_weights([np.full_like(weight, np.nan) for weight in prepared.model.get_weights()])
    assert written(prepared, tmp_path / "golden")["importance"] is None

"""Weights are taken over only where the numbers still mean the same."""

import dataclasses
import logging
from pathlib import Path

import keras
import pytest

from components.trainer import warm_start
from models.config import MlpModel
from preprocessing.features import ModelInput
from preprocessing.input_pipeline import TransformedData

MODEL = MlpModel.model_validate_json('{"params": {"hidden": [2]}}')
DATA = TransformedData((ModelInput("colour_id_xf", "categorical", 5),), ("no", "yes"), {}, False, "vocabulary 1")


def network(value: float) -> keras.Model:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.set_weights([weight + value for weight in model.get_weights()])
    return model


def kernel_after_loading(folder: Path, data: TransformedData) -> float:
    model = network(0.0)
    warm_start.load(model, str(folder), warm_start.architecture(MODEL, data))
    return float(model.get_weights()[0][0, 0])


def test_the_same_meaning_takes_the_weights_over(tmp_path: Path) -> None:
    warm_start.save(network(3.0), tmp_path, warm_start.architecture(MODEL, DATA))
    assert kernel_after_loading(tmp_path, DATA) == 3


def test_another_vocabulary_of_the_same_size_starts_afresh(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    warm_start.save(network(3.0), tmp_path, warm_start.architecture(MODEL, DATA))
    with caplog.at_level(logging.WARNING, "lockgate"):
        assert kernel_after_loading(tmp_path, dataclasses.replace(DATA, meaning="vocabulary 2")) == 0
    assert "starting afresh" in caplog.text


@pytest.mark.parametrize("missing", ["model.weights.h5", "architecture.json"])
def test_a_champion_with_half_of_its_files_starts_afresh(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: str
) -> None:
    warm_start.save(network(3.0), tmp_path, warm_start.architecture(MODEL, DATA))
    (tmp_path / "training" / missing).unlink()
    with caplog.at_level(logging.WARNING, "lockgate"):
        assert kernel_after_loading(tmp_path, DATA) == 0
    assert "starting afresh" in caplog.text

"""Embedded numbers, against NumPy."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.config import DcnModel, GbtModel, MlpModel, ModelConfig, TabmModel, WideDeepModel
from models.heads import Head
from models.inputs import FeatureEncoder
from models.registry import build_model
from preprocessing.features import ModelInput

INPUTS = (
    ModelInput("a_number_xf", "dense", 1),
    ModelInput("a_position_xf", "dense", 1, position_of="a_number_xf", bins=4),
    ModelInput("colour", "categorical", 3),
    ModelInput("w_number_xf", "dense", 1, waves=2, deviation=0.5),
    ModelInput("b_number_xf", "dense", 1),
    ModelInput("b_position_xf", "dense", 1, position_of="b_number_xf", bins=4),
    ModelInput("c_number_xf", "dense", 1),
    ModelInput("c_position_xf", "dense", 1, position_of="c_number_xf", bins=9),
    ModelInput("plain", "dense", 2),
)
FAMILIES: dict[str, ModelConfig] = {
    "mlp": MlpModel(),
    "wide_deep": WideDeepModel(family="wide_deep"),
    "dcn": DcnModel(family="dcn"),
    "gbt": GbtModel(family="gbt"),
    "tabm": TabmModel(family="tabm"),
}
families = pytest.mark.parametrize("family", FAMILIES)


def batch_of(rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(rows)
    made = {each.name: random.normal(size=(rows, each.size)).astype(np.float32) for each in INPUTS}
    made |= {each.name: random.random((rows, 1)).astype(np.float32) for each in INPUTS if each.position_of}
    return made | {"colour": random.integers(0, 3, (rows, 1))}


def weight(encoder: FeatureEncoder, ending: str) -> np.ndarray:
    (found,) = (each for each in encoder.weights if each.path.endswith(ending))
    found.assign(np.random.default_rng(len(ending)).normal(size=found.shape))
    return np.asarray(found)


def test_encoder_by_hand() -> None:
    encoder = FeatureEncoder(INPUTS, number_width=3)
    batch = batch_of(5)
    encoder(batch)
    places = np.array([[0.0, 0.125], [0.25, 0.375], [0.5, 1.0], [0.999, 0.0], [1.0, 0.75]], np.float32)
    batch |= {"a_position_xf": places[:, :1], "b_position_xf": places[:, 1:]}
    slope, bias, kernel = (weight(encoder, f"piecewise_4/{name}") for name in ("slope", "bias", "kernel"))
    frequencies, waves, wave_bias = (
        weight(encoder, f"periodic_0/{name}") for name in ("frequencies", "kernel", "bias")
    )
    got = np.asarray(encoder(batch))

    # The colour and the plain numbers, then a and b with four bins, c with nine, and w, each of width 3.
    assert encoder.widths == (3, 2, 3, 3, 3, 3)
    assert got.shape == (5, encoder.width)
    np.testing.assert_array_equal(got[:, :3], np.eye(3)[batch["colour"][:, 0]])
    np.testing.assert_array_equal(got[:, 3:5], batch["plain"])
    for at, name in enumerate("ab"):
        # How much of each quarter of [0, 1] lies below the place: all of it, a part, or nothing.
        parts = np.array([[min(max(4 * float(p) - bin, 0), 1) for bin in range(4)] for p in places[:, at]])
        expected = parts @ kernel[at] + batch[f"{name}_number_xf"] * slope[at] + bias[at]
        np.testing.assert_allclose(got[:, 5 + 3 * at : 8 + 3 * at], expected, rtol=1e-5, atol=1e-6)
    angles = 2 * np.pi * batch["w_number_xf"] * frequencies[0]
    expected = np.maximum(np.concatenate([np.sin(angles), np.cos(angles)], axis=1) @ waves[0] + wave_bias[0], 0)
    np.testing.assert_allclose(got[:, 14:], expected, rtol=1e-4, atol=1e-5)


def test_a_piecewise_embedding_begins_linear_and_learns_a_curve() -> None:
    inputs = INPUTS[:2]
    model = keras.Sequential([FeatureEncoder(inputs, number_width=4), keras.layers.Dense(1)])
    number = np.linspace(-1, 1, 400, dtype=np.float32)[:, None]
    batch = {"a_number_xf": number, "a_position_xf": (number + 1) / 2}
    at_first = np.asarray(model(batch))[:, 0]
    np.testing.assert_allclose(np.diff(at_first, 2), 0, atol=1e-5)
    # A kink in the middle, where two bins meet: no linear function of the number comes nearer than 0.144.
    model.compile(keras.optimizers.Adam(0.05), "mse")
    model.fit(tf.data.Dataset.from_tensors((batch, np.abs(number))).repeat(), epochs=1, steps_per_epoch=300, verbose=0)
    assert np.sqrt(np.mean((np.asarray(model(batch)) - np.abs(number)) ** 2)) < 0.03


@families
def test_every_family_takes_embedded_numbers(family: str, tmp_path: Path) -> None:
    model = build_model(FAMILIES[family], INPUTS, Head("multiclass", 3))
    batch = batch_of(4)
    again = keras.models.model_from_json(json.dumps(json.loads(model.to_json())))
    again(batch)
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(np.asarray(again(batch)), np.asarray(model(batch)))


@pytest.mark.parametrize("family", ["mlp", "wide_deep", "dcn", "tabm"])
def test_the_place_among_the_bins_changes_the_answer(family: str) -> None:
    model = build_model(FAMILIES[family], INPUTS, Head("regression", 0))
    for each in model.trainable_weights:
        each.assign(keras.random.normal(each.shape, stddev=0.3))
    batch = batch_of(4)
    other = batch | {"b_position_xf": 1 - batch["b_position_xf"]}
    assert not np.allclose(np.asarray(model(batch)), np.asarray(model(other)))


def test_trees_see_the_number_and_not_its_place() -> None:
    model = build_model(FAMILIES["gbt"], INPUTS, Head("regression", 0))
    seen = [each.name for each in model.get_layer("forest").model_inputs]
    assert seen == [each.name for each in INPUTS if not each.name.endswith("_position_xf")]


@pytest.mark.usefixtures("mixed_float16")
def test_numbers_are_embedded_in_float32_under_mixed_precision() -> None:
    encoder = FeatureEncoder(INPUTS)
    batch = batch_of(2)
    # float16 can't tell these places apart.
    near = batch | {"a_position_xf": np.array([[0.5], [0.5001]], np.float32)}
    near |= {name: np.repeat(value[:1], 2, axis=0) for name, value in batch.items() if name != "a_position_xf"}
    encoder(near)
    weight(encoder, "piecewise_4/kernel")
    first, second = np.asarray(encoder(near))
    assert not np.array_equal(first, second)


def test_inputs_come_back_from_plain_data() -> None:
    assert tuple(ModelInput(**dataclasses.asdict(each)) for each in INPUTS) == INPUTS

"""The encoder on tables small enough to encode by hand."""

import json

import keras
import numpy as np
import pytest

from models.config import EncoderParams
from models.inputs import FeatureEncoder, default_embedding_dim, symbolic_inputs, zero_batch
from preprocessing.features import ModelInput

INPUTS = (
    ModelInput("size", "categorical", 3),
    ModelInput("position", "dense", 2),
    ModelInput("city", "categorical", 4),
)
BATCH = {
    "position": np.array([[0.5, -1.5], [8.0, 70000.0]], np.float32),
    "size": np.array([[0], [2]]),
    "city": np.array([[3], [1]]),
}
CITY_TABLE = np.array([[0, 1], [2, 3], [4, 5], [6, 7]], np.float32)
ENCODED = np.array(
    [
        # size 0 | position   | row 3 of the table
        [1, 0, 0, 0.5, -1.5, 6, 7],
        # size 2 | position   | row 1 of the table
        [0, 0, 1, 8.0, 70000, 2, 3],
    ],
    np.float32,
)


def encoder_with_known_table() -> FeatureEncoder:
    encoder = FeatureEncoder(INPUTS, one_hot_max=3, embedding_dim=2)
    encoder.build({name: value.shape for name, value in BATCH.items()})
    encoder.set_weights([CITY_TABLE])
    return encoder


@pytest.mark.parametrize(
    ("size", "width"),
    [
        (1, 2),  # 1.6
        (17, 8),  # 1.6 * 4.887 = 7.82
        (100, 22),  # 1.6 * 13.183 = 21.09
        (1000, 50),  # 1.6 * 47.86 = 76.6, capped
        (1_000_000, 50),
    ],
)
def test_default_embedding_dim(size: int, width: int) -> None:
    assert default_embedding_dim(size) == width


def test_encoder_by_hand() -> None:
    encoder = encoder_with_known_table()
    np.testing.assert_array_equal(encoder(BATCH), ENCODED)
    assert encoder.width == 7


@pytest.mark.usefixtures("mixed_float16")
def test_encoder_keeps_float32_under_mixed_precision() -> None:
    # 70000 is beyond the largest float16, 65504.
    np.testing.assert_array_equal(encoder_with_known_table()(BATCH), ENCODED)


@pytest.mark.parametrize(("one_hot_max", "embedded"), [(0, 2), (2, 2), (3, 1), (4, 0)])
def test_one_hot_up_to_and_including_the_limit(one_hot_max: int, embedded: int) -> None:
    encoder = FeatureEncoder(INPUTS, one_hot_max, embedding_dim=5)
    encoder(BATCH)
    assert len(encoder.weights) == embedded
    widths = {0: 5 + 2 + 5, 1: 3 + 2 + 5, 2: 5 + 2 + 5}
    assert encoder.width == (3 + 2 + 4 if embedded == 0 else widths[embedded])


@pytest.mark.parametrize("kind", ["dense", "categorical"])
def test_one_kind_alone(kind: str) -> None:
    only = tuple(item for item in INPUTS if item.kind == kind)
    width = {"dense": 2, "categorical": 3 + 4}[kind]
    assert FeatureEncoder(only)(BATCH).shape == (2, width)


def test_bags_are_weighted_sums_of_their_tokens_vectors() -> None:
    inputs = (ModelInput("words", "dense", 3, embed=2), *INPUTS, ModelInput("bag", "dense", 2))
    encoder = FeatureEncoder(inputs, one_hot_max=3, embedding_dim=2)
    bags = np.array([[3, 0, 4], [0, 0, 0]], np.float32)
    batch = {"words": bags, "bag": np.array([[0.5, 0], [2, 1]], np.float32), **BATCH}
    encoder(batch)
    encoder.set_weights([CITY_TABLE, np.array([[1, 2], [9, 9], [-1, 0.5]], np.float32)])
    # A row has the length 5: (3 * [1, 2] + 4 * [-1, 0.5]) / 5. A row without words is zero.
    expected = np.concatenate([[[-0.2, 1.6], [0, 0]], ENCODED, [[0.5, 0], [2, 1]]], axis=1)
    np.testing.assert_allclose(encoder(batch), expected, rtol=1e-6)
    assert encoder.widths == (2, 3, 2, 2, 2)
    # Twice as many of each word say the same.
    np.testing.assert_allclose(encoder({**batch, "words": 2 * bags}), expected, rtol=1e-6)
    stored = json.dumps(keras.saving.serialize_keras_object(encoder))
    again = keras.saving.deserialize_keras_object(json.loads(stored))
    assert isinstance(again, FeatureEncoder)
    assert (again.width, again.model_inputs) == (encoder.width, inputs)


def test_encoder_reads_only_its_own_inputs() -> None:
    encoder = encoder_with_known_table()
    np.testing.assert_array_equal(encoder({"another": np.zeros((2, 9)), **BATCH}), ENCODED)


def test_encoder_from_params() -> None:
    encoder = FeatureEncoder.from_params(INPUTS, EncoderParams(one_hot_max=1, embedding_dim=6))
    assert encoder.width == 6 + 2 + 6


def test_symbolic_output_shape() -> None:
    encoder = FeatureEncoder(INPUTS)
    outputs = encoder(symbolic_inputs(INPUTS))
    assert outputs.shape == (None, encoder.width)
    assert outputs.dtype == "float32"


def test_symbolic_inputs_have_the_documented_shapes_and_dtypes() -> None:
    symbolic = symbolic_inputs(INPUTS)
    assert {name: (item.name, item.shape, item.dtype) for name, item in symbolic.items()} == {
        "size": ("size", (None, 1), "int64"),
        "position": ("position", (None, 2), "float32"),
        "city": ("city", (None, 1), "int64"),
    }


def test_zero_batch_has_the_documented_shapes_and_dtypes() -> None:
    batch = {name: np.asarray(value) for name, value in zero_batch(INPUTS, 4).items()}
    assert {name: (value.shape, value.dtype) for name, value in batch.items()} == {
        "size": ((4, 1), np.int64),
        "position": ((4, 2), np.float32),
        "city": ((4, 1), np.int64),
    }
    assert all(not value.any() for value in batch.values())


def test_encoder_comes_back_from_its_configuration() -> None:
    stored = json.dumps(keras.saving.serialize_keras_object(encoder_with_known_table()))
    encoder = keras.saving.deserialize_keras_object(json.loads(stored))
    assert isinstance(encoder, FeatureEncoder)
    encoder(BATCH)
    encoder.set_weights([CITY_TABLE])
    np.testing.assert_array_equal(encoder(BATCH), ENCODED)

"""The hidden layers."""

import keras
import numpy as np
import pytest

from models.config import DeepParams
from models.layers import hidden_layers


def test_nothing_hidden() -> None:
    assert hidden_layers(DeepParams(hidden=())) == []


def test_dense_and_activation_only_by_default() -> None:
    kinds = [type(layer).__name__ for layer in hidden_layers(DeepParams(hidden=(3, 2)))]
    assert kinds == ["Dense", "Activation", "Dense", "Activation"]


def test_normalisation_stands_before_the_activation_and_dropout_after_it() -> None:
    layers = hidden_layers(DeepParams(hidden=(3,), batch_norm=True, dropout=0.25))
    assert [type(layer).__name__ for layer in layers] == ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert not layers[0].use_bias
    assert layers[3].rate == 0.25


def test_relu_layer_by_hand() -> None:
    layers = hidden_layers(DeepParams(hidden=(2,)))
    stack = keras.Sequential(layers)
    stack.build((None, 2))
    stack.set_weights([np.array([[1, 2], [3, 4]]), np.array([0.5, -30])])
    # [1, 2] W + b = [7 + 0.5, 10 - 30], and relu
    np.testing.assert_array_equal(stack(np.array([[1.0, 2.0]])), [[7.5, 0.0]])


def test_l2_is_the_sum_of_squared_kernels() -> None:
    stack = keras.Sequential(hidden_layers(DeepParams(hidden=(2,), l2=0.1)))
    stack.build((None, 2))
    stack.set_weights([np.array([[1, 2], [3, 4]]), np.array([100, 100])])
    assert float(sum(stack.losses)) == pytest.approx(0.1 * (1 + 4 + 9 + 16))


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "elu", "selu", "tanh", "leaky_relu"])
def test_every_declared_activation_exists_in_keras(activation: str) -> None:
    params = DeepParams.from_json(f'{{"hidden": [2], "activation": "{activation}"}}')
    outputs = keras.Sequential(hidden_layers(params))(np.ones((1, 2), np.float32))
    assert np.isfinite(outputs).all()

"""Averages worked out by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from models.ensemble import ensemble
from preprocessing.features import ModelInput

INPUTS = (ModelInput("x", "dense", 1),)
ROW = {"x": np.zeros((1, 1), np.float32)}


def constant(*outputs: float) -> keras.Model:
    batch = {"x": keras.Input((1,), name="x")}
    zero = keras.layers.Dense(len(outputs), kernel_initializer="zeros", name="head")(batch["x"])
    model = keras.Model(batch, zero)
    model.get_layer("head").bias.assign(list(outputs))
    return model


def test_probabilities_of_two_classes_are_averaged_by_their_shares() -> None:
    members = [constant(float(np.log(3))), constant(float(-np.log(3)))]  # 0.75 and 0.25
    [[logit]] = ensemble(members, [0.9, 0.1], "binary", INPUTS)(ROW)
    assert float(ops.sigmoid(logit)) == pytest.approx(0.7, abs=1e-6)


def test_probabilities_of_several_classes_are_averaged_and_a_sure_member_overflows_nothing() -> None:
    members = [constant(0.0, 0.0, 0.0), constant(500.0, 0.0, -500.0)]
    outputs = ensemble(members, [0.75, 0.25], "multiclass", INPUTS)(ROW)
    assert np.asarray(ops.softmax(outputs))[0] == pytest.approx([0.5, 0.25, 0.25], abs=1e-6)
    [[logit]] = ensemble([constant(-1000.0), constant(1000.0)], [0.2, 0.8], "binary", INPUTS)(ROW)
    assert float(ops.sigmoid(logit)) == pytest.approx(0.8, abs=1e-6)


def test_numbers_are_averaged_on_the_models_own_scale() -> None:
    members = [constant(10.0), constant(20.0)]
    assert np.asarray(ensemble(members, [0.3, 0.7], "regression", INPUTS)(ROW)).tolist() == [[pytest.approx(17)]]


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [1.0, 0.0]])
def test_shares_that_are_none_are_a_mistake_of_the_code(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="expected a share above 0 for each"):
        ensemble([constant(1.0), constant(2.0)], shares, "regression", INPUTS)

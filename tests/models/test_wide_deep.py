"""The wide part, alone and beside the deep part."""

from collections.abc import Callable

import keras
import numpy as np
import pytest

from models.config import WideDeepModel, WideDeepParams
from models.heads import Head
from models.registry import build_model
from models.wide_deep import WideLinear
from preprocessing.features import ModelInput

INPUTS = (ModelInput("x", "dense", 2), ModelInput("kind", "categorical", 3))
BATCH = {"x": np.array([[1.0, 2.0], [3.0, -1.0]], np.float32), "kind": np.array([[2], [0]])}


def wide(**options: float) -> WideLinear:
    layer = WideLinear(INPUTS, units=2, **options)
    layer.build({name: value.shape for name, value in BATCH.items()})
    layer.matrices["x"].assign([[1, 10], [2, 20]])
    layer.matrices["kind"].assign([[100, 200], [300, 400], [500, 600]])
    return layer


def test_wide_by_hand() -> None:
    # row 1: [1 + 4, 10 + 40] + [500, 600]; row 2: [3 - 2, 30 - 20] + [100, 200]
    np.testing.assert_array_equal(wide()(BATCH), [[505, 650], [101, 210]])


def test_wide_l2_by_hand() -> None:
    squares = 1 + 100 + 4 + 400 + 10_000 * (1 + 4 + 9 + 16 + 25 + 36)
    assert float(sum(wide(l2=0.5).losses)) == pytest.approx(0.5 * squares)


def test_wide_starts_at_zero(
    inputs: tuple[ModelInput, ...], make_batch: Callable[[int], dict[str, np.ndarray]]
) -> None:
    head = Head("multiclass", 3, initial_bias=(1.0, 2.0, 3.0))
    model = build_model(WideDeepModel(family="wide_deep"), inputs, head)
    deep_alone = keras.Model(model.input, model.get_layer("head").output)
    batch = make_batch(6)
    np.testing.assert_array_equal(model(batch), deep_alone(batch))


def test_wide_is_added_to_deep() -> None:
    model = build_model(WideDeepModel(family="wide_deep"), INPUTS, Head("multiclass", 2))
    deep_alone = keras.Model(model.input, model.get_layer("head").output)
    model.get_layer("wide").set_weights(wide().get_weights())
    np.testing.assert_allclose(model(BATCH), deep_alone(BATCH) + np.array([[505, 650], [101, 210]]), rtol=1e-6)


def test_options_reach_the_wide_part() -> None:
    config = WideDeepModel(family="wide_deep", params=WideDeepParams(wide_l2=0.5))
    model = build_model(config, INPUTS, Head("multiclass", 2))
    model.get_layer("wide").set_weights([np.ones((2, 2)), np.zeros((3, 2))])
    assert float(sum(model.losses)) == pytest.approx(0.5 * 4)

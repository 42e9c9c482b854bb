"""The cross network against numbers worked out by hand, and the whole model against NumPy."""

import numpy as np
import pytest

from models.config import DcnModel, DcnParams
from models.dcn import CrossLayer
from models.heads import Head
from models.registry import build_model
from preprocessing.features import ModelInput

X0 = np.array([[1.0, 2.0]], np.float32)
X = np.array([[3.0, 4.0]], np.float32)
B = np.array([0.5, -1.0])


def test_full_matrix_by_hand() -> None:
    layer = CrossLayer()
    layer.build(X0.shape, X.shape)
    layer.w.assign([[1, 2], [3, 4]])
    layer.b.assign(B)
    # W x = [11, 25]; + b = [11.5, 24]; * x0 = [11.5, 48]; + x
    np.testing.assert_array_equal(layer(X0, X), [[14.5, 52.0]])


def test_low_rank_by_hand() -> None:
    layer = CrossLayer(rank=1)
    layer.build(X0.shape, X.shape)
    layer.u.assign([[1], [2]])
    layer.v.assign([[3], [-1]])
    layer.b.assign(B)
    # V^T x = 5; U 5 = [5, 10]; + b = [5.5, 9]; * x0 = [5.5, 18]; + x
    np.testing.assert_array_equal(layer(X0, X), [[8.5, 22.0]])


def dcn(**params: object) -> object:
    config = DcnModel(family="dcn", params=DcnParams(**params))
    return build_model(config, (ModelInput("x", "dense", 3),), Head("multiclass", 2))


@pytest.mark.parametrize("structure", ["parallel", "stacked"])
def test_whole_model_against_numpy(structure: str) -> None:
    model = dcn(cross_layers=2, structure=structure, hidden=(4,))
    random = np.random.default_rng(0)
    w1, w2 = random.normal(size=(2, 3, 3))
    b1, b2 = random.normal(size=(2, 3))
    w_deep, b_deep = random.normal(size=(3, 4)), random.normal(size=4)
    w_head, b_head = random.normal(size=(3 + 4 if structure == "parallel" else 4, 2)), random.normal(size=2)
    for layer, values in zip(
        [*model.cross, model.deep, model.head], [[w1, b1], [w2, b2], [w_deep, b_deep], [w_head, b_head]], strict=True
    ):
        layer.set_weights(values)

    x = random.normal(size=(5, 3)).astype(np.float32)
    expected = []
    for row in x:
        first = row * (w1 @ row + b1) + row
        second = row * (w2 @ first + b2) + first
        deep = np.maximum((second if structure == "stacked" else row) @ w_deep + b_deep, 0)
        top = deep if structure == "stacked" else np.concatenate([second, deep])
        expected.append(top @ w_head + b_head)
    np.testing.assert_allclose(model({"x": x}), expected, rtol=1e-4)


def test_without_hidden_layers_the_head_sees_the_cross_layers_alone() -> None:
    model = dcn(cross_layers=1, hidden=())
    model.cross[0].set_weights([np.zeros((3, 3)), np.zeros(3)])
    model.head.set_weights([np.eye(3, 2), np.zeros(2)])
    np.testing.assert_array_equal(model({"x": np.array([[5.0, 6.0, 7.0]])}), [[5.0, 6.0]])


@pytest.mark.usefixtures("mixed_float16")
def test_cross_products_beyond_float16_stay_finite() -> None:
    model = dcn(cross_layers=2, hidden=())
    for layer in model.cross:
        layer.set_weights([np.eye(3), np.zeros(3)])
    model.head.set_weights([np.eye(3, 2), np.zeros(2)])
    # x1 = 50 * 50 + 50 = 2550; x2 = 50 * 2550 + 2550 = 130050, above float16's 65504
    np.testing.assert_allclose(model({"x": np.full((1, 3), 50.0)}), [[130050.0, 130050.0]])


def test_low_rank_has_fewer_weights() -> None:
    assert [weight.shape for weight in dcn(low_rank=1).cross[0].weights] == [(3, 1), (3, 1), (3,)]
    assert [weight.shape for weight in dcn().cross[0].weights] == [(3, 3), (3,)]

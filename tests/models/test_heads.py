"""The last layer."""

from collections.abc import Callable

import numpy as np
import pytest

from models.config import DcnModel, DeepParams, MlpModel, ModelConfig, WideDeepModel
from models.heads import Head
from models.registry import build_model
from preprocessing.config import Task
from preprocessing.features import ModelInput


@pytest.mark.parametrize(
    ("task", "classes", "units"), [("binary", 2, 1), ("multiclass", 2, 2), ("multiclass", 5, 5), ("regression", 0, 1)]
)
def test_units(task: Task, classes: int, units: int) -> None:
    layer = Head(task, classes).layer()
    assert Head(task, classes).units == units
    assert layer(np.ones((4, 3), np.float32)).shape == (4, units)


def test_layer_is_linear() -> None:
    layer = Head("multiclass", 2).layer()
    layer.build((None, 2))
    layer.set_weights([np.array([[1, 2], [3, 4]]), np.array([10, -20])])
    # [5, -6] W + b = [5 - 18 + 10, 10 - 24 - 20]
    np.testing.assert_array_equal(layer(np.array([[5.0, -6.0]])), [[-3.0, -34.0]])


@pytest.mark.usefixtures("mixed_float16")
def test_layer_is_float32_under_mixed_precision() -> None:
    layer = Head("binary", 2).layer()
    assert layer(np.ones((1, 3), np.float16)).dtype == "float32"
    assert layer.name == "head"


@pytest.mark.parametrize(
    "config",
    [
        MlpModel(family="mlp", params=DeepParams(hidden=(4,))),
        WideDeepModel(family="wide_deep"),
        DcnModel(family="dcn"),
    ],
    ids=lambda config: config.family,
)
def test_initial_bias_is_where_every_family_starts(
    config: ModelConfig, inputs: tuple[ModelInput, ...], make_batch: Callable[[int], dict[str, np.ndarray]]
) -> None:
    model = build_model(config, inputs, Head("multiclass", 3, initial_bias=(-1.5, 0.25, 2.0)))
    (kernel,) = [weight for weight in model.weights if weight.path.endswith("head/kernel")]
    kernel.assign(np.zeros(kernel.shape))
    np.testing.assert_array_equal(model(make_batch(2)), [[-1.5, 0.25, 2.0]] * 2)


@pytest.mark.parametrize(("task", "classes"), [("binary", 3), ("binary", 1), ("multiclass", 1), ("regression", 1)])
def test_classes_that_do_not_fit_the_task(task: Task, classes: int) -> None:
    with pytest.raises(ValueError, match=f"0 for regression; received .*classes={classes}"):
        Head(task, classes)


def test_initial_bias_of_another_length() -> None:
    with pytest.raises(ValueError, match="expected 3 numbers, received"):
        Head("multiclass", 3, initial_bias=(0.0, 1.0))

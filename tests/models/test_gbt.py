"""The forest's layer, by trees that a person can follow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.few_trees import few_trees

from models.config import GbtModel, MlpModel
from models.gbt import HIGHEST, LOWEST, ForestSize, filled_model, number_keys, rows_at_once, size_of, sized_model
from models.heads import Head
from models.registry import build_model
from preprocessing.features import ModelInput

Batch = dict[str, np.ndarray]
Inputs = tuple[ModelInput, ...]
FLOAT = np.finfo(np.float32)


def batch_of(*rows: tuple[float, float, int, int]) -> Batch:
    """Rows of price, the second of month_cycle, colour and shop."""
    price, month, colour, shop = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    return {
        "price": price.astype(np.float32),
        "month_cycle": np.concatenate([np.zeros_like(month), month], axis=1).astype(np.float32),
        "colour": colour.astype(np.int64),
        "shop": shop.astype(np.int64),
    }


def test_answers_are_those_of_the_trees(inputs: Inputs) -> None:
    model = filled_model(inputs, Head("binary", 2), few_trees())
    nan, inf = np.nan, np.inf
    rows = {
        (1.0, 1.5, 0, 7): 100 + 2 + 20,
        (1.0, 1.6, 0, 7): 100 + 2 + 30,
        (-1.0, 1.6, 1, 2000): 100 - 1 + 10,
        (nan, nan, 0, 7): 100 + 2 + 20,
        (inf, inf, 0, 7): 100 + 2 + 30,
        (-inf, -inf, 0, 7): 100 - 1 + 20,
        # 0 and -0 are not above 0, the smallest number is.
        (0.0, np.nextafter(np.float32(1.5), np.float32(2)), 0, 7): 100 - 1 + 30,
        (-0.0, 0.0, 0, 7): 100 - 1 + 20,
        (float(FLOAT.smallest_subnormal), 0.0, 0, 7): 100 + 2 + 20,
        (-float(FLOAT.smallest_subnormal), 0.0, 0, 7): 100 - 1 + 20,
        # Never seen, and no id.
        (1.0, 0.0, 2, 7): 100 + 2 + 10,
        (1.0, 0.0, 3, 7): 100 + 2 + 10,
        (1.0, 0.0, -1, 7): 100 + 2 + 10,
        (1.0, 0.0, 2**40, -(2**63)): 100 + 2 + 10,
    }
    batch, expected = batch_of(*rows), np.array(list(rows.values()), np.float32)[:, None]
    np.testing.assert_array_equal(np.asarray(model(batch)), expected)
    # In a graph TensorFlow's own threads compute, which flush the smallest numbers.
    np.testing.assert_array_equal(np.asarray(tf.function(model)(batch)), expected)
    xla = tf.function(model, jit_compile=True)({name: tf.constant(value) for name, value in batch.items()})
    np.testing.assert_array_equal(np.asarray(xla), expected)


def test_the_trees_of_an_iteration_are_one_for_each_unit(inputs: Inputs) -> None:
    model = filled_model(inputs, Head("multiclass", 2), few_trees(units=2))
    np.testing.assert_array_equal(np.asarray(model(batch_of((1.0, 1.6, 0, 7)))), [[102, 130]])


def test_keys_have_the_order_of_the_numbers() -> None:
    random = np.random.default_rng(1)
    bits = random.integers(-(2**31), 2**31, 20_000).astype(np.int32)
    special = np.array([0, -0.0, 1e-45, -1e-45, FLOAT.tiny, FLOAT.max, FLOAT.min, np.inf, -np.inf], np.float32)
    numbers = np.concatenate([bits.view(np.float32), special])
    numbers = numbers[~np.isnan(numbers)]
    keys = number_keys(numbers.view(np.int32))
    exact = numbers.astype(np.float64)
    order = np.argsort(exact, kind="stable")
    assert (np.sign(np.diff(keys[order].astype(np.int64))) == np.sign(np.diff(exact[order]))).all()
    assert keys.min() > LOWEST
    assert keys.max() < HIGHEST
    np.testing.assert_array_equal(number_keys(tf.constant(numbers.view(np.int32))), keys)


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_export_answers_the_same_for_any_batch_size(inputs: Inputs, tmp_path: Path, rows: int) -> None:
    model = filled_model(inputs, Head("binary", 2), few_trees())
    spec = {
        each.name: tf.TensorSpec([None, each.size if each.kind == "dense" else 1], dtype, name=each.name)
        for each in inputs
        for dtype in [tf.float32 if each.kind == "dense" else tf.int64]
    }
    module = tf.Module()
    module.variables_ = [variable.value for variable in model.variables]
    module.serve = tf.function(lambda batch: {"outputs": model(batch)}, input_signature=[spec])
    tf.saved_model.save(module, tmp_path, signatures={"serving_default": module.serve})
    serve = tf.saved_model.load(tmp_path).signatures["serving_default"]
    batch = batch_of(*[(1.0, 1.6, 0, 7), (-1.0, 0.0, 1, 2), (np.nan, np.nan, 2, 3)] * 3)
    part = {name: tf.constant(value[:rows]) for name, value in batch.items()}
    np.testing.assert_array_equal(serve(**part)["outputs"], np.asarray(model(batch))[:rows])


def test_weights_go_into_a_model_of_their_size(inputs: Inputs, tmp_path: Path) -> None:
    head = Head("binary", 2, (0.5,))
    model = filled_model(inputs, head, few_trees())
    model.save_weights(tmp_path / "model.weights.h5")
    again = sized_model(inputs, head, few_trees().size)
    assert size_of(model) == {"trees": 2, "nodes": 8, "splits": 1, "width": 4, "depth": 2}
    batch = batch_of((1.0, 1.6, 0, 7), (-1.0, 0.0, 1, 2))
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(np.asarray(again(batch)), np.asarray(model(batch)))


def test_configuration_rebuilds_a_model_of_its_size(inputs: Inputs) -> None:
    model = filled_model(inputs, Head("binary", 2), few_trees())
    again = keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    batch = batch_of((1.0, 1.6, 0, 7), (-1.0, 0.0, 1, 2))
    np.testing.assert_array_equal(np.asarray(again(batch)), np.asarray(model(batch)))


def test_without_trees_the_head_answers_its_initial_bias(inputs: Inputs, make_batch: Callable[[int], Any]) -> None:
    model = build_model(GbtModel(family="gbt"), inputs, Head("multiclass", 3, (0.5, 0.25, -1.0)))
    np.testing.assert_array_equal(np.asarray(model(make_batch(2))), [[0.5, 0.25, -1.0]] * 2)
    assert model.trainable_weights == []


def test_fewer_rows_are_asked_at_once_where_there_are_many_trees(inputs: Inputs) -> None:
    # 2**23 rows times trees: of 600 trees for each of 100 classes 139 rows.
    many, many_again = (
        sized_model(inputs, Head("multiclass", 100), ForestSize(trees=60_000, nodes=60_000)) for _ in range(2)
    )
    assert rows_at_once(many, 2048) == 2**23 // 60_000 == 139
    two = keras.Model()
    two.members = [many, many_again]
    assert rows_at_once(two, 2048) == 69
    assert rows_at_once(filled_model(inputs, Head("binary", 2), few_trees()), 2048) == 2048
    assert rows_at_once(build_model(MlpModel(), inputs, Head("binary", 2)), 2048) == 2048

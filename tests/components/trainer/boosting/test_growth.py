"""What a forest depends on: the seed, not the number of threads or a kill; and what it may not do."""

from typing import Any, Literal

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.boosting import growth as growth_module
from components.trainer.boosting.forest import as_weights
from components.trainer.boosting.growth import Growth
from components.trainer.boosting.table import Columns, Table
from models.config import GbtParams
from models.gbt import Trees, filled_model
from models.heads import Head
from preprocessing.features import LABEL, WEIGHT, ModelInput
from preprocessing.matrices import Matrices

INPUTS = (ModelInput("size_number_xf", "dense", 1), ModelInput("other_xf", "dense", 2))
COLUMNS = Columns(INPUTS, ())
PARAMS = GbtParams(trees=12, learning_rate=0.3, leaves=15, leaf_rows=5)


def table() -> Table:
    random = np.random.default_rng(4)
    numbers = random.normal(size=(900, 3))
    # It rises with the first number, by steps that go back a little.
    label = 2 * numbers[:, 0] + np.sin(9 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2] + random.normal(0, 0.5, 900)
    return Table(numbers, label, random.random(900))


def grow(
    iterations: int,
    *,
    seed: int = 1,
    growth: Growth | None = None,
    params: GbtParams = PARAMS,
    loss: str = "squared",
) -> Growth:
    growth = growth or Growth(params, loss, 1, COLUMNS, table(), table(), seed)
    for _ in range(iterations):
        growth.grow()
    return growth


def weights(growth: Growth) -> Trees:
    return as_weights(growth.trees, growth.base, COLUMNS)


def same(one: Growth, other: Growth) -> bool:
    pairs = [
        (getattr(weights(one), name), getattr(weights(other), name)) for name in ("columns", "thresholds", "values")
    ]
    return all(np.array_equal(a, b) for a, b in pairs)


def test_the_seed_decides_and_the_number_of_threads_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = grow(12)
    monkeypatch.setattr(growth_module, "_CELLS_FOR_THREADS", 0)
    monkeypatch.setattr(growth_module, "threads", lambda: 3)
    together = grow(12)
    assert same(alone, together)
    assert not same(alone, grow(12, seed=2))


def test_a_growth_that_goes_on_is_the_same() -> None:
    whole, begun, again = grow(12), grow(5), grow(0)
    arrays, random = begun.state()
    again.go_on(arrays, random)
    np.testing.assert_array_equal(again.raw, begun.raw)
    assert same(grow(7, growth=again), whole)
    np.testing.assert_array_equal(again.raw, whole.raw)
    np.testing.assert_array_equal(again.held_out, whole.held_out)


@pytest.mark.parametrize("scale", [2.0**-23, 2.0**23])
def test_the_scale_of_the_weights_does_not_matter(scale: float) -> None:
    def forest(scale: float) -> Growth:
        given = table()
        assert given.weights is not None
        targets = {
            LABEL: tf.constant(given.labels[:, None], tf.float32),
            WEIGHT: tf.constant(scale * given.weights[:, None], tf.float32),
        }
        numbers = tf.constant(given.matrix, tf.float32)
        rows = Matrices(INPUTS, numbers, tf.zeros([len(given.labels), 0], tf.int32), targets, len(given.labels))
        read = Table.read(rows, COLUMNS, "train", mean=0, std=1)
        return grow(12, growth=Growth(PARAMS, "squared", 1, COLUMNS, read, None, 1))

    assert len(weights(forest(1.0)).values) > 12 * 3
    # By a power of two, which changes no digit of a weight.
    assert same(forest(scale), forest(1.0))


@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.parametrize(("direction", "sign"), [("increasing", 1), ("decreasing", -1)])
def test_a_monotone_column_moves_the_answer_one_way(
    direction: Literal["increasing", "decreasing"], sign: int, loss: str
) -> None:
    def steps(params: GbtParams) -> Any:
        model = filled_model(INPUTS, Head("regression", 0), weights(grow(40, params=params, loss=loss)))
        grid = np.linspace(-3, 3, 400, dtype=np.float32)
        others = np.random.default_rng(6).normal(size=(20, 2)).astype(np.float32)
        batch = {"size_number_xf": np.tile(grid, 20)[:, None], "other_xf": np.repeat(others, 400, axis=0)}
        return sign * np.diff(np.asarray(model(batch)).reshape(20, 400), axis=1)

    bound = PARAMS.model_copy(update={"monotone": {"size": direction}})
    assert steps(bound).min() >= -1e-6
    assert steps(PARAMS).min() < -0.05


def test_a_monotone_forest_of_absolute_errors_still_learns() -> None:
    errors = [
        float(np.average(np.abs(growth.raw[:, 0] - table().labels), weights=table().weights))
        for growth in (
            grow(0, loss="absolute"),
            grow(40, loss="absolute"),
            grow(40, loss="absolute", params=PARAMS.model_copy(update={"monotone": {"size": "increasing"}})),
        )
    ]
    constant, free, bound = errors
    assert free < bound < 0.6 * constant


def test_a_last_bit_sends_no_training_row_another_way() -> None:
    # 1,000 values that many rows have, which is more than there are bins: quantiles of them are values themselves.
    random = np.random.default_rng(8)
    numbers = (random.integers(0, 1000, (4000, 3)) / 7).astype(np.float32)
    labels = np.sin(numbers[:, 0].astype(np.float64)) + random.normal(0, 0.1, 4000)
    read = Table(numbers.astype(np.float64), labels, None)
    growth = grow(12, growth=Growth(PARAMS, "squared", 1, COLUMNS, read, None, 1))
    model = filled_model(INPUTS, Head("regression", 0), weights(growth))

    def answers(given: Any) -> Any:
        return np.asarray(model({"size_number_xf": given[:, :1], "other_xf": given[:, 1:]}))[:, 0]

    np.testing.assert_allclose(answers(numbers), growth.raw[:, 0], atol=1e-5)
    for end in (-np.inf, np.inf):
        np.testing.assert_array_equal(answers(np.nextafter(numbers, np.float32(end))), answers(numbers))

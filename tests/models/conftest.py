"""A small table in the shape of a batch, and the state that Keras keeps for the whole process."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest

from preprocessing.features import ModelInput

Batch = dict[str, np.ndarray]


@pytest.fixture
def inputs() -> tuple[ModelInput, ...]:
    """One of each kind; not in alphabetical order; `shop` has more ids than float16 can tell apart."""
    return (
        ModelInput("price", "dense", 1),
        ModelInput("month_cycle", "dense", 2),
        ModelInput("colour", "categorical", 3),
        ModelInput("shop", "categorical", 3000),
    )


@pytest.fixture
def make_batch() -> Callable[[int], Batch]:
    def make(rows: int) -> Batch:
        random = np.random.default_rng(rows)
        return {
            "price": random.normal(size=(rows, 1)).astype(np.float32),
            "month_cycle": random.normal(size=(rows, 2)).astype(np.float32),
            "colour": random.integers(0, 3, size=(rows, 1)),
            "shop": random.integers(0, 3000, size=(rows, 1)),
        }

    return make


@pytest.fixture
def mixed_float16() -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(1)

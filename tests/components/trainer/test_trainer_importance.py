"""What shuffling a column changes, on functions whose answer is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from components.trainer.importance import Inputs, Sample, Sources, importance

Array = np.ndarray[Any, Any]
ROWS = 2000
RANDOM = np.random.default_rng(5)
A = RANDOM.normal(size=(ROWS, 1))
B = RANDOM.normal(size=(ROWS, 1))
IDS = RANDOM.integers(0, 4, size=(ROWS, 1))
OTHER_IDS = RANDOM.integers(0, 3, size=(ROWS, 1))


def mean_difference(values: Array) -> float:
    """Between any two rows: what a shuffle gives on average."""
    return float(np.abs(values[:, np.newaxis] - values[np.newaxis, :]).mean())


def changes(predict: Callable[[Inputs], Array], inputs: Inputs, sources: Sources, seed: int) -> dict[str, float]:
    """The changes by column of a model whose predictions are finite."""
    found = importance(predict, inputs, sources, seed)
    assert found is not None
    return found.change


def test_a_column_that_matters_and_one_that_does_not() -> None:
    inputs = {"a_xf": A, "b_xf": B}
    got = changes(lambda given: 3 * given["a_xf"][:, 0], inputs, {"a_xf": ("a",), "b_xf": ("b",)}, seed=1)
    assert got == {"a": pytest.approx(3 * mean_difference(A[:, 0]), rel=0.05), "b": 0.0}


def test_probabilities_count_over_rows_and_classes() -> None:
    def predict(given: Inputs) -> Array:
        positive = 1 / (1 + np.exp(-given["a_xf"]))
        return np.concatenate([1 - positive, positive, np.zeros((ROWS, 2))], axis=1)

    got = changes(predict, {"a_xf": A}, {"a_xf": ("a",)}, seed=1)
    assert got == {"a": pytest.approx(mean_difference(1 / (1 + np.exp(-A[:, 0]))) / 2, rel=0.05)}


def test_all_inputs_of_a_column_are_shuffled_together() -> None:
    inputs = {"a_number_xf": A, "a_missing_xf": A}
    got = changes(lambda given: given["a_number_xf"] - given["a_missing_xf"], inputs,
                     {"a_number_xf": ("a",), "a_missing_xf": ("a",)}, seed=1)  # fmt: skip
    assert got == {"a": 0.0}


def test_a_cross_is_always_one_that_the_row_would_have() -> None:
    def predict(given: Inputs) -> Array:
        np.testing.assert_array_equal(given["cross_xf"], 10 * given["a_id_xf"] + given["b_id_xf"])
        return given["cross_xf"][:, 0] // 10  # reads the column a, through the cross alone

    inputs = {"a_id_xf": IDS, "b_id_xf": OTHER_IDS, "cross_xf": 10 * IDS + OTHER_IDS}
    sources = {"a_id_xf": ("a",), "b_id_xf": ("b",), "cross_xf": ("a", "b")}
    got = changes(predict, inputs, sources, seed=1)
    # Independent columns, so that exchanging among equal b's is no other than exchanging freely.
    assert got == {"a": pytest.approx(mean_difference(IDS[:, 0]), rel=0.05), "b": 0.0}


def test_an_input_of_unknown_columns_keeps_its_rows() -> None:
    inputs = {"a_xf": A, "own": B}
    got = changes(lambda given: given["a_xf"][:, 0] * (given["own"][:, 0] == B[:, 0]), inputs, {"a_xf": ("a",)}, 1)
    assert got == {"a": pytest.approx(mean_difference(A[:, 0]), rel=0.05)}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_importance_where_a_prediction_is_not_finite(bad: float) -> None:
    inputs, sources = {"a_xf": A, "b_xf": A}, {"a_xf": ("a",), "b_xf": ("b",)}
    assert importance(lambda _: np.full(ROWS, bad), inputs, sources, seed=1) is None
    # Finite as long as nothing is shuffled.
    assert importance(lambda given: np.where(given["a_xf"] == given["b_xf"], 0, bad), inputs, sources, seed=1) is None


@pytest.mark.parametrize("at_once", [2, 3, 5, 8])
def test_columns_that_are_shuffled_in_one_call_do_not_meet(at_once: int) -> None:
    """Each changes as much as alone, and there are as many calls fewer."""
    inputs = {"a_id_xf": IDS, "b_id_xf": OTHER_IDS, "cross_xf": 10 * IDS + OTHER_IDS, "c_xf": A, "d_xf": B}
    sources = {"a_id_xf": ("a",), "b_id_xf": ("b",), "cross_xf": ("a", "b"), "c_xf": ("c",), "d_xf": ("d",)}
    calls = []

    def predict(given: Inputs) -> Array:
        calls.append({len(each) for each in given.values()})
        np.testing.assert_array_equal(given["cross_xf"], 10 * given["a_id_xf"] + given["b_id_xf"])
        return given["cross_xf"] + given["c_xf"] * given["a_id_xf"] + given["d_xf"] ** 2

    alone = importance(predict, inputs, sources, 3)
    assert (len(calls), calls[0]) == (1 + 4, {ROWS})
    calls.clear()
    assert importance(predict, inputs, sources, 3, 1, at_once) == alone
    assert (len(calls), calls[0]) == (1 + -(-4 // at_once), {at_once * ROWS})


def test_the_seed_decides() -> None:
    def measured(seed: int) -> dict[str, float]:
        return changes(lambda given: given["a_xf"][:, 0], {"a_xf": A}, {"a_xf": ("a",)}, seed)

    assert measured(1) == measured(1) != measured(2)


def test_the_error_is_the_spread_that_other_rows_would_give() -> None:
    """Against what happens: the same column of many tables, each with rows of its own."""
    tables = np.random.default_rng(8).normal(size=(400, 50, 1))
    found = [importance(lambda given: given["a_xf"], {"a_xf": each}, {"a_xf": ("a",)}, 1) for each in tables]
    spread = np.std([each.change["a"] for each in found if each is not None])
    errors = [each.error["a"] for each in found if each is not None]
    assert len(errors) == 400
    assert np.mean(errors) == pytest.approx(spread, rel=0.2)
    # Copies are not further rows.
    again = importance(lambda given: given["a_xf"], {"a_xf": np.tile(tables[0], (40, 1))}, {"a_xf": ("a",)}, 1, 40)
    assert again is not None
    assert again.error["a"] > 0.25 * errors[0]


def sample_of(rows: int, seed: int = 3) -> dict[str, Array]:
    """The sample of 100 among the row numbers from 0, in batches of 64."""
    sample = Sample(100, seed)
    for start in range(0, rows, 64):
        numbers = np.arange(start, min(start + 64, rows))[:, np.newaxis]
        sample.add({"number": numbers, "twice": np.concatenate([2 * numbers, numbers], axis=1)})
    return sample.inputs


def test_a_sample_of_a_sorted_table() -> None:
    got = sample_of(10_000)
    numbers = got["number"][:, 0]
    np.testing.assert_array_equal(got["twice"], np.stack([2 * numbers, numbers], axis=1))
    assert len(set(numbers.tolist())) == 100
    # The mean of 100 of these rows has a standard deviation of 289 around 5000.
    assert abs(numbers.mean() - 4999.5) < 4 * 289
    np.testing.assert_array_equal(numbers, sample_of(10_000)["number"][:, 0])
    assert set(numbers.tolist()) != set(sample_of(10_000, seed=4)["number"][:, 0].tolist())


def test_a_sample_of_few_rows_is_all_of_them() -> None:
    assert sorted(sample_of(90)["number"][:, 0].tolist()) == list(range(90))


@pytest.mark.parametrize(("rows", "copies"), [(1, 100), (30, 3), (50, 2), (51, 1), (100, 1), (250, 1)])
def test_few_rows_are_repeated_as_often_as_they_fit(rows: int, copies: int) -> None:
    sample = Sample(100, seed=3)
    sample.add({"number": np.arange(rows)[:, np.newaxis]})
    got = sample.repeated()["number"]
    assert got.shape == (min(rows, 100) * copies, 1)
    assert sorted(got[:, 0].tolist()) == sorted(sample.inputs["number"][:, 0].tolist() * copies)

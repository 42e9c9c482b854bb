"""Two answers to the same rows, on numbers small enough to work out by hand."""

from typing import Any

import numpy as np
import pytest
from support.stand_in import texts

from components.smoke_test.bench.compare import (
    compare_output,
    difference,
    largest,
    text,
    undecided_rows,
    without_padding,
)


def floats(*values: Any) -> Any:
    return np.array(values, np.float32)


def differs(expected: Any, actual: Any, task: Any = "regression", tolerance: float = 1e-2, **more: Any) -> Any:
    return compare_output("value", floats(*expected), floats(*actual), tolerance=tolerance, task=task, **more)


def test_values_are_compared_relative_to_their_own_size() -> None:
    # 1 % of 1000 is 10, of 200 is 2.
    assert differs([1000, 200, 200], [1009, 200, 201]) is None
    found = differs([1000, 200, 200], [1000, 200, 203])
    assert (found.row, found.rows, found.expected, found.received) == (2, 1, "[200]", "[203]")
    assert found.size == pytest.approx(0.015)


def test_a_value_near_zero_is_compared_with_the_usual_size() -> None:
    # The median of the sizes is 200, so 1 % is 2 for the value that happens to be 0.
    assert differs([0.1, 200, 1000], [1.6, 200, 1000]) is None
    assert differs([0.1, 200, 1000], [2.6, 200, 1000]).row == 0


def test_zeros_do_not_count_in_the_usual_size() -> None:
    # A model that answers zero to most: 1 % of 100 is 1.
    assert differs([0, 0, 0, 100], [0.9, 0, 0, 100]) is None
    assert differs([0, 0, 0, 100], [1.1, 0, 0, 100]).row == 0


def test_the_usual_size_of_a_few_rows_is_that_of_all() -> None:
    everything = floats(0.001, 200, 1000)
    assert differs([0.001], [0.002]).row == 0
    assert differs([0.001], [0.002], like=everything) is None


def test_values_may_all_be_small_in_a_regression_and_rounding_where_nothing_is_known() -> None:
    assert differs([1e-9, 2e-9], [1.1e-9, 2e-9]).row == 0
    assert differs([1e-9, 2e-9], [1.1e-9, 2e-9], task=None) is None


@pytest.mark.parametrize(("off", "found"), [(0.9e-4, False), (1.1e-4, True)])
def test_probabilities_are_compared_absolutely(off: float, found: bool) -> None:
    expected, actual = floats([0.9, 0.1], [1e-6, 1 - 1e-6]), floats([0.9, 0.1], [1e-6 + off, 1 - 1e-6])
    assert (compare_output("p", expected, actual, tolerance=1e-4, task="binary") is not None) is found


def test_large_logits_of_a_classification_are_compared_relative_to_their_size() -> None:
    # A float32 of 4000 has steps of 0.00024, more than the tolerance.
    assert compare_output("logits", floats([4000.0]), floats([4000.0003]), tolerance=1e-4, task="binary") is None


def test_a_row_of_numbers_is_compared_relative_to_the_largest() -> None:
    assert differs([[1000, 0.001]], [[1000, 0.002]]) is None
    assert differs([[1000, 0.001]], [[1000, 11]]).row == 0


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (np.nan, np.nan, True),
        (np.inf, np.inf, True),
        (np.inf, -np.inf, False),
        (1.0, np.nan, False),
        (np.nan, 1.0, False),
        (1.0, np.inf, False),
    ],
)
def test_what_is_no_number_equals_only_itself(expected: float, actual: float, same: bool) -> None:
    assert (differs([expected, 5], [actual, 5]) is None) is same


def test_whole_numbers_must_be_equal_to_the_last_digit() -> None:
    key = np.array([2**60, 7], np.int64)
    assert compare_output("key", key, key.copy(), tolerance=0.1, task=None) is None
    found = compare_output("key", key, key + np.array([1, 0]), tolerance=0.1, task=None)
    assert (found.row, found.expected, found.received) == (0, "[1152921504606846976]", "[1152921504606846977]")
    assert np.isnan(found.size)


def test_half_precision_may_be_off_by_its_own_rounding() -> None:
    one, off = np.array([1.0], np.float16), np.array([1.002], np.float16)
    assert compare_output("value", one, off, tolerance=1e-4, task=None) is None
    assert compare_output("value", one, np.array([1.01], np.float16), tolerance=1e-4, task=None) is not None


def test_texts_must_be_equal_unless_two_classes_are_equally_probable() -> None:
    close = {"probabilities": floats([0.5, 0.50001], [0.9, 0.1]), "label": texts(["no", "no"])}
    assert difference(close, close | {"label": texts(["yes", "no"])}, tolerance=1e-4, task="binary") is None
    found = difference(close, close | {"label": texts(["no", "yes"])}, tolerance=1e-4, task="binary")
    assert (found.output, found.row, found.expected, found.received) == ("label", 1, "['no']", "['yes']")


def test_texts_may_differ_at_the_decision_threshold() -> None:
    close = {"probabilities": floats([0.7, 0.3], [0.5, 0.5]), "label": texts(["no", "yes"])}
    other = close | {"label": texts(["yes", "yes"])}
    assert difference(close, other, tolerance=1e-4, task="binary", threshold=0.30005) is None
    assert difference(close, other, tolerance=1e-4, task="binary", threshold=0.31) is not None


@pytest.mark.parametrize(
    ("scores", "undecided"),
    [
        ([[0.5, 0.5], [0.6, 0.4]], [True, False]),
        ([[0.5], [0.6]], [True, False]),
        ([0.49996, 0.4998], [True, False]),
        ([[0.5, 0.5], [0.6, 0.6]], None),  # not probabilities: the second row sums to 1.2
        ([[3.0, 3.0], [0.0, 0.0]], None),
    ],
    ids=["two", "column", "flat", "sums", "logits"],
)
def test_only_probabilities_say_which_rows_are_undecided(scores: Any, undecided: Any) -> None:
    found = undecided_rows({"scores": floats(*scores)}, 1e-4)
    assert (None if found is None else found.tolist()) == undecided


def test_numbers_are_named_before_the_label_that_follows_from_them() -> None:
    one = {"label": texts(["no"]), "probabilities": floats([0.9, 0.1])}
    other = {"label": texts(["yes"]), "probabilities": floats([0.1, 0.9])}
    assert difference(one, other, tolerance=1e-4, task="binary").output == "probabilities"


def test_names_and_shapes_differ_as_a_whole() -> None:
    names = difference({"a": floats(1)}, {"b": floats(1)}, tolerance=0.1, task=None)
    assert (names.whole, names.expected_in_words, names.received) == (True, "the outputs a", "b")
    shapes = difference({"a": floats(1, 2)}, {"a": floats([1], [2])}, tolerance=0.1, task=None)
    assert (shapes.whole, shapes.expected_in_words, shapes.received_in_words) == (True, "a shape [2]", "shape [2, 1]")


@pytest.mark.parametrize(
    "array", [floats(), np.zeros((0, 3)), np.array(1.5), np.zeros((2, 0)), texts([]), texts(["a"])]
)
def test_empty_ones_and_scalars_equal_themselves(array: Any) -> None:
    assert difference({"a": array}, {"a": array.copy()}, tolerance=1e-4, task=None) is None


def test_a_scalar_differs_as_one_row() -> None:
    found = compare_output("a", np.array(1.0), np.array(2.0), tolerance=1e-4, task=None)
    assert (found.row, found.rows, found.expected, found.received_in_words) == (0, 1, "[1]", "[2], off by up to 1")


@pytest.mark.parametrize(
    ("expected", "received", "declared", "same"),
    [
        ([[1, 2, 0], [3, 0, 0]], [[1, 2], [3, 0]], (None, None), True),
        ([[1, 2], [3, 0]], [[1, 2, 0, 0], [3, 0, 0, 0]], None, True),
        # The rest is not one value, the size is declared, or what is left differs.
        ([[1, 2, 5], [3, 4, 6]], [[1, 2], [3, 4]], (None, None), False),
        ([[1, 2, 0], [3, 4, 0]], [[1, 2], [3, 4]], (None, 3), False),
        ([[1, 2, 0], [3, 4, 0]], [[1, 2], [3, 5]], (None, None), False),
        ([[1, 2, 0]], [[1, 2], [3, 4]], (None, None), False),
        ([1, 2], [[1], [2]], None, False),
    ],
)
def test_padding_to_the_longest_row_of_a_batch(expected: Any, received: Any, declared: Any, same: bool) -> None:
    one, other = without_padding(np.array(expected), np.array(received), declared)
    assert np.array_equal(one, other) == same


def test_no_rows_of_any_width() -> None:
    one, other = without_padding(np.empty((0, 6), object), np.empty((0, 0), object), (None, None))
    assert one.shape == other.shape == (0, 0)


def test_more_numbers_than_are_compared_at_a_time() -> None:
    wide = np.ones((3, 3_000_000), np.float32)
    other = wide.copy()
    other[2, -1] = 1.5
    found = compare_output("embedding", wide, other, tolerance=1e-4, task=None)
    assert (found.row, found.rows, found.size) == (2, 1, 0.5)


def test_the_largest_difference() -> None:
    assert largest(floats(100, 200), floats(101, 200), task="regression") == pytest.approx(1 / 150)
    assert largest(floats([0.5, 0.5]), floats([0.5, 0.25]), task="binary") == 0.25
    assert largest(floats(), floats(), task=None) == 0.0


def test_texts_for_the_eye() -> None:
    assert text(floats(1 / 3, 2e9)) == "[0.3333333, 2e+09]"
    assert text(np.array([True, False])) == "[True, False]"
    assert text(np.array([b"\xff", b"a" * 70], dtype=object)) == f"['\ufffd', '{'a' * 60}'... (70 characters)]"
    assert text(np.arange(10)) == "[0, 1, 2, 3, 4, 5, 6, 7, ... (10 values)]"

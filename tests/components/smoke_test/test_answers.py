"""The checks on one answer, on numbers small enough to work out by hand."""

from typing import Any

import numpy as np
import pytest

from components.smoke_test.answers import (
    Answer,
    batch_of_one,
    classes,
    finite,
    label,
    parity,
    probabilities,
)
from components.smoke_test.golden import Contract

BINARY = Contract(task="binary", classes=("no", "yes"), row_key="row_key_xf", label="late", inputs={})
REGRESSION = Contract(task="regression", classes=None, row_key="row_key_xf", label="price", inputs={})
GOOD = [[0.9, 0.1], [0.25, 0.75], [0.5, 0.5]]


def texts(values: Any) -> np.ndarray:
    return np.array(values, dtype=object)


def classification(numbers: Any = GOOD, labels: Any = (b"no", b"yes", b"yes"), **changes: Any) -> Answer:
    arguments: dict[str, Any] = {
        "contract": BINARY,
        "outputs": {
            "probabilities": np.array(numbers, np.float32),
            "classes": texts([[b"no", b"yes"]] * len(numbers)),
            "label": texts(labels),
        },
        "singles": {0: {"probabilities": np.array([numbers[0]], np.float32)}},
        "rows": (10, 11, 15),
        "expected": np.array(GOOD, np.float32),
        "tolerance": 1e-4,
    }
    return Answer(**arguments | changes)


def regression(values: Any, expected: Any, singles: dict[int, float] | None = None, tolerance: float = 1e-2) -> Answer:
    return Answer(
        contract=REGRESSION,
        outputs={"value": np.array(values, np.float32)},
        singles={row: {"value": np.array([value], np.float32)} for row, value in (singles or {0: values[0]}).items()},
        rows=tuple(range(100, 100 + len(values))),
        expected=np.array(expected, np.float32),
        tolerance=tolerance,
    )


@pytest.mark.parametrize("check", [finite, probabilities, classes, label, parity, batch_of_one])
def test_a_sound_answer_passes_every_check(check: Any) -> None:
    assert check(classification()).passed


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_finite_names_the_first_row_and_counts_the_others(bad: float) -> None:
    result = finite(classification([[0.9, 0.1], [bad, 0.5], [0.5, bad]]))
    assert (result.passed, result.row) == (False, 11)
    assert result.actual.endswith("(and 1 more of 3 rows)")


@pytest.mark.parametrize(
    "row", [[1.2, -0.2], [0.6, 0.5], [2.0, -1.0], [0.5001, 0.4997]], ids=["outside", "sum 1.1", "logits", "sum 0.9998"]
)
def test_probabilities_must_be_probabilities(row: list[float]) -> None:
    result = probabilities(classification([GOOD[0], GOOD[1], row]))
    assert (result.passed, result.row) == (False, 15)


def test_probabilities_may_miss_one_by_rounding() -> None:
    assert probabilities(classification([[0.90005, 0.1], GOOD[1], GOOD[2]])).passed


def test_classes_must_be_in_order_in_every_row() -> None:
    answer = classification()
    answer.outputs["classes"][1] = texts([b"yes", b"no"])
    result = classes(answer)
    assert (result.passed, result.row, result.expected, result.actual) == (False, 11, "['no', 'yes']", "['yes', 'no']")


def test_the_label_is_the_most_probable_class() -> None:
    result = label(classification(labels=(b"no", b"no", b"yes")))
    assert (result.passed, result.row, result.expected, result.actual) == (False, 11, "['yes']", "['no']")


def test_the_label_must_be_one_of_the_classes() -> None:
    result = label(classification(labels=(b"no", b"yes", b"Yes")))
    assert (result.passed, result.row) == (False, 15)


@pytest.mark.parametrize("either", [b"no", b"yes"])
def test_of_two_equally_probable_classes_either_is_the_label(either: bytes) -> None:
    assert label(classification(labels=(b"no", b"yes", either))).passed


def test_parity_of_probabilities_is_absolute() -> None:
    assert parity(classification([[0.90009, 0.09991], *GOOD[1:]])).passed
    result = parity(classification([GOOD[0], [0.2498, 0.7502], GOOD[2]]))
    assert (result.passed, result.row) == (False, 11)
    assert result.expected == "[0.25, 0.75]"
    assert result.actual == "[0.2498, 0.7502], 0.0002 off"


def test_parity_of_values_is_relative() -> None:
    # 1 % of 1000 is 10, of 200 is 2.
    assert parity(regression([1009, 200, 201], [1000, 200, 200])).passed
    result = parity(regression([1000, 200, 203], [1000, 200, 200]))
    assert (result.passed, result.row) == (False, 102)


def test_parity_of_a_value_near_zero_is_relative_to_the_typical_value() -> None:
    # The median of |expected| is 200, so 1 % is 2 for the value that happens to be 0.
    assert parity(regression([1.5, 200, 1000], [0, 200, 1000])).passed
    assert not parity(regression([2.5, 200, 1000], [0, 200, 1000])).passed


def test_parity_follows_the_labels_units() -> None:
    tiny = np.array([1e-9, 2e-9, 3e-9])
    assert parity(regression(tiny, tiny)).passed
    assert not parity(regression(tiny * 1.1, tiny)).passed


def test_a_row_must_be_answered_alike_on_its_own() -> None:
    assert batch_of_one(regression([100, 200, 300], [100, 200, 300], {0: 100.0, 2: 301.0})).passed
    result = batch_of_one(regression([100, 200, 300], [100, 200, 300], {0: 100.0, 2: 310.0}))
    assert (result.passed, result.row) == (False, 102)
    assert result.expected == "[300.0]"

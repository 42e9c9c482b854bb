"""Pure functions: the answer of one serving signature -> what is right and wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.golden import Contract
from components.smoke_test.report import CheckResult

OTHER_EXPORT = "the export differs from the model that was trained: look at components/trainer's export"


@dataclass(frozen=True)
class Answer:
    """What one serving signature answered to all rows, with what it is judged by.

    Attributes:
      contract: what the export promises.
      outputs: the answer to all rows, by output name.
      singles: the answers to single rows, by position among the rows.
      rows: the rows' positions in the split.
      expected: the trainer's predictions for the rows; None when it has none for them.
      tolerance: the largest difference allowed.
    """

    contract: Contract
    outputs: Mapping[str, NDArray[Any]]
    singles: Mapping[int, Mapping[str, NDArray[Any]]]
    rows: tuple[int, ...]
    expected: NDArray[np.float32] | None
    tolerance: float

    @property
    def numbers(self) -> NDArray[Any]:
        """The predictions: probabilities [rows, classes] or values [rows]."""
        return self.outputs[prediction_name(self.contract)]

    def fail(self, check: str, failing: NDArray[np.bool_], expected: Any, actual: Any, **more: Any) -> CheckResult:
        """The failed check; `expected` and `actual` are functions of the first failing position."""
        first = int(np.argmax(failing))
        others = f" (and {int(failing.sum()) - 1} more of {len(failing)} rows)" if failing.sum() > 1 else ""
        return CheckResult(
            check=check,
            row=self.rows[first],
            expected=str(expected(first)),
            actual=f"{actual(first)}{others}",
            passed=False,
            **more,
        )


def prediction_name(contract: Contract) -> str:
    """The output that holds the numbers."""
    return "value" if contract.classes is None else "probabilities"


def finite(answer: Answer) -> CheckResult:
    """No NaN, no infinity."""
    failing = ~np.isfinite(answer.numbers).reshape(len(answer.rows), -1).all(axis=1)
    if failing.any():
        return answer.fail("finite", failing, lambda _: "finite numbers", lambda i: answer.numbers[i].tolist())
    return CheckResult(check="finite", expected="finite numbers", actual="finite numbers", passed=True)


def probabilities(answer: Answer) -> CheckResult:
    """Between 0 and 1, with sum 1."""
    sums = answer.numbers.sum(axis=1, dtype=np.float64)
    outside = ((answer.numbers < 0) | (answer.numbers > 1)).any(axis=1)
    failing = outside | (np.abs(sums - 1) > answer.tolerance)
    expected = "probabilities in [0, 1] with sum 1"
    if failing.any():
        return answer.fail(
            "probabilities",
            failing,
            lambda _: expected,
            lambda i: f"{answer.numbers[i].tolist()} with sum {sums[i]:.6g}",
            tolerance=answer.tolerance,
            hint="does the export apply the softmax or sigmoid?",
        )
    return CheckResult(
        check="probabilities", expected=expected, actual=expected, tolerance=answer.tolerance, passed=True
    )


def classes(answer: Answer) -> CheckResult:
    """The label's classes, in the same order in every row."""
    names = [name.encode() for name in answer.contract.classes or ()]
    answered = answer.outputs["classes"]
    failing = (answered != np.array(names, dtype=object)).any(axis=1)
    expected = _texts(names)
    if failing.any():
        return answer.fail(
            "classes", failing, lambda _: expected, lambda i: _texts(answered[i]), hint="clients map by position"
        )
    return CheckResult(check="classes", expected=expected, actual=expected, passed=True)


def label(answer: Answer) -> CheckResult:
    """The class with the highest probability."""
    names = [name.encode() for name in answer.contract.classes or ()]
    # Two classes may share the highest probability: either is right.
    chosen = answer.outputs["label"][:, np.newaxis] == np.array(names, dtype=object)
    highest = answer.numbers == answer.numbers.max(axis=1, keepdims=True)
    failing = ~(chosen & highest).any(axis=1)
    if failing.any():
        return answer.fail(
            "label",
            failing,
            lambda i: _texts([names[int(np.argmax(answer.numbers[i]))]]),
            lambda i: _texts([answer.outputs["label"][i]]),
        )
    return CheckResult(check="label", expected="the most probable class", actual="that class", passed=True)


def parity(answer: Answer) -> CheckResult:
    """The numbers that the trainer's own model gave for the same rows."""
    assert answer.expected is not None, "parity needs the trainer's predictions"  # noqa: S101
    return _compare("parity", answer, answer.numbers, answer.expected, answer.rows, hint=OTHER_EXPORT)


def batch_of_one(answer: Answer) -> CheckResult:
    """The same numbers for a row on its own as for the row among others."""
    positions = sorted(answer.singles)
    name = prediction_name(answer.contract)
    alone = np.concatenate([answer.singles[position][name] for position in positions])
    return _compare(
        "batch_of_one",
        answer,
        alone,
        answer.numbers[positions],
        tuple(answer.rows[position] for position in positions),
        hint="the answer depends on the other rows of the batch: batch normalisation in training mode?",
    )


def _compare(
    check: str, answer: Answer, actual: NDArray[Any], expected: NDArray[Any], rows: tuple[int, ...], hint: str
) -> CheckResult:
    """Largest difference per row; relative for values, with the typical size as floor for small ones."""
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    difference = np.abs(actual - expected).reshape(len(rows), -1).max(axis=1)
    allowed = np.full(len(rows), answer.tolerance)
    if answer.contract.classes is None:
        allowed = answer.tolerance * np.maximum(np.abs(expected), np.median(np.abs(expected)))
    failing = difference > allowed
    if failing.any():
        judged = Answer(answer.contract, {}, {}, rows, None, answer.tolerance)
        return judged.fail(
            check,
            failing,
            lambda i: _numbers(expected[i]),
            lambda i: f"{_numbers(actual[i])}, {difference[i]:.3g} off",
            tolerance=answer.tolerance,
            hint=hint,
        )
    return CheckResult(
        check=check,
        expected=f"the same numbers for {len(rows)} rows",
        actual=f"at most {difference.max():.3g} off",
        tolerance=answer.tolerance,
        passed=True,
    )


def _numbers(values: NDArray[Any]) -> str:
    return str([float(f"{value:.7g}") for value in np.atleast_1d(values)])


def _texts(values: Any) -> str:
    return str([value.decode("utf-8", errors="replace") for value in values])

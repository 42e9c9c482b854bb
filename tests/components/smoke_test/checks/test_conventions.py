"""What names of outputs promise, on numbers small enough to work out by hand."""

from typing import Any

import numpy as np
import pytest
from support.stand_in import bench, failures, of, signature, texts

from components.smoke_test.checks.answers import check_answers
from components.smoke_test.checks.conventions import sums_wrong, why_outside
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult

SOFTMAX = [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]]
LABELS = [[0.7, 0.9, 0.1], [0.3, 0.3, 0.2], [0.5, 0.6, 0.7]]
LOGITS = [[2.0, -1.0, 0.5], [0.1, 0.2, 0.3], [0.0, 3.0, 1.0]]
NAMES = texts([["a", "b", "c"]] * 3)


def run(inputs: Any = None, **outputs: Any) -> list[CheckResult]:
    """The results for a model of three rows of which nothing is known."""
    arrays = {
        name: each if isinstance(each, np.ndarray) else np.array(each, np.float32) for name, each in outputs.items()
    }
    specs = {
        name: TensorSpec("string" if each.dtype == object else each.dtype.name, (None, *each.shape[1:]))
        for name, each in arrays.items()
    }
    on = bench(lambda *_: arrays, signatures=(signature("serve", inputs, **specs),), x=(1.0, 2.0, 3.0))
    return [each for each in check_answers(on) if each.check in ("probabilities", "classes")]


@pytest.mark.parametrize(
    "outputs",
    [
        {"probabilities": SOFTMAX},
        {"probabilities": LABELS},
        {"probabilities": [0.2, 0.9, 1.0]},
        {"probabilities": [[0.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]},
        {"probabilities": np.float32([SOFTMAX, LABELS, SOFTMAX])},
        {"probabilities": [[np.nan, 0.5, 0.5]] * 3},
        {"classes": NAMES, "scores": LABELS},
        {"classes": np.array([1, 0, 2]), "scores": [0.5, 0.75, 1.0]},
        {"classes": [1.0, 0.0, 2.0]},
        {"logistic": [[0.2], [0.9], [1.0]], "logits": LOGITS},
    ],
)
def test_names_that_hold_what_they_say(outputs: dict[str, Any]) -> None:
    results = run(**outputs)
    assert failures(results) == []
    assert "passed" in {each.status for each in of(results, "probabilities")} or "classes" in outputs


@pytest.mark.parametrize(
    ("outputs", "check", "row", "received"),
    [
        ({"probabilities": LOGITS}, "probabilities", 10, "[2, -1, 0.5] (and 1 more of 3 rows)"),
        ({"probability": [0.5, 1.5, 0.5]}, "probabilities", 11, "[1.5]"),
        ({"scores": LOGITS}, "probabilities", 10, "[2, -1, 0.5] (and 1 more of 3 rows)"),
        ({"classes": NAMES, "scores": LOGITS}, "probabilities", 10, "[2, -1, 0.5] (and 1 more of 3 rows)"),
        ({"classes": texts(["a", "b", "c"]), "scores": [0.5, 0.5, 7.0]}, "probabilities", 12, "[7]"),
        ({"probabilities": [*SOFTMAX[:2], [0.5, 0.25, 0.1]]}, "probabilities", 12, "[0.5, 0.25, 0.1]"),
        ({"classes": SOFTMAX}, "classes", None, "[0.7, 0.2, 0.1], float numbers"),
    ],
)
def test_names_that_do_not(outputs: dict[str, Any], check: str, row: int | None, received: str) -> None:
    [found] = failures(run(**outputs))
    assert (found.check, found.row, found.received) == (check, row, received)
    assert found.hint


@pytest.mark.parametrize(
    ("outputs", "inputs"),
    [
        ({"scores": [5.0, -3.0, 0.5]}, None),
        ({"scores": [[5.0], [-3.0], [0.5]]}, None),
        # One for each item of a list in the request, and one for each item that is named beside it.
        ({"scores": LOGITS}, {"items": TensorSpec("float32", (None, 3))}),
        ({"scores": LOGITS, "ids": NAMES}, None),
        ({"scores": LOGITS, "ids": np.arange(9).reshape(3, 3)}, None),
    ],
)
def test_scores_may_be_what_a_ranking_sorts_by(outputs: dict[str, Any], inputs: Any) -> None:
    results = run(inputs, **outputs)
    assert failures(results) == []
    [skipped] = of(results, "probabilities")
    assert "smoke_test.expect.task" in skipped.received


def test_what_the_configuration_says_goes_before_the_name() -> None:
    outputs = {"value": np.float32([1, 2, 3]), "probabilities": np.float32(LOGITS)}
    specs = {"value": TensorSpec("float32", (None,)), "probabilities": TensorSpec("float32", (None, 3))}
    on = bench(
        lambda *_: outputs,
        signatures=(signature(**specs),),
        x=(1.0, 2.0, 3.0),
        task="regression",
        prediction="value",
    )
    assert failures(check_answers(on)) == []


def test_labels_of_their_own_sum_to_one_by_chance_only() -> None:
    # One of four sums to one; and two of three, which leaves one that is wrong.
    labels = np.array([[0.5, 0.5], [0.5, 0.6], [0.2, 0.9], [0.1, 0.1]])
    assert not sums_wrong(labels, 1e-4).any()
    assert sums_wrong(np.array([[0.5, 0.5], [0.2, 0.8], [0.2, 0.7]]), 1e-4).tolist() == [False, False, True]
    # What is decided says nothing of the rest: labels that exclude each other in most rows.
    assert not sums_wrong(np.array([[1.0, 0.0], [0.0, 1.0], [0.9999, 0.9999]]), 1e-4).any()


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ([[20.0, 30.0, 50.0], [99.0, 0.5, 0.5]], "percent"),
        ([12.5, 88.0, 0.25], "percent"),
        ([[-3.0, 4.0], [2.0, -1.0]], "logits"),
        ([[3.0, 4.0], [2.0, 1.0]], "logits"),
        ([-2.0, 5.0], "logits"),
        ([120.0, 5.0], "logits"),
    ],
)
def test_what_numbers_beyond_one_look_like(numbers: Any, says: str) -> None:
    assert f"look like {says}" in why_outside(np.array(numbers))

"""What wrong answers resemble, what wrong rows share, and which operations could have done it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.smoke_test.bench.common_values import common_values, said_of
from components.smoke_test.bench.resemblance import resemblance
from components.smoke_test.bench.suspects import suspects
from components.smoke_test.export.saved_model import read_export

VALUES = np.array([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.05, 0.15, 0.8], [0.6, 0.25, 0.15]])
PRICES = np.array([2.0, 11.5, 7.25, 30.0, 4.0])


@pytest.mark.parametrize(
    ("expected", "received", "words"),
    [
        (VALUES, VALUES[:, [2, 0, 1]], "another order of the columns"),
        (VALUES[:, 0], 1 - VALUES[:, 0], "the other class"),
        (PRICES, np.log(PRICES), "the logarithm of the expected ones: it is not undone"),
        (PRICES, np.log1p(PRICES), "the logarithm of 1 plus of the expected ones"),
        (np.log(PRICES), PRICES, "the exponential of the expected ones"),
        (VALUES, np.log(VALUES / (1 - VALUES)), "the logit of the expected ones: a sigmoid is left out"),
        (PRICES, np.round(PRICES), "rounded to 0 decimal places"),
        (PRICES / 7, np.round(PRICES / 7, 1), "rounded to 1 decimal place"),
        (PRICES, PRICES * 1.25, "times 1.25: in another unit"),
        (PRICES, (PRICES - 4.0) / 8.0, "times 0.125 plus -0.5"),
        (PRICES, -PRICES, "with the sign changed"),
        (PRICES / 7, (PRICES / 7).astype(np.float16).astype(np.float32), "in half precision"),
    ],
)
def test_a_change_with_a_name_is_named(expected: Any, received: Any, words: str) -> None:
    assert words in resemblance(expected, received, 1e-6)


def test_softmax_twice() -> None:
    raised = np.exp(VALUES)
    assert "the softmax of the expected ones" in resemblance(VALUES, raised / raised.sum(axis=1, keepdims=True), 1e-6)


@pytest.mark.parametrize(
    ("expected", "received"),
    [
        (PRICES, np.where(PRICES == 30.0, 31.0, PRICES)),
        (PRICES, np.full(5, 3.0)),
        (PRICES[:2], PRICES[:2] * 3),  # any two points lie on a line
        (np.array([1.0, 1.0, 2.0, 2.0]), np.array([5.0, 5.0, 7.0, 7.0])),
        (PRICES, PRICES[:4]),
        (PRICES, np.full(5, np.nan)),
    ],
)
def test_what_has_no_name_gets_none(expected: Any, received: Any) -> None:
    assert resemblance(expected, received, 1e-6) == ""


ISLANDS = ["Biscoe", "Dream", "Dream", None, "Biscoe", "Dream"]
ROWS: list[dict[str, Any]] = [
    ({"island": np.array([island.encode()], object)} if island else {}) | {"mass": np.array([float(i)], np.float32)}
    for i, island in enumerate(ISLANDS)
]


def wrong(*places: int) -> Any:
    return np.isin(np.arange(len(ROWS)), places)


def test_the_values_of_the_wrong_rows_are_named() -> None:
    column, values = common_values(ROWS, wrong(1, 2, 5), ["island", "mass"])
    assert said_of(column, values, 3) == "3 rows with 'Dream' in island are wrong, and no other row"
    column, values = common_values(ROWS, wrong(3), ["island", "mass"])
    assert said_of(column, values, 1) == "1 row without a value in island is wrong, and no other row"


@pytest.mark.parametrize("places", [(), (1,), (0, 1), range(6)])
def test_rows_that_share_nothing_of_their_own(places: Any) -> None:
    # A number that is different in every row tells any rows from the others.
    assert common_values(ROWS, wrong(*places), ["island", "mass"]) == ("", [])


class Suspect(tf.Module):
    """Operations over the batch, over the columns, and in no signature."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def over_batch(self, x: tf.Tensor) -> Any:
        return {"y": x - tf.reduce_mean(x, axis=0, name="mean_of_batch") + self.calls.assign_add(1.0)}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def over_columns(self, x: tf.Tensor) -> Any:
        return {"y": x - tf.reduce_mean(x, axis=1, keepdims=True) + tf.reduce_max(x, axis=0, name="largest")}


def test_operations_are_named_where_they_go_over_the_batch_of_that_signature(tmp_path: Path) -> None:
    model = Suspect()
    signatures = {"over_batch": model.over_batch, "over_columns": model.over_columns}
    tf.saved_model.save(model, str(tmp_path), signatures=signatures)
    export = read_export(tmp_path)
    assert suspects(export, "over_batch", "mean") == "; the graph has Mean (mean_of_batch)"
    assert suspects(export, "over_batch", "state") == "; the graph has AssignAddVariableOp (AssignAddVariableOp)"
    assert suspects(export, "over_batch", "extreme") == ""
    assert suspects(export, "over_columns", "extreme") == "; the graph has Max (largest)"
    assert suspects(export, "over_columns", "mean") == suspects(export, "over_columns", "state") == ""
    assert suspects(export, "no such signature", "mean") == ""

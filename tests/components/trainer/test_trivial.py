"""The best answer without features, beside the raw rows that the training saw."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from components.artifacts.golden import TrivialAnswer
from components.trainer.trivial import trivial_answer, weighted_median

pytestmark = pytest.mark.slow

Prepare = Callable[..., Any]


def of(prepared: Any) -> TrivialAnswer:
    answer = trivial_answer(prepared.task, prepared.data)
    assert answer is not None
    return answer


def labelled(world: Callable[[str], Any], task: str, column: str) -> list[dict[str, Any]]:
    return [row for row in world(task).rows["train"] if row[column] is not None]


def test_classes_have_their_shares_of_the_weight(prepare: Prepare, world: Callable[[str], Any]) -> None:
    rows = labelled(world, "binary", "bought")
    yes = sum(row["weight"] for row in rows if row["bought"] == "yes") / sum(row["weight"] for row in rows)
    answer = of(prepare("binary"))
    assert answer.answer == pytest.approx((1 - yes, yes))
    assert (answer.class_weights, answer.error) == (None, "log_loss")


def test_class_weights_count_like_weights_of_rows(prepare: Prepare, world: Callable[[str], Any]) -> None:
    kinds = [row["kind"] for row in labelled(world, "multiclass", "kind")]
    answer = of(prepare("multiclass", train={"class_weights": {"a": 3.0}}))
    totals = np.array([kinds.count("c"), 3 * kinds.count("a"), kinds.count("b")])
    assert answer.answer == pytest.approx(tuple(totals / totals.sum()))
    assert answer.class_weights == (1.0, 3.0, 1.0)
    # Balanced classes weigh the same, and leave the shares with nothing to say.
    assert of(prepare("multiclass", train={"class_weights": "balanced"})).answer == pytest.approx((1 / 3,) * 3)


def test_numbers_have_their_mean_on_the_scale_of_the_training(prepare: Prepare, world: Callable[[str], Any]) -> None:
    prices = [row["price"] for row in labelled(world, "regression", "price")]
    answer = of(prepare("regression"))
    assert answer.answer == pytest.approx((math.exp(np.log(prices).mean()),), rel=1e-5)
    assert (answer.transform, answer.error) == ("log", "squared")
    robust = of(prepare("regression", train={"loss": "huber"}))
    assert robust.answer == pytest.approx((sorted(prices)[(len(prices) - 1) // 2],), rel=1e-5)
    assert robust.error == "absolute"


def test_half_of_the_weight_lies_at_or_below_the_median() -> None:
    assert weighted_median(np.array([5.0, 1.0, 3.0]), np.array([1.0, 1.0, 1.0])) == 3
    assert weighted_median(np.array([5.0, 1.0, 3.0]), np.array([5.0, 1.0, 1.0])) == 5

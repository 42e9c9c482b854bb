"""The names of scikit-learn that boosting leans on and that are not its API: how HistGradientBoosting grows a tree.

Its estimators grow a whole forest in one call. To stop by our own metrics, to say how far it has come, to go on after a
kill and to end anywhere, the forest is grown tree by tree with the parts that they are made of. Importing this raises
UserError with another version than that it was written for.
"""

import math
from typing import Any

import numpy as np
import sklearn

from components.trainer.config import SCIKIT_LEARN
from preprocessing.errors import UserError

if sklearn.__version__ != SCIKIT_LEARN:
    raise UserError(
        f"is trained with scikit-learn {SCIKIT_LEARN}, installed is {sklearn.__version__}",
        field=("model", "family"),
        received="gbt",
        hint="install the locked packages (requirements.lock), or choose another family",
    )

# After the check: another version may have none of these names.
from sklearn._loss.loss import (
    AbsoluteError,
    BaseLoss,
    HalfBinomialLoss,
    HalfMultinomialLoss,
    HalfSquaredError,
)
from sklearn.ensemble._hist_gradient_boosting._gradient_boosting import _update_raw_predictions
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.ensemble._hist_gradient_boosting.common import G_H_DTYPE
from sklearn.ensemble._hist_gradient_boosting.grower import TreeGrower
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads as threads

MOST_CATEGORIES = 255
"""Codes that a categorical column may have, as many as there are bins for numbers; one bin more is for missing ones."""
MISSING_BIN = MOST_CATEGORIES
LOSSES: dict[str, type[BaseLoss]] = {
    "binary": HalfBinomialLoss,
    "multiclass": HalfMultinomialLoss,
    "squared": HalfSquaredError,
    "absolute": AbsoluteError,
}


def bin_mapper(categories: list[int | None], seed: int) -> Any:
    """What turns numbers into the bins that trees are grown on, not fitted yet.

    Args:
      categories: by column how many codes it has, None for numbers.
      seed: of the rows that quantiles are found in, when there are more than 200,000.
    """
    known = [None if count is None else np.arange(count, dtype=np.float64) for count in categories]
    is_categorical = np.array([count is not None for count in categories])
    return _BinMapper(MOST_CATEGORIES + 1, is_categorical=is_categorical, known_categories=known, random_state=seed)


def part_in_the_middle(mapper: Any, matrix: Any) -> None:
    """Moves each threshold of a fitted mapper to the middle between the two training values that it parts.

    Of a column with more values than bins scikit-learn may put it on a value. TensorFlow computes that value in a batch
    of one row and in one of many to different last bits, so that equal rows would go different ways.

    Args:
      mapper: it is changed; no training row gets into another bin.
      matrix: what it was fitted on, float64 [rows, columns].
    """
    for column in np.flatnonzero(~np.asarray(mapper.is_categorical_, bool)):
        numbers, thresholds = matrix[:, column], mapper.bin_thresholds_[column]
        values = np.unique(numbers[np.isfinite(numbers)])
        after = np.searchsorted(values, thresholds, side="right")
        parts = (after > 0) & (after < len(values))
        thresholds[parts] = values[after[parts] - 1] / 2 + values[after[parts]] / 2


class Grower(TreeGrower):
    """Grows a tree that does not depend on the number of threads.

    What is summed for the root is summed by one of them: float64 sums depend on the order. All else is done column by
    column, or row by row.
    """

    n_threads: int

    def _initialize_root(self, gradients: Any, hessians: Any) -> None:
        wanted, self.n_threads = self.n_threads, 1
        super()._initialize_root(gradients, hessians)
        self.n_threads = wanted


def add_answers(raw: Any, grower: Grower, n_threads: int) -> None:
    """Adds the answers of a tree just grown to the sums of the rows that it was grown on, float64 [rows]."""
    _update_raw_predictions(raw, grower, n_threads)


def set_best_values(loss: BaseLoss, grower: Grower, labels: Any, raw: Any, weights: Any) -> None:
    """Gives the leaves of a tree the values that are best for a loss without second derivatives.

    What scikit-learn does too; but it forgets the monotone columns, whose bounds the tree was grown in by other values
    than these. Here a question about such a column parts what its two sides may answer: in the middle of what is best
    for each of them.
    """

    def best(node: Any) -> float:
        rows = node.sample_indices
        given = None if weights is None else weights[rows]
        return float(loss.fit_intercept_only(y_true=labels[rows] - raw[rows], sample_weight=given))

    waiting = [(grower.root, -math.inf, math.inf)]
    while waiting:
        node, low, high = waiting.pop()
        if node.is_leaf:
            node.value = grower.shrinkage * min(max(best(node), low), high)
            continue
        left, right = node.left_child, node.right_child
        direction = int(grower.monotonic_cst[node.split_info.feature_idx])
        if direction == 0:
            waiting += [(left, low, high), (right, low, high)]
            continue
        middle = min(max((best(left) + best(right)) / 2, low), high)
        lower, upper = (low, middle), (middle, high)
        waiting += [(left, *lower), (right, *upper)] if direction > 0 else [(left, *upper), (right, *lower)]


__all__ = [
    "G_H_DTYPE",
    "LOSSES",
    "MISSING_BIN",
    "MOST_CATEGORIES",
    "BaseLoss",
    "Grower",
    "TreePredictor",
    "add_answers",
    "bin_mapper",
    "set_best_values",
    "threads",
]

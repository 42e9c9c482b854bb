"""Trees as scikit-learn keeps them, made into the weights of `models.gbt`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from components.trainer.boosting.sklearn_private import TreePredictor
from components.trainer.boosting.table import Columns, as_known
from models.gbt import HIGHEST, Trees, number_keys

Array = np.ndarray[Any, Any]


def as_weights(trees: Sequence[TreePredictor], base: Array, columns: Columns) -> Trees:
    """The weights of a forest.

    Args:
      trees: in the order in which they were grown; those of one iteration, one for each unit, stand together.
      base: float64 [units], what is added to their sums.
      columns: what their columns are.
    """
    counts = np.array([len(tree.nodes) for tree in trees], np.int64)
    starts = np.cumsum(counts) - counts
    nodes = np.concatenate([tree.nodes for tree in trees])
    owner = np.repeat(starts, counts)
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    left = _left_children(owner, inner, counts)
    # Where each node goes, so that a right child follows its left one.
    places = np.empty(len(nodes), np.int64)
    places[starts] = starts
    places[owner[inner] + nodes["left"][inner]] = left
    places[owner[inner] + nodes["right"][inner]] = left + 1

    asking = inner[nodes["is_categorical"][inner] == 1]
    rights = _rights(trees, counts, nodes, asking, columns)
    asked = np.zeros(len(nodes), bool)
    asked[asking] = True
    numeric = inner[~asked[inner]]

    def placed(value: Any, dtype: Any) -> Array:
        arranged = np.empty(len(nodes), dtype)
        arranged[places] = value
        return arranged

    children, thresholds, splits, looked_at = (np.zeros(len(nodes), np.int64) for _ in range(4))
    children[:] = places  # a leaf's own
    children[inner] = left
    thresholds[:] = HIGHEST
    thresholds[numeric] = _threshold_keys(nodes["num_threshold"][numeric])
    splits[:] = -1
    splits[asking] = np.arange(len(asking))
    looked_at[inner] = _columns(nodes[inner], columns)
    return Trees(
        base=np.asarray(base, np.float64),
        roots=starts.astype(np.int32),
        columns=placed(looked_at, np.int32),
        thresholds=placed(thresholds, np.int32),
        children=placed(children, np.int32),
        splits=placed(splits, np.int32),
        values=placed(np.where(nodes["is_leaf"] == 1, nodes["value"], 0.0), np.float64),
        codes=as_known(columns.codes, rights.shape[1] - 1),
        rights=rights,
        depth=int(nodes["depth"].max()),
    )


def _left_children(owner: Array, inner: Array, counts: Array) -> Array:
    """The new places of the left children: two for each inner node of a tree, in turn, behind its root."""
    first = owner[inner]
    inner_counts = np.bincount(np.searchsorted(np.cumsum(counts), inner, side="right"), minlength=len(counts))
    before = np.repeat(np.cumsum(inner_counts) - inner_counts, inner_counts)
    return first + 1 + 2 * (np.arange(len(inner)) - before)


def _columns(inner: Array, columns: Columns) -> Array:
    """What each inner node looks at: see `models.gbt.Trees`."""
    feature, numbers = inner["feature_idx"], columns.numbers
    missing_right = inner["missing_go_to_left"] == 0
    return np.where(feature < numbers, feature + numbers * missing_right, feature + numbers)


def _threshold_keys(thresholds: Array) -> Array:
    """The keys of the largest float32 numbers that are not above some float64 thresholds.

    For every float32 x, `x <= threshold` is `key of x <= key of threshold`.
    """
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(np.float32)
    above = rounded.astype(np.float64) > thresholds
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return number_keys(rounded.view(np.int32))


def _rights(trees: Sequence[TreePredictor], counts: Array, nodes: Array, asking: Array, columns: Columns) -> Array:
    """Which codes each split sends to the right, bool [splits, width]; the last one is for unknown ids."""
    width = 1 + max((count for count in columns.categories if count is not None), default=0)
    sets = [tree.raw_left_cat_bitsets for tree in trees]
    first = np.cumsum([0, *map(len, sets)])[:-1]
    # 8 words of 32 bits for each split, the lowest bit first.
    words = np.concatenate(sets).astype("<u4")
    lefts = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(bool)
    chosen = lefts[np.repeat(first, counts)[asking] + nodes["bitset_idx"][asking], :width]
    chosen[:, width - 1] = nodes["missing_go_to_left"][asking] == 1
    return ~chosen

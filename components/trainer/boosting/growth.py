"""A forest that grows, one iteration at a time: the loop of scikit-learn's HistGradientBoosting around its trees.

Gradient boosting of Friedman 2001 with second derivatives and histograms, as LightGBM has them (Ke et al. 2017).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from components.trainer.boosting.sklearn_private import (
    G_H_DTYPE,
    LOSSES,
    MISSING_BIN,
    Grower,
    TreePredictor,
    add_answers,
    bin_mapper,
    part_in_the_middle,
    set_best_values,
    threads,
)
from components.trainer.boosting.table import Columns, Table
from models.config import GbtParams

Array = np.ndarray[Any, Any]

_CELLS_FOR_THREADS = 200_000
"""Below so many numbers one thread makes a tree faster than several, which wait for each other at every split."""


class Growth:
    """The trees so far, and what they answer for the rows of two splits.

    The same rows, options and seed give the same trees, on any number of threads, and after a kill.

    Attributes:
      units: trees in an iteration.
      trees: those of all iterations.
      base: float64 [units], what is added to their sums.
      raw: the sums for the training rows, float64 [rows, units].
      held_out: those for the rows that are held out; None where there are none.
    """

    def __init__(
        self,
        params: GbtParams,
        loss: str,
        units: int,
        columns: Columns,
        train: Table,
        held_out: Table | None,
        seed: int,
    ) -> None:
        """Puts the rows into bins; grows nothing yet.

        Args:
          params: the family's options.
          loss: one of `LOSSES`.
          units: outputs of the model.
          columns: what the columns of the tables are.
          train: the training rows.
          held_out: the rows that decide when to stop, if there are any.
          seed: of the inputs that each split is chosen from, and of the rows that bins are learned from.
        """
        self._params, self._train, self._columns = params, train, columns
        options = {"n_classes": units} if loss == "multiclass" else {}
        self._loss = LOSSES[loss](sample_weight=train.weights, **options)
        self._mapper = bin_mapper(columns.categories, seed)
        self._mapper.fit(train.matrix)
        part_in_the_middle(self._mapper, train.matrix)
        self._binned = self._mapper.transform(train.matrix)
        self._threads = threads() if train.matrix.size >= _CELLS_FOR_THREADS else 1
        self._binned_held_out = None if held_out is None else self._mapper.transform(held_out.matrix)
        self._has_missing = (self._binned == MISSING_BIN).any(axis=0).astype(np.uint8)
        self._monotone = columns.monotone(params.monotone)
        self._random = np.random.default_rng(seed)
        self.units = units
        self.trees: list[TreePredictor] = []
        self.base = np.atleast_1d(
            np.asarray(self._loss.fit_intercept_only(y_true=train.labels, sample_weight=train.weights), np.float64)
        )
        self.raw = self._begin(self._binned)
        self.held_out = None if self._binned_held_out is None else self._begin(self._binned_held_out)
        self._gradients, self._hessians = self._loss.init_gradient_and_hessian(len(self._binned), G_H_DTYPE, "F")

    def _begin(self, rows: Array) -> Array:
        return np.tile(self.base, (len(rows), 1)).astype(np.float64, order="F")

    def grow(self) -> None:
        """Grows the trees of one more iteration."""
        labels, weights = self._train.labels, self._train.weights
        slopes = {"gradient_out": self._gradients}
        if not self._loss.constant_hessian:
            slopes["hessian_out"] = self._hessians
        find = self._loss.gradient if self._loss.constant_hessian else self._loss.gradient_hessian
        find(y_true=labels, raw_prediction=self.raw, sample_weight=weights, n_threads=self._threads, **slopes)
        gradients = self._gradients.reshape(len(labels), -1, order="F")
        hessians = self._hessians.reshape(len(self._hessians), -1, order="F")
        for unit in range(self.units):
            grower = self._grower(gradients[:, unit], hessians[:, unit])
            grower.grow()
            if not self._loss.differentiable:
                set_best_values(self._loss, grower, labels, self.raw[:, unit], weights)
            add_answers(self.raw[:, unit], grower, self._threads)
            self._keep(unit, grower.make_predictor(binning_thresholds=self._mapper.bin_thresholds_))

    def _grower(self, gradients: Array, hessians: Array) -> Grower:
        params = self._params
        return Grower(
            X_binned=self._binned,
            gradients=gradients,
            hessians=hessians,
            n_bins=MISSING_BIN + 1,
            n_bins_non_missing=self._mapper.n_bins_non_missing_,
            has_missing_values=self._has_missing,
            is_categorical=self._mapper.is_categorical_,
            monotonic_cst=self._monotone,
            max_leaf_nodes=params.leaves,
            max_depth=params.depth,
            min_samples_leaf=params.leaf_rows,
            l2_regularization=params.leaf_l2,
            feature_fraction_per_split=params.features_per_split,
            rng=self._random,
            shrinkage=params.learning_rate,
            n_threads=self._threads,
        )

    def _keep(self, unit: int, tree: TreePredictor) -> None:
        self.trees.append(tree)
        if self.held_out is not None:
            self.held_out[:, unit] += tree.predict_binned(self._binned_held_out, MISSING_BIN, self._threads)

    def state(self) -> tuple[dict[str, Array], Mapping[str, Any]]:
        """What has to be stored to go on: arrays, and the state of the random numbers as plain data."""
        arrays = {
            "nodes": np.concatenate([tree.nodes for tree in self.trees]),
            "node_counts": np.array([len(tree.nodes) for tree in self.trees]),
            "binned_sets": np.concatenate([tree.binned_left_cat_bitsets for tree in self.trees]),
            "raw_sets": np.concatenate([tree.raw_left_cat_bitsets for tree in self.trees]),
            "set_counts": np.array([len(tree.raw_left_cat_bitsets) for tree in self.trees]),
        }
        return arrays, self._random.bit_generator.state

    def go_on(self, arrays: Mapping[str, Array], random: Mapping[str, Any]) -> None:
        """Takes up what `state` gave, in a growth without trees."""
        nodes = np.split(arrays["nodes"], np.cumsum(arrays["node_counts"])[:-1])
        ends = np.cumsum(arrays["set_counts"])[:-1]
        sets = zip(np.split(arrays["binned_sets"], ends), np.split(arrays["raw_sets"], ends), strict=True)
        for number, (tree, (binned, raw)) in enumerate(zip(nodes, sets, strict=True)):
            known = TreePredictor(tree, binned, raw)
            # The same sums in the same order as when it was grown.
            self.raw[:, number % self.units] += known.predict_binned(self._binned, MISSING_BIN, self._threads)
            self._keep(number % self.units, known)
        self._random.bit_generator.state = random

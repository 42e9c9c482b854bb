"""Which model `init` proposes: one table of rules, of which the first that fits the table counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from preprocessing.config import Task

TRAIN_SHARE = 0.6
"""The share of the rows that train, by the split that is proposed."""
SMALL_TABLE, _MEDIUM_TABLE = 2_000, 20_000
"""A table of fewer rows is a small one, or a medium-sized one."""
_WIDE = 20
"""A table of fewer columns is small, not wide."""
_MANY_CLASSES = 12
_BYTES_A_COLUMN, _BYTES_A_CLASS, _BYTES_OF_A_BAG = 16, 16, 4
_MOST_BYTES = 200 * 2**20
"""What of the training split surely fits into the default of `train.memory_mb`, which trees need."""
_LARGE_FOREST = 8_000
"""Rows to train on from which more leaves and more trees pay."""
_EPOCH_TREES = 50
_SMALL_NET = 2_500
"""Rows to train on below which `tabm` is narrower, with coarser bins and more dropout."""
_MOST_BINS, _FEWEST_BINS = 2**14, 4
"""The most bins of all columns together, each a number that a row takes while a model answers; and of a column."""
_EPOCHS = 30
_STEPS = 2_000, 4_000
"""The fewest and the most training steps of `tabm`: about 30 passes in between."""
_STEPS_OF_A_SMALL_NET = 1_500
_ROUND_STEPS = 25
_BATCHES = (1_000, 32), (3_000, 64), (8_000, 128)
_LARGEST_BATCH = 256


@dataclass(frozen=True)
class Shape:
    """What a choice depends on.

    Attributes:
      rows: that have a label, of the whole table.
      columns: that are used.
      categorical: whether some of them are categories.
      task: what the label is.
      classes: how many; 0 of a number.
      bags: the numbers that a row has of lists and texts, each of which is one column.
    """

    rows: int
    columns: int
    categorical: bool
    task: Task
    classes: int = 0
    bags: int = 0

    @property
    def training_rows(self) -> int:
        """The rows that train."""
        return int(TRAIN_SHARE * self.rows)

    @property
    def is_wide(self) -> bool:
        """Whether there are more columns than rows to train on: some of them fit any label, by chance."""
        return self.columns > max(_WIDE, self.training_rows)

    @property
    def fits_into_memory(self) -> bool:
        """Whether the family `gbt` can hold all rows that train."""
        a_row = _BYTES_A_COLUMN * self.columns + _BYTES_OF_A_BAG * self.bags + _BYTES_A_CLASS * max(self.classes, 1)
        return self.training_rows * a_row <= _MOST_BYTES


@dataclass(frozen=True)
class Choice:
    """A model and what goes with it.

    Attributes:
      model: the `model:` section.
      reason: why, for a comment.
      train: the `train:` section, where the family asks for one of its own; None takes the one of a plain network.
      train_reason: why that.
      bins: of the piecewise linear embedding of continuous numbers; None leaves them plain.
    """

    model: dict[str, Any]
    reason: str
    train: dict[str, Any] | None = None
    train_reason: str = ""
    bins: int | None = None


@dataclass(frozen=True)
class Rule:
    """One line of the table: for which tables, and what they get."""

    fits: Callable[[Shape], bool]
    choice: Callable[[Shape], Choice]


def choose(shape: Shape, *, fast: bool = False, single: bool = False) -> Choice:
    """The choice of the first rule that fits.

    Args:
      shape: of the table.
      fast: a small network, trained in about a minute and answering in the least time.
      single: one model by itself, for what an ensemble can't do.
    """
    rules = _FAST if fast else _SINGLE if single else _RULES
    return next(rule.choice(shape) for rule in rules if rule.fits(shape))


def _regularised(_: Shape) -> Choice:
    # The best of five settings on one kind of made-up table, 43 rows of 1,092 columns with ten factors behind them:
    # test log loss 0.49, mean of three seeds; 0.56 with [32, 16], 0.1 and 0.0001.
    model = {"family": "mlp", "params": {"hidden": [16], "dropout": 0.5, "l2": 0.1}}
    return Choice(model, "more columns than rows to train on, so few weights and strong regularisation")


def _small_network(_: Shape) -> Choice:
    model = {"family": "mlp", "params": {"hidden": [32, 16], "dropout": 0.1, "l2": 0.0001}}
    return Choice(model, "a small table: few weights, some regularisation")


def _medium_network(_: Shape) -> Choice:
    return Choice({"family": "mlp", "params": {"hidden": [64, 32], "dropout": 0.1}}, "a medium-sized table")


def _large_network(shape: Shape) -> Choice:
    params = {"hidden": [128, 64], "dropout": 0.1}
    if shape.categorical:
        reason = "many rows with categories: a linear part remembers them, a deep part generalises"
        return Choice({"family": "wide_deep", "params": params}, reason)
    return Choice({"family": "dcn", "params": params}, "many rows of numbers: cross layers multiply features")


def _trees(shape: Shape) -> Choice:
    # The sizes came out on fifteen tables, chosen on their eval splits: docs/benchmarks.md.
    large = shape.training_rows >= _LARGE_FOREST
    trees, rate, leaves = (1000, 0.06, 31) if large else (600, 0.05, 16)
    model = {"family": "gbt", "params": {"trees": trees, "learning_rate": rate, "leaves": leaves, "depth": 8}}
    train = {
        "epochs": trees // _EPOCH_TREES,
        "early_stopping": {"monitor": "val_loss", "patience": 4},
    }
    return Choice(
        model,
        "gradient boosted trees, which are hard to beat on a table and train in seconds; `lockgate init --fast` "
        "proposes a small network, which answers faster",
        train,
        f"an epoch is {_EPOCH_TREES} trees; the forest is cut off after the epoch that eval likes best",
    )


def _tabm(shape: Shape) -> Choice:
    return Choice(
        {"family": "tabm", "params": _tabm_params(shape)},
        "many classes, each of which would need trees of its own: members of one small network, averaged",
        _tabm_training(shape),
        "30 epochs at most, a few thousand steps in all; training stops when eval no longer improves",
        _bins(shape),
    )


def _bins(shape: Shape) -> int:
    bins = 24 if shape.training_rows < _SMALL_NET else 48
    return min(bins, max(_FEWEST_BINS, _MOST_BINS // shape.columns))


def _tabm_params(shape: Shape) -> dict[str, Any]:
    if shape.training_rows < _SMALL_NET:
        return {"k": 8, "blocks": 2, "width": 64, "dropout": 0.2, "number_width": 8}
    dropout = 0.0 if shape.task == "regression" else 0.1
    return {"k": 8, "blocks": 2, "width": 128, "dropout": dropout, "number_width": 12}


def _tabm_training(shape: Shape) -> dict[str, Any]:
    rows, small = shape.training_rows, shape.training_rows < _SMALL_NET
    batch = next((size for limit, size in _BATCHES if rows < limit), _LARGEST_BATCH)
    fewest, most = _STEPS
    steps = _STEPS_OF_A_SMALL_NET if small else min(most, max(fewest, _EPOCHS * rows // batch))
    return {
        "batch_size": batch,
        "epochs": _EPOCHS,
        # A number with divisors: so many steps at a time run without coming back to Python.
        "steps_per_epoch": _ROUND_STEPS * -(-steps // (_ROUND_STEPS * _EPOCHS)),
        "optimizer": "adamw",
        "learning_rate": 0.0015 if small else 0.003,
        "weight_decay": 0.0003,
        "schedule": {"name": "cosine", "warmup_steps": 50},
        "early_stopping": {"monitor": "val_loss", "patience": 10},
    }


def _ensemble(shape: Shape) -> Choice:
    members = [_trees(shape).model, {"family": "tabm", "params": _tabm_params(shape)}]
    return Choice(
        {"family": "ensemble", "params": {"members": members, "parallel": 2}},
        "trees and a network that go wrong in different rows, so that their average is mostly better than either; "
        "`family: gbt` alone trains in seconds, `lockgate init --fast` proposes a small network, which answers faster",
        _tabm_training(shape),
        "settings of the network; the trees grow in as many equal parts as there are epochs. Each member stops when "
        "eval no longer improves",
        _bins(shape),
    )


_FAST: tuple[Rule, ...] = (
    Rule(lambda shape: shape.is_wide, _regularised),
    Rule(lambda shape: shape.rows < SMALL_TABLE, _small_network),
    Rule(lambda shape: shape.rows < _MEDIUM_TABLE, _medium_network),
    Rule(lambda _: True, _large_network),
)
_TOO_MUCH_FOR_TREES: tuple[Rule, ...] = (
    Rule(lambda shape: shape.is_wide, _regularised),
    # Each class has trees of its own: so many cost more, in training and in every answer, than they gain.
    Rule(lambda shape: shape.classes > _MANY_CLASSES, _tabm),
    Rule(lambda shape: not shape.fits_into_memory, _large_network),
)
_SINGLE = (*_TOO_MUCH_FOR_TREES, Rule(lambda _: True, _trees))
_RULES = (*_TOO_MUCH_FOR_TREES, Rule(lambda _: True, _ensemble))

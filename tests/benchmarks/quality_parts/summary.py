"""What follows from the results: losses by table, ranks, gains, and wins with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import log_loss, roc_auc_score

from .ours import OURS
from .peers import PEERS
from .results import Results
from .tables import TABLES, Table, on_scale

SAMPLES = 100
"""Bootstrap samples of the test rows."""
BASE = PEERS[0]
"""The model that gains are relative to."""
_DRAWS = 2000
_INTERVAL = (2.5, 97.5)

Array = np.ndarray[Any, Any]


def metric_of(table: Table) -> str:
    """What the loss of a table is."""
    if table.task == "regression":
        return "RMSE of the logarithm" if table.log else "RMSE"
    return "1 - AUC" if table.task == "binary" else "log loss"


def losses(
    table: Table, labels: Sequence[Any], predicted: Array, classes: list[str], seed: int
) -> tuple[float, list[float]]:
    """The loss on the test rows, and on bootstrap samples of them.

    Args:
      table: says what the loss is.
      labels: of the rows.
      predicted: float64 [rows, classes], or [rows] on the scale of the error.
      classes: in the order of the columns.
      seed: the same one gives the same samples for each model.
    """
    if table.task == "regression":
        truth = on_scale(table, labels)
    else:
        truth = np.asarray([classes.index(str(each)) for each in labels])
    random = np.random.default_rng(seed)
    samples = (random.integers(0, len(truth), len(truth)) for _ in range(SAMPLES))
    every = [_loss(table, truth[rows], predicted[rows]) for rows in samples]
    return _loss(table, truth, predicted), [float(f"{each:.6g}") for each in every]


def _loss(table: Table, truth: Array, predicted: Array) -> float:
    if table.task == "regression":
        return float(np.sqrt(np.mean((predicted - truth) ** 2)))
    if table.task == "binary":
        return float(1 - roc_auc_score(truth, predicted[:, 1]))
    shares = np.clip(predicted, 1e-15, 1)
    return float(log_loss(truth, shares / shares.sum(axis=1, keepdims=True), labels=range(predicted.shape[1])))


@dataclass(frozen=True)
class Interval:
    """A number with the interval that holds it with 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Standing:
    """A model among the others.

    Attributes:
      rank: mean over tables of its rank, 1 the best; ties share. With the interval of other tables drawn.
      gain: mean over tables of 1 - loss / loss of `BASE`.
      median_gain: the median of that.
      seconds: mean over tables.
    """

    model: str
    rank: Interval
    gain: Interval
    median_gain: float
    seconds: float


@dataclass(frozen=True)
class Against:
    """Ours beside a peer: on how many tables it is better, about as good, worse, beyond the interval of each."""

    peer: str
    wins: tuple[str, ...]
    ties: tuple[str, ...]
    losses: tuple[str, ...]


def complete(results: Results, models: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The tables that all of these models were measured on, in their order, with the seeds of each."""
    found = {}
    for table in TABLES:
        seeds = sorted({each.seed for each in results.results if each.table == table})
        whole = tuple(seed for seed in seeds if all(results.found(table, seed, model) for model in models))
        if whole:
            found[table] = whole
    return found


def mean_loss(results: Results, table: str, seeds: Sequence[int], model: str) -> float:
    """The mean over seeds."""
    return float(np.mean([_found(results, table, seed, model).loss for seed in seeds]))


def standings(results: Results, models: Sequence[str] = (OURS, *PEERS)) -> list[Standing]:
    """All models on the tables that all of them were measured on, the best rank first."""
    tables = complete(results, models)
    if not tables:
        return []
    every = np.array([[mean_loss(results, table, seeds, model) for model in models] for table, seeds in tables.items()])
    seconds = np.array(
        [
            [np.mean([_found(results, table, seed, model).seconds for seed in seeds]) for model in models]
            for table, seeds in tables.items()
        ]
    )
    ranks = np.array([rankdata(row) for row in every])
    gains = 1 - every / every[:, [list(models).index(BASE)]]
    found = [
        Standing(
            model,
            _over_tables(ranks[:, place]),
            _over_tables(gains[:, place]),
            float(np.median(gains[:, place])),
            float(seconds[:, place].mean()),
        )
        for place, model in enumerate(models)
    ]
    return sorted(found, key=lambda each: each.rank.value)


def gain_on(results: Results, table: str, seeds: Sequence[int], peer: str, model: str = OURS) -> Interval:
    """How much lower the loss is than a peer's, as a share of it, by the bootstrap samples of the test rows."""
    shares, values = [], []
    for seed in seeds:
        own, other = _found(results, table, seed, model), _found(results, table, seed, peer)
        values.append(1 - own.loss / other.loss)
        # Of the loss on all rows: on a sample it may be 0.
        shares.append((np.array(other.resampled) - np.array(own.resampled)) / other.loss)
    # The seeds' samples are independent of each other: a mean of one of each has the spread of the mean.
    low, high = np.percentile(np.mean(shares, axis=0), _INTERVAL)
    # No loss is below 0, and so no gain above 1.
    return Interval(float(np.mean(values)), float(low), min(float(high), 1.0))


def against(results: Results, tables: Mapping[str, Sequence[int]], peer: str, model: str = OURS) -> Against:
    """Wins, ties and losses on tables with their seeds: a tie is a table whose interval holds 0."""
    sorted_out: dict[str, list[str]] = {"wins": [], "ties": [], "losses": []}
    for table, seeds in tables.items():
        gain = gain_on(results, table, seeds, peer, model)
        sorted_out["wins" if gain.low > 0 else "losses" if gain.high < 0 else "ties"].append(table)
    return Against(peer, **{name: tuple(each) for name, each in sorted_out.items()})


def _over_tables(values: Array) -> Interval:
    draws = np.random.default_rng(0).choice(values, (_DRAWS, len(values))).mean(axis=1)
    low, high = np.percentile(draws, _INTERVAL)
    return Interval(float(values.mean()), float(low), float(high))


def _found(results: Results, table: str, seed: int, model: str) -> Any:
    found = results.found(table, seed, model)
    if found is None:
        raise KeyError((table, seed, model))
    return found

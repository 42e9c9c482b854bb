"""Where a regression's errors lie: by groups of each raw column, and what rows with the largest errors have in common.

Both are made of a sample of the test rows, drawn with a seed, so that memory is bounded whatever the table is.
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact

from components.artifacts.error_profile import FILE, ColumnErrors, ErrorGroup, ErrorProfile, TailColumn
from components.artifacts.golden import GoldenContract
from components.evaluator.columns import Floats
from components.evaluator.compatibility import contract_of

_ROWS = 20_000
_CELLS = 2_000_000
"""Rows times columns of the sample, at most."""
_RANGES, _VALUES = 10, 10
"""Groups of a column of numbers, and the most frequent texts that are groups of their own."""
_MOST = 20
"""Columns that are told."""
_TAIL = 0.05
_SEED = 0
_SPLIT_AT = np.arange(1, _RANGES) / _RANGES

Column = NDArray[Any]
"""The first value of each row: float64 with NaN for missing, or texts (as objects), "" for missing."""


class ErrorProfiler:
    """Draws rows while the candidate answers them.

    Attributes:
      columns: the raw columns that are looked at: those that the model reads.
      rows: how many rows the sample has at most.
    """

    def __init__(self, contract: GoldenContract) -> None:
        self.columns = frozenset(contract.inputs)
        self._missing = contract.missing_words or {}
        self.rows = max(1, min(_ROWS, _CELLS // max(1, len(self.columns))))
        self.restart()

    @classmethod
    def asked(cls, inputs: Mapping[str, list[Artifact]]) -> "ErrorProfiler | None":
        """The profiler of an execution of the Evaluator; None where the model answers classes."""
        contract = contract_of(artifact_utils.get_single_instance(inputs[standard_component_specs.MODEL_KEY]))
        return cls(contract) if contract.task == "regression" else None

    def restart(self) -> None:
        """Forgets the rows, for a pass that begins again."""
        self._random = np.random.default_rng(_SEED)
        self._lots: Floats = np.zeros(0)
        self._errors: Floats = np.zeros(0)
        self._weights: Floats = np.zeros(0)
        self._values: dict[str, Column] = {}

    def add(self, batch: Any) -> None:
        """Draws among the rows of a batch.

        Args:
          batch: an `answers.Batch`, with the raw `columns`; the first model is the candidate.
        """
        answers = next(iter(batch.answers.values()))
        with np.errstate(all="ignore"):  # what is not a number is left out
            errors = answers.prediction - answers.label
        weights = np.ones(len(errors)) if answers.weight is None else answers.weight
        lots = np.concatenate([self._lots, self._random.random(len(errors))])
        errors, weights = np.concatenate([self._errors, errors]), np.concatenate([self._weights, weights])
        usable = np.flatnonzero(np.isfinite(errors) & np.isfinite(weights) & (weights > 0))
        kept = usable[np.argsort(lots[usable], kind="stable")[: self.rows]]
        # Those that the schema doesn't have are in no batch.
        for name in sorted(self.columns & batch.features.raw.keys()):
            values = _first_values(batch.features.raw[name], self._missing.get(name, ()))
            self._values[name] = np.concatenate([self._values.get(name, values[:0]), values])[kept]
        self._lots, self._errors, self._weights = lots[kept], errors[kept], weights[kept]

    def profile(self) -> ErrorProfile | None:
        """What the rows say; None without rows."""
        if not len(self._errors):
            return None
        columns = [self._by_column(name, each) for name, each in self._values.items()]
        tails = [self._tail(name, each) for name, each in self._values.items()]
        return ErrorProfile(
            rows=len(self._errors),
            tail=_TAIL,
            columns=tuple(sorted(filter(None, columns), key=lambda each: (-each.explained, each.column))[:_MOST]),
            tails=tuple(sorted(filter(None, tails), key=lambda each: (-each.distance, each.column))[:_MOST]),
        )

    def write(self, folder: str) -> None:
        """Writes the profile into the folder of a ModelEvaluation artifact, if there is one."""
        profile = self.profile()
        if profile is not None:
            with fileio.open(posixpath.join(folder, FILE), "w") as file:
                file.write(profile.model_dump_json(indent=1))

    def _by_column(self, name: str, values: Column) -> ColumnErrors | None:
        """The errors by groups of a column; None of one whose rows are all alike."""
        groups = list(_groups(values))
        if len(groups) < 2:
            return None
        total = self._weights.sum()
        found = [self._group(label, rows, total) for label, rows in groups]
        mean = float(np.average(self._errors, weights=self._weights))
        variance = float(np.average((self._errors - mean) ** 2, weights=self._weights))
        between = sum(each.share * (each.bias - mean) ** 2 for each in found)
        rows, explained = len(self._errors), between / variance if variance > 0 else 0.0
        # Adjusted like R squared: groups of few rows differ by chance.
        adjusted = 1 - (1 - explained) * (rows - 1) / (rows - len(groups)) if rows > len(groups) else 0.0
        return ColumnErrors(column=name, explained=min(max(adjusted, 0.0), 1.0), groups=tuple(found))

    def _group(self, label: str, rows: NDArray[np.bool_], total: float) -> ErrorGroup:
        errors, weights = self._errors[rows], self._weights[rows]
        bias = float(np.average(errors, weights=weights))
        deviation = float(np.sqrt((weights**2 * (errors - bias) ** 2).sum()) / weights.sum())
        return ErrorGroup(
            label=label,
            rows=len(errors),
            share=min(float(weights.sum() / total), 1.0),
            bias=bias,
            deviation=deviation if len(errors) > 1 else None,
        )

    def _tail(self, name: str, values: Column) -> TailColumn | None:
        """A column among the largest errors of both kinds and among the rest; None where a part has no value."""
        size = round(_TAIL * len(self._errors))
        if not size:
            return None  # too few rows
        order = np.argsort(self._errors, kind="stable")
        parts = [values[each] for each in (order[:size], order[size:-size], order[-size:])]
        return (_medians if values.dtype.kind == "f" else _shares)(name, parts)


def _first_values(values: Any, missing: tuple[str, ...]) -> Column:
    """The first value of each row of a `slices.Values`."""
    present = np.diff(values.splits) > 0
    firsts = values.flat[values.splits[:-1][present]]
    if values.flat.dtype != object:
        numbers = np.full(len(present), np.nan)
        numbers[present] = firsts
        return np.where(np.isfinite(numbers), numbers, np.nan)
    texts = np.full(len(present), "", object)
    words = [each.decode("utf-8", errors="replace").strip() for each in firsts.tolist()]
    texts[present] = ["" if word in missing else word for word in words]
    return texts


def _groups(values: Column) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Names and rows of the groups of a column, each with rows; missing ones last."""
    numbers = values.dtype.kind == "f"
    missing = np.isnan(values) if numbers else values == ""
    yield from (_ranges if numbers else _texts)(values, ~missing)
    if missing.any():
        yield "missing", missing


def _ranges(values: Column, present: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    different = np.unique(values[present])
    if len(different) <= _RANGES:
        yield from ((f"{each:.4g}", values == each) for each in different.tolist())
        return
    edges = np.unique(np.quantile(values[present], _SPLIT_AT))
    place = np.searchsorted(edges, values, side="right")
    for number in range(len(edges) + 1):
        rows = present & (place == number)
        if rows.any():
            inside = values[rows]
            yield f"{inside.min():.4g} to {inside.max():.4g}", rows


def _texts(values: Column, present: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    frequent = _most_frequent(values[present])
    yield from ((each, values == each) for each in frequent)
    others = present & ~np.isin(values.astype(str), frequent)
    if others.any():
        yield "other values", others


def _medians(name: str, parts: list[Column]) -> TailColumn | None:
    known = [each[~np.isnan(each)] for each in parts]
    if not all(map(len, known)):
        return None
    low, rest, high = (float(np.median(each)) for each in known)
    width = float(np.subtract(*np.quantile(known[1], (0.75, 0.25)))) or float(known[1].std())
    distance = max(abs(low - rest), abs(high - rest)) / width if width > 0 else 0.0
    return TailColumn(column=name, kind="median", low=low, rest=rest, high=high, distance=distance)


def _shares(name: str, parts: list[Column]) -> TailColumn:
    """The text, or its absence, whose share differs most."""
    # Others than the most frequent of each part can't make much of a difference.
    values = [*dict.fromkeys(value for part in parts for value in _most_frequent(part))]
    shares = np.array([[(part == value).mean() for part in parts] for value in values])
    distances = np.abs(shares[:, [0, 2]] - shares[:, [1]]).max(axis=1)
    most = int(distances.argmax())
    low, rest, high = shares[most].tolist()
    value = values[most] or "missing"
    return TailColumn(
        column=name, kind="share", value=value, low=low, rest=rest, high=high, distance=float(distances[most])
    )


def _most_frequent(texts: Column) -> list[str]:
    different, counts = np.unique(texts.astype(str), return_counts=True)
    found: list[str] = different[np.argsort(-counts, kind="stable")[:_VALUES]].tolist()
    return found

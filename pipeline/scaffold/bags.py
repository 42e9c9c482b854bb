"""Columns of lists and of free text: whether they can be used as bags, with which settings, and why. Pure rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.example_gen.columns.convert import cells_as_text, elements, is_list, plain, value_type

if TYPE_CHECKING:
    import pyarrow as pa

_MIN_ROWS = 10
"""A value of fewer rows teaches little."""
_MOST_KEPT = 1000
"""Beyond this many frequent values they are hashed: a row has a number for each."""
_FIRST_VALUES = 100
"""A run sees no others of a list, see `ListFeature.max_values`; a list may be an image."""
_INDICATOR_SHARE = 0.01
_FEWEST_WORDS = 3
"""A long cell of fewer words is an address of a file or a key, not a text."""
_TEXT_BUCKETS = ((2000, 128), (20_000, 256))
_MOST_TEXT_BUCKETS = 512


@dataclass(frozen=True)
class ListColumn:
    """A column of lists as the proposal sees it.

    Attributes:
      types: of single values.
      counts: sampled rows by value.
      missing_share: the share of all rows that have no value.
    """

    types: tuple[pa.DataType, ...]
    counts: Counter[str]
    missing_share: float


def element_types(types: Iterable[pa.DataType]) -> tuple[pa.DataType, ...]:
    """The types of single values of a column; what a part without any value says of itself does not count."""
    import pyarrow as pa

    return tuple(dict.fromkeys(kind for kind in map(value_type, types) if not pa.types.is_null(kind)))


def has_fractions(types: Iterable[pa.DataType]) -> bool:
    """Whether a column's single values are numbers with fractions: its lists are vectors, not categories."""
    import pyarrow as pa

    return any(pa.types.is_floating(kind) or pa.types.is_decimal(kind) for kind in types)


def count_values(counts: Counter[str], cells: pa.Array) -> None:
    """Adds the first values of some rows, each once a row; blank ones are missing."""
    import numpy as np
    import pyarrow as pa

    array = plain(cells)
    if pa.types.is_null(array.type):
        return
    if is_list(array.type):
        values, rows = elements(array)
        first = np.arange(len(rows)) - np.searchsorted(rows, rows) < _FIRST_VALUES
        pairs = set(zip(rows[first].tolist(), cells_as_text(values.filter(first)).to_pylist(), strict=True))
    else:
        pairs = set(enumerate(cells_as_text(array).to_pylist()))
    counts.update(value for _, value in pairs if value.strip())


def list_settings(column: ListColumn) -> tuple[dict[str, Any] | None, str]:
    """The settings of a column of lists, None where it is left out; and the reason."""
    if has_fractions(column.types):
        return (
            None,
            "its lists hold numbers with fractions and not categories; features.preprocessing_fn can use it",
        )
    frequent = sum(rows >= _MIN_ROWS for rows in column.counts.values())
    if not frequent:
        return None, f"it has lists, and none of their values comes in {_MIN_ROWS} rows"
    settings: dict[str, Any] = {"top_k": _MIN_ROWS * -(-frequent // _MIN_ROWS)}
    if frequent > _MOST_KEPT:
        settings = {"hash_buckets": _MOST_KEPT}
    if column.missing_share > _INDICATOR_SHARE:
        settings["indicator"] = True
    how = f"more than {_MOST_KEPT:,} of them" if frequent > _MOST_KEPT else "each"
    return settings, f"lists of categories as bags: a number for {how} that comes in {_MIN_ROWS} rows or more"


def bag_width(settings: Mapping[str, Any]) -> int:
    """How many numbers a row has, of a column with such settings."""
    return int(settings.get("hash_buckets") or settings["top_k"] + 1)  # one more for all other values


def is_prose(values: Sequence[str]) -> bool:
    """Whether long texts have words."""
    return sum(len(value.split()) for value in values) >= _FEWEST_WORDS * len(values)


def text_settings(rows: int, missing_share: float) -> dict[str, Any]:
    """The settings of a column of free text in a table of so many rows."""
    buckets = next((buckets for limit, buckets in _TEXT_BUCKETS if rows < limit), _MOST_TEXT_BUCKETS)
    settings: dict[str, Any] = {"hash_buckets": buckets}
    if missing_share > _INDICATOR_SHARE:
        settings["indicator"] = True
    return settings

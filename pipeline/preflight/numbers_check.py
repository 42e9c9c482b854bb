"""Settings of embedded numbers that a run follows, and that do nothing, or little good."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from components.trainer.tuning.values import SPACE
from models.config import BOOSTED
from pipeline.config.loader import LoadedConfig
from preprocessing.text import listed

if TYPE_CHECKING:
    import pyarrow as pa

_WIDTH = "model.params.number_width"
_FEW = 10
"""Different values of a column that is hardly continuous."""
_ENOUGH = 100
"""Rows that tell how many different values there are."""


def without_effect(loaded: LoadedConfig) -> Iterator[str]:
    """A line for embeddings that no family makes, and for a width without any."""
    features = loaded.config.features
    embedded = [
        f"features.{kind}.{place}.embed"
        for kind, groups in (("numeric", features.numeric), ("ratios", features.ratios))
        for place, group in enumerate(groups)
        if group.embed is not None
    ]
    families = loaded.config.families()
    if embedded and set(families) == {BOOSTED}:
        yield f"{listed(embedded)}: without a meaning for {BOOSTED}, which sees the plain numbers"
    stated = any(loaded.tree.find(field) is not None for field in (tuple(_WIDTH.split(".")), (*SPACE, _WIDTH)))
    if stated and not embedded:
        yield f"{_WIDTH}: without a meaning where no group of numbers has embed"


def few_values(loaded: LoadedConfig, rows: "pa.Table") -> Iterator[str]:
    """A line for each embedded column that has few different values.

    Args:
      loaded: the configuration.
      rows: the first ones of the table.
    """
    if rows.num_rows < _ENOUGH:
        return
    for place, group in enumerate(loaded.config.features.numeric):
        if group.embed is None:
            continue
        for column in group.columns:
            if column in rows.column_names and (count := len(_different(rows.column(column)))) <= _FEW:
                yield (
                    f"features.numeric.{place}.embed: {column!r} has {count} different values in {rows.num_rows:,} "
                    "rows; embed is for continuous columns, so few are better categorical or in buckets"
                )


def _different(column: "pa.ChunkedArray") -> set[str]:
    return {str(value) for value in column.to_pylist() if value not in (None, "")}

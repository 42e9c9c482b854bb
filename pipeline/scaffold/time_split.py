"""A split by time for `init` to suggest: tried on all rows, with the splitter that a run uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from components.artifacts.splits import SPLITS
from components.example_gen.block import FeatureType
from components.example_gen.columns.typed import typed
from components.example_gen.columns.use import ColumnUse
from components.example_gen.split_config import TimeSplit
from components.example_gen.splits import split_rule
from pipeline.preflight.table_profile import TableProfile
from preprocessing.errors import UserError
from preprocessing.row_hash import row_hash

if TYPE_CHECKING:
    import pyarrow as pa


def time_split(
    dates: Iterable[tuple[str, str | None]], table: TableProfile, types: Mapping[str, FeatureType], label: str
) -> TimeSplit | None:
    """The first split by time that works.

    Args:
      dates: columns of dates, each with the format of its texts; None for integers that count seconds.
      table: reads the rows; what it knows of them.
      types: the type that each column gets.
      label: the label's column; rows without it are left out.

    Returns:
      None where no column has a readable time in every row, or a split would be empty or have one label only.
    """
    for column, date_format in dates:
        # An ISO time, or seconds, need no format, and may have a zone.
        for each in dict.fromkeys((None, date_format)):
            if table.column(column).missing == 0 and (each is None or "%Y" in each):
                split = TimeSplit(by="time", column=column, format=each, train=6, eval=2, test=2)
                if _works(split, table, types, label, date_format):
                    return split
    return None


def _works(
    split: TimeSplit, table: TableProfile, types: Mapping[str, FeatureType], label: str, date_format: str | None
) -> bool:
    """Whether every row has a split, and every split more than one label."""
    rule = split_rule(split, (label,))
    wanted = {name: types[name] for name in (split.column, label)}
    uses = {split.column: ColumnUse("date", date_format=date_format)}

    def batches() -> Iterator[pa.RecordBatch]:
        for profile in table.files:
            for rows in table.reader.rows(profile.file, wanted):
                batch = typed(rows, wanted, uses, str(profile.file)).batch
                yield batch.filter(batch.column(label).is_valid())

    nothing = np.zeros(0, np.uint64)
    try:
        assigner = rule.resolve(rule.merged(rule.count(batch, nothing) for batch in batches()))
    except UserError:
        return False
    labels: dict[str, set[int]] = {name: set() for name in SPLITS}
    for batch in batches():
        splits, bad = assigner.assign(batch, nothing, "", np.zeros(batch.num_rows, np.int64))
        if bad:
            return False
        hashes = row_hash(batch, [label])
        for position, name in enumerate(SPLITS):
            labels[name].update(np.unique(hashes[splits == position])[:2].tolist())
    return all(len(each) > 1 for each in labels.values())

"""A reader of any format whose files stand in Hive folders: adds the columns that the folders' names hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from components.example_gen.block import Block, FeatureType, Reader, Rows
from components.example_gen.columns.cells import is_number
from components.example_gen.columns.convert import arrow_type, first_as_text, is_feature
from components.example_gen.config import Format
from components.example_gen.formats.registry import place_text
from components.example_gen.partitions import Partition, value
from preprocessing.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class PartitionedReader:
    """Reads the files and puts the folders' columns behind their own.

    A column that the file has as well must say the same in every row; it is the folder's that is taken.

    Attributes:
      inner: reads the files themselves.
      partitions: the folders' columns.
      format: of the files; the cells of CSV are text.
    """

    inner: Reader
    partitions: tuple[Partition, ...]
    format: Format

    def columns(self, file: str) -> list[str]:
        """The file's own columns, then the folders'.

        Raises:
          UserError: as the inner reader's.
        """
        keys = [each.key for each in self.partitions]
        return [*(name for name in self.inner.columns(file) if name not in keys), *keys]

    def plan(self, file: str) -> Iterator[Block]:
        """The inner reader's blocks.

        Raises:
          UserError: as the inner reader's.
        """
        return self.inner.plan(file)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The inner reader's rows with the folders' columns: int64, double or text, null where it is missing.

        Raises:
          UserError: as the inner reader's; or a row says something else than its folder.
        """
        wanted = [each for each in self.partitions if types is None or each.key in types]
        keys = {each.key for each in self.partitions}
        own = None if types is None else {name: kind for name, kind in types.items() if name not in keys}
        # Without a column of its own a batch would not know how many rows it has.
        for rows in self.inner.read(block, own or None):
            if types is None:
                self._check(block.file, rows)
            yield replace(rows, batch=self._with(rows.batch, block.file, wanted, own))

    def _with(
        self, batch: pa.RecordBatch, file: str, wanted: list[Partition], own: Mapping[str, FeatureType] | None
    ) -> pa.RecordBatch:
        import pyarrow as pa

        keys = {each.key for each in self.partitions}
        kept = [
            (name, column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if name not in keys and (own is None or name in own)
        ]
        added = [(each.key, self._column(value(file, each.key), each, batch.num_rows)) for each in wanted]
        names, columns = zip(*kept, *added, strict=True) if kept or added else ((), ())
        return pa.RecordBatch.from_arrays(list(columns), names=list(names))

    def _column(self, text: str | None, partition: Partition, rows: int) -> pa.Array:
        import pyarrow as pa

        if self.format == "csv":
            return pa.repeat(pa.scalar(text or "", pa.string()), rows)
        kind = arrow_type(partition.type)
        return pa.nulls(rows, kind) if text is None else pa.repeat(pa.scalar(text).cast(kind), rows)

    def _check(self, file: str, rows: Rows) -> None:
        """Refuses a row whose own column says something else than its folder."""
        import pyarrow.compute as pc

        names = rows.batch.schema.names
        for each in self.partitions:
            if each.key not in names or not is_feature(rows.batch.schema.field(each.key).type):
                continue
            text = value(file, each.key) or ""
            cells = first_as_text(rows.batch.column(names.index(each.key)))
            for cell in pc.unique(cells).to_pylist():
                if cell and cell != text and not _same_number(cell, text):
                    row = cells.index(cell).as_py()
                    raise UserError(
                        f"{place_text(file, int(rows.places[row]), self.format)}: the column {each.key!r} is {cell!r}, "
                        f"and the folder says {each.key}={text}",
                        hint="move the row to the folder where it belongs, or rename the column in the file",
                    )


def _same_number(one: str, other: str) -> bool:
    import pyarrow as pa

    return bool(is_number(pa.array([one, other])).to_numpy(zero_copy_only=False).all()) and float(one) == float(other)

"""A table's files on this machine: which they are, and their rows as a stream, by ExampleGen's own readers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.block import BadRow, FeatureType, Reader, Rows
from components.example_gen.config import DataConfig, Format
from components.example_gen.formats import registry
from components.example_gen.listing import list_files
from components.example_gen.partitions import Partition, partitions
from components.example_gen.sources import resolve_spans
from preprocessing.errors import UserError
from preprocessing.missing import MissingWords

if TYPE_CHECKING:
    import pyarrow as pa

LOOSE = registry.LOOSE


@dataclass(frozen=True)
class TableReader:
    """Reads files of one format as the `data:` section says.

    Attributes:
      format: of the files.
      data: the configuration.
      partitions: the columns that stand in the names of the files' folders.
    """

    format: Format
    data: DataConfig
    partitions: tuple[Partition, ...] = ()

    @cached_property
    def _reader(self) -> Reader:
        return registry.reader(self.format, self.data, self.partitions)

    @property
    def missing(self) -> MissingWords:
        """The words that mean missing, by column."""
        return self.data.missing(self.format)

    def columns(self, file: Path) -> list[str]:
        """The column names of one file, in order.

        Raises:
          UserError: the file is empty or can't be read, or a column stands there twice.
        """
        return self._reader.columns(str(file))

    def rows(self, file: Path, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows of one file, in order, a few thousand at a time.

        Args:
          file: the file.
          types: as for `Reader.read`.

        Raises:
          UserError: the file can't be read, or a row can't and `data.on_bad_row` is fail.
        """
        for block in self._reader.plan(str(file)):
            for rows in self._reader.read(block, types):
                if rows.bad and self.data.on_bad_row == "fail":
                    raise self.refused(min(rows.bad, key=lambda row: row.place))
                yield rows

    def sample(self, file: Path, rows: int, *, as_written: bool = False) -> pa.Table:
        """The first rows of one file, every column that has a name; bad rows are left out.

        Args:
          file: the file.
          rows: so many at most.
          as_written: gives the cells as they stand in the file, and not as they are meant.

        Raises:
          UserError: as `rows`.
        """
        import pyarrow as pa

        taken: list[pa.RecordBatch] = []
        missing = rows
        for part in self.rows(file):
            taken.append((part.as_written if as_written else part.batch).slice(0, missing))
            missing -= taken[-1].num_rows
            if missing <= 0:
                break
        # JSON Lines and TFRecord: a part may lack columns, and have others as another type.
        return pa.concat_tables(map(_as_table, taken), promote_options="permissive") if taken else pa.table({})

    def place(self, file: str, place: int) -> str:
        """A row's place in words."""
        return registry.place_text(file, place, self.format)

    def refused(self, row: BadRow) -> UserError:
        """The error for a row that can't be read where none may be bad."""
        hint = (
            "correct the row"
            if self.data.reader == "tfx"
            else ("correct the row, or set data.on_bad_row to skip or quarantine to go on without such rows")
        )
        return UserError(f"{self.place(row.file, row.place)}: {row.reason}", hint=row.hint or hint)


def _as_table(batch: pa.RecordBatch) -> pa.Table:
    """The columns that have a name: there may be several that have none."""
    import pyarrow as pa

    named = [position for position, name in enumerate(batch.schema.names) if name]
    return pa.Table.from_batches([batch]).select(named)


def is_remote(data: DataConfig) -> bool:
    """Whether the rows are somewhere that nothing is read from before a run: a database, or a URL."""
    return not data.sources() or any("://" in source for source in data.sources().values())


def table_files(data: DataConfig, base: Path) -> dict[str, tuple[Path, ...]]:
    """The files of a local table by input: "all", or one for each split; of spans, those that a run would read.

    Raises:
      UserError: nothing is there; the hint names `data.prepare` where that script makes the table.
    """
    try:
        sources = resolve_spans(data, str(base)).sources
        return {name: source_files(each, data) for name, each in sources.items()}
    except UserError as error:
        if data.prepare is None:
            raise
        script = base / Path(data.prepare).expanduser()
        raise UserError(
            error.message,
            field=error.field,
            expected=error.expected,
            received=error.received,
            hint=f"make the table first: .venv/bin/python {script}",
        ) from error


def source_files(sources: Iterable[str], data: DataConfig) -> tuple[Path, ...]:
    """The files of one input, in order.

    Args:
      sources: a file, folder or glob for each span.
      data: the configuration.

    Raises:
      UserError: nothing is there.
    """
    return tuple(Path(file) for source in sources for file in list_files(source, data.format))


def table_partitions(data: DataConfig, base: Path) -> tuple[Partition, ...]:
    """The columns that stand in the names of a local table's folders.

    Raises:
      UserError: the folders of its files differ in their keys.
    """
    sources = [each for found in resolve_spans(data, str(base)).sources.values() for each in found]
    return partitions((source, list_files(source, data.format)) for source in sources)


def table_format(files: Iterable[Path], data: DataConfig) -> Format:
    """The format of all files of a table.

    Raises:
      UserError: the names say nothing, or not the same thing.
    """
    return registry.format_of([str(file) for file in files], data.format)

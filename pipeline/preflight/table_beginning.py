"""The table that a configuration names: its files, their columns, and the first rows beside what is said of them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from components.example_gen.config import STOCK_FORMATS
from components.example_gen.partitions import partitions
from components.example_gen.sources import resolve_spans, source_format
from pipeline.config.problems import brief, shown
from pipeline.preflight.collector import Collector
from pipeline.preflight.column_roles import date_formats, roles
from pipeline.preflight.first_rows import mismatch
from pipeline.preflight.stock_reader import check_stock_files, stock_input, stock_mismatch
from pipeline.preflight.table_files import LOOSE, TableReader, is_remote, source_files, table_format
from preprocessing.errors import FieldPath, UserError, dotted
from preprocessing.text import listed

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FILES = 1000
"""Files of one table whose headers are compared."""
FIRST_ROWS = 1000
"""Rows whose values are looked at."""
_ALIKE = "give all files of the table, and all splits, the same columns (was one renamed?)"


class TableChecks(Collector):
    """Each check goes on with what the ones before it left sound."""

    def table(self) -> None:
        """The table's files, columns and first rows; nothing of one that is in a database or behind a URL."""
        data = self._config.data
        if is_remote(data):
            self.tried(("data", "format"), lambda: source_format(data, str(self._loaded.base)))
            return
        place: FieldPath = ("data", "path") if data.path else ("data", "inputs")
        spans: dict[FieldPath, list[tuple[Path, ...]]] = {}
        listed: list[tuple[str, list[str]]] = []
        for split, found in self._sources(place).items():
            field = place if split == "all" else (*place, split)
            spans[field] = [files for source in found if (files := self._files(field, source, listed))]
        sources = {field: [file for files in parts for file in files] for field, parts in spans.items() if parts}
        every_file = [file for files in sources.values() for file in files]
        fmt = self.tried(place, lambda: table_format(every_file, data)) if every_file else None
        columns = self.tried(place, lambda: partitions(listed))
        if fmt is None or columns is None:
            return
        if data.reader == "tfx" and fmt not in STOCK_FORMATS:
            message = f"tfx reads {' and '.join(STOCK_FORMATS)} only, the files are {fmt}"
            self.report(("data", "reader"), message, hint="use reader: arrow")
            return
        reader = TableReader(fmt, data, columns)
        if fmt in LOOSE or self._headers(sources, reader):
            if data.reader == "tfx":
                self._stock_files(place, sources, reader)
            for field, parts in spans.items():
                # Of a window of spans each has to have rows.
                for files in parts:
                    self.tried(field, partial(self._first_rows, files, reader))

    def _sources(self, place: FieldPath) -> Mapping[str, tuple[str, ...]]:
        """The files, folders or globs of every input; of spans, those that a run would read."""
        base = str(self._loaded.base)
        found = self.tried(place, lambda: resolve_spans(self._config.data, base).sources, hint=self._prepared())
        return found or {}

    def _files(self, field: FieldPath, source: str, listed: list[tuple[str, list[str]]]) -> tuple[Path, ...]:
        path = shown(Path(source))
        files = self.tried(field, lambda: source_files([path], self._config.data), hint=self._prepared()) or ()
        listed.append((path, list(map(str, files))))
        return files

    def _prepared(self) -> str:
        """How to make the table, where the configuration says by which script."""
        if self._config.data.prepare is None:
            return ""
        script = self._loaded.resolve(self._config.data.prepare)
        return f"run: {shown(Path(sys.executable))} {shown(script)}" if script.is_file() else ""

    def _headers(self, sources: Mapping[FieldPath, Sequence[Path]], reader: TableReader) -> bool:
        """Whether every source can be read, and all have the columns of the configuration."""
        headers = {field: self.tried(field, partial(self._header, files, reader)) for field, files in sources.items()}
        found = {field: columns for field, columns in headers.items() if columns is not None}
        if len(found) < len(headers) or not self._same_columns(found):
            return False
        hint = "correct the name, or bring the column back into the table (was it renamed?)"
        return self.known_columns(found[next(iter(found))], "the table has no such column", hint=hint)

    def _header(self, files: Sequence[Path], reader: TableReader) -> list[str]:
        """The columns of a table's first file; an error when another differs in those that are used."""
        columns = _named(reader, files[0])
        for file in files[1:MAX_FILES]:
            names = _named(reader, file)
            if self._matters(columns, names):
                difference = _difference(columns, names)
                raise UserError(f"the columns of {file} differ from those of {files[0]}: {difference}", hint=_ALIKE)
        return columns

    def _stock_files(self, place: FieldPath, sources: Mapping[FieldPath, Sequence[Path]], reader: TableReader) -> None:
        """Whether TFX's own readers find the files and read them as meant, as far as their beginnings tell."""
        if self.tried(place, partial(stock_input, self._config.data, self._loaded.base)) is None and reader.partitions:
            return  # what the files say is not all of the table
        for field, files in sources.items():
            self.tried(field, partial(check_stock_files, files[:MAX_FILES], reader))

    def _same_columns(self, headers: Mapping[FieldPath, Sequence[str]]) -> bool:
        """Whether the splits of a table have the same of the columns that are used."""
        first, columns = next(iter(headers.items()))
        for field, names in headers.items():
            if self._matters(columns, names):
                message = f"its columns differ from those of {dotted(first)}: {_difference(columns, names)}"
                self.report(field, message, hint=_ALIKE)
                return False
        return True

    def _matters(self, columns: Sequence[str], names: Sequence[str]) -> bool:
        """Whether two files differ in a column that is used; TFX's own readers take one file's columns for all."""
        different = {*columns} ^ {*names}
        return bool(different if self._config.data.reader == "tfx" else different & {*roles(self._config)})

    def _first_rows(self, files: Sequence[Path], table: TableReader) -> None:
        """Looks at the first file that has rows."""
        # Small blocks: of a large file only its beginning is read.
        reader = replace(table, data=table.data.model_copy(update={"block_mb": 1}))
        for file in files[:MAX_FILES]:
            rows = reader.sample(file, FIRST_ROWS)
            if rows.num_rows:
                self._kinds(file, reader, rows)
                return
        raise UserError(f"{files[0]}: a header but no rows", hint="write the table again, with its rows")

    def _kinds(self, file: Path, reader: TableReader, rows: "pa.Table") -> None:
        """Compares the first values of each column with what the column is used for."""
        formats = date_formats(self._config.features)
        stock = self._config.data.reader == "tfx"
        written = reader.sample(file, FIRST_ROWS, as_written=True) if stock else rows
        for column, role in roles(self._config).items():
            if column not in rows.column_names:
                continue  # JSON Lines and TFRecord: it may begin later
            reason = mismatch(rows.column(column), column, role)
            if reason is None and stock:
                words = reader.missing.of(column) if reader.format == "csv" else None
                reason = stock_mismatch(written.column(column), role, words, formats.get(column))
            # A single cell that is wrong is a bad row, which is no error where those are skipped.
            if reason is not None and (reason.value is None or self._config.data.on_bad_row == "fail"):
                message = f"{column!r}: {reason.message} (in {shown(file)})"
                received = "" if reason.value is None else brief(reason.value)
                self.report(self.stating(column), message, received=received, hint=reason.hint)


def _named(reader: TableReader, file: Path) -> list[str]:
    """The columns of a file that have a name: the others are left out."""
    return list(filter(None, reader.columns(file)))


def _difference(columns: Sequence[str], others: Sequence[str]) -> str:
    """What the second table's columns lack, and have too many, against the first's."""
    lacking = [name for name in columns if name not in others]
    extra = [name for name in others if name not in columns]
    parts = [f"{word} {listed(names)}" for word, names in (("lacks", lacking), ("adds", extra)) if names]
    return "; ".join(parts)

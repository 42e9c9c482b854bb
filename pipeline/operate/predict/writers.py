"""The files of predictions, batch by batch: Parquet, CSV, JSON Lines; and several of them as one."""

from __future__ import annotations

import csv
import datetime
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.example_gen.columns.convert import bytes_as_text, is_bytes
from components.example_gen.columns.typed import json_value
from pipeline.operate.predict.target import OutputFormat

_ROW_GROUP_ROWS, _ROW_GROUP_BYTES = 1 << 17, 32 << 20
"""A row group of Parquet ends after so many rows or bytes."""
_COPY_BYTES = 1 << 20

Columns = Mapping[str, pa.Array]


class Writer(Protocol):
    """A file that is being written."""

    def write(self, columns: Columns) -> None:
        """Adds some rows; every call has the same columns in the same order."""
        ...

    def end(self) -> None:
        """Writes what is left."""
        ...


@contextmanager
def writing(path: Path, fmt: OutputFormat, schema: pa.Schema) -> Iterator[Writer]:
    """A new file.

    Args:
      path: the file.
      fmt: its format.
      schema: its columns; Parquet alone takes their types from it.

    Raises:
      OSError: it can't be written.
    """
    with path.open("wb") as file:
        writer: Writer = (
            _Parquet(file, schema) if fmt == "parquet" else _Csv(file, schema) if fmt == "csv" else _JsonLines(file)
        )
        try:
            yield writer
        finally:
            writer.end()  # Parquet's writer wants to be closed before its file, whatever happened


class _Parquet:
    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(file, schema)
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, columns: Columns) -> None:
        batch = pa.RecordBatch.from_arrays(list(columns.values()), schema=self._schema)
        self._waiting.append(batch)
        self._rows, self._bytes = self._rows + batch.num_rows, self._bytes + batch.nbytes
        if self._rows >= _ROW_GROUP_ROWS or self._bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=self._rows)
        self._waiting, self._rows, self._bytes = [], 0, 0

    def end(self) -> None:
        self._flush()
        self._writer.close()


class _Csv:
    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file = file
        file.write(header(schema))

    def write(self, columns: Columns) -> None:
        texts = [_texts(cells) for cells in columns.values()]
        # Python's writer leaves a lone carriage return without quotation marks, and readers take it for a row's end.
        returns = any(pc.any(pc.match_substring(cells, "\r")).as_py() for cells in texts)
        rows = zip(*(cells.to_pylist() for cells in texts), strict=True)
        self._file.write(_csv_lines(rows, csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL))

    def end(self) -> None:
        """Nothing is left."""


class _JsonLines:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, columns: Columns) -> None:
        names = list(columns)
        values = [_json_cells(cells) for cells in columns.values()]
        lines = (
            json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in zip(*values, strict=True)
        )
        self._file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))

    def end(self) -> None:
        """Nothing is left."""


def header(schema: pa.Schema) -> bytes:
    """The first row of a CSV file: the names."""
    return _csv_lines([schema.names], csv.QUOTE_MINIMAL)


def joined(shards: Sequence[Path], path: Path, fmt: OutputFormat, schema: pa.Schema) -> None:
    """Several files of one schema as one, in order, in bounded memory.

    Args:
      shards: the files, as `writing` made them.
      path: the new file.
      fmt: of all of them.
      schema: their columns.

    Raises:
      OSError: it can't be written.
    """
    with path.open("wb") as file:
        if fmt == "parquet":
            with pq.ParquetWriter(file, schema) as writer:
                for shard in shards:
                    with pq.ParquetFile(shard) as part:
                        for group in range(part.num_row_groups):
                            writer.write_table(part.read_row_group(group), row_group_size=_ROW_GROUP_ROWS)
            return
        first = header(schema) if fmt == "csv" else b""
        file.write(first)
        for shard in shards:
            with shard.open("rb") as part:
                part.seek(len(first))
                shutil.copyfileobj(part, file, _COPY_BYTES)


def _csv_lines(rows: Iterable[Sequence[str | None]], quoting: Literal[0, 1]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=quoting).writerows(rows)
    return out.getvalue().encode()


def _texts(cells: pa.Array) -> pa.StringArray:
    """A column as text: numbers with their fewest digits, bytes as UTF-8, lists and structs as JSON."""
    if is_bytes(cells.type):
        return bytes_as_text(cells)
    if not pa.types.is_nested(cells.type):
        return cells.cast(pa.string())
    texts = [None if cell is None else json.dumps(_plain(cell), ensure_ascii=False) for cell in cells.to_pylist()]
    return pa.array(texts, pa.string())


def _json_cells(cells: pa.Array) -> list[object]:
    """A column as values of JSON: a number that is none is null, a time is text, and a float has its fewest digits."""
    if pa.types.is_floating(cells.type):
        if pa.types.is_float32(cells.type):
            cells = cells.cast(pa.string()).cast(pa.float64())
        cells = pc.if_else(pc.is_nan(cells), None, cells)
    return [_plain(cell) for cell in cells.to_pylist()]


def _plain(value: object) -> object:
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return json_value(value)

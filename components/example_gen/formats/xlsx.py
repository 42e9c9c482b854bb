"""Spreadsheets (`.xlsx`): the first row that is not blank holds the names. Needs the extra `lockgate[xlsx]`."""

from __future__ import annotations

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from components.example_gen.block import BadRow, Block, FeatureType, Rows
from components.example_gen.formats import io
from components.example_gen.formats.content import HEAD_BYTES, content
from components.example_gen.formats.json.values import column
from components.example_gen.formats.pieces import PIECE_ROWS, distinct, wanted
from preprocessing.errors import UserError
from preprocessing.text import first_line, listed, quoted

if TYPE_CHECKING:
    import pyarrow as pa

_NOT_AVAILABLE = "#N/A"
"""What a formula gives for a missing value; any other error (`#DIV/0!`) stays as it is, for somebody to look at."""
_TITLE_COLUMNS = 3
_SHOWN = 40
_LOOKED_AT = 100
_Cells = list[Any]


@dataclass(frozen=True)
class XlsxReader:
    """Reads one sheet of an Excel workbook, of formulas the values that the spreadsheet program has stored.

    Attributes:
      sheet: its name; None is the first one.
      block_bytes: not used: a workbook is one block, read a few thousand rows at a time.
    """

    sheet: str | None
    block_bytes: int

    def columns(self, file: str) -> list[str]:
        """The cells of the first row that is not blank, as text.

        Raises:
          UserError: no workbook, no such sheet, an empty one, a column twice, or openpyxl is not installed.
        """
        with self._rows(file) as rows:
            number, names = _header(file, rows)
            _refuse_title(file, number, names, next(rows, (0, []))[1])
            return names

    def plan(self, file: str) -> Iterator[Block]:
        """One block for the whole sheet.

        Raises:
          UserError: as for `columns`, or the first rows have a formula without a stored value.
        """
        self._refuse_uncomputed(file)
        yield Block(file, 0, 0, -1, 1)

    def read(self, block: Block, types: Mapping[str, FeatureType] | None = None) -> Iterator[Rows]:
        """The rows that are not blank, in Arrow types that the values of a piece have in common.

        Numbers, booleans and text as JSON Lines gives them; dates are points in time in microseconds. `#N/A` is
        missing. A row with a value beyond the header's last name is bad.

        Raises:
          UserError: the file is damaged, or lacks a column of `types`.
        """
        import numpy as np

        with self._rows(block.file) as rows:
            _, names = _header(block.file, rows)
            chosen = names if types is None else wanted(block.file, [name for name in names if name], types)
            positions = [names.index(name) for name in chosen] if types is not None else list(range(len(names)))
            for good, places, bad in _pieces(block.file, rows, len(names)):
                arrays = [
                    _array([row[position] for row in good], (types or {}).get(name))
                    for name, position in zip(chosen, positions, strict=True)
                ]
                yield Rows(_batch(arrays, chosen), np.array(places, np.int64), tuple(bad))

    def sheets(self, file: str) -> list[str]:
        """The names of the sheets, in order.

        Raises:
          UserError: no workbook, or openpyxl is not installed.
        """
        with _opened(file) as book:
            return [sheet.title for sheet in book.worksheets]

    @contextmanager
    def _rows(self, file: str) -> Iterator[Iterator[tuple[int, _Cells]]]:
        """The rows of the sheet that are not blank, each with its number; blank cells are None."""
        with self._sheet(file) as sheet:
            yield _filled(file, sheet)

    @contextmanager
    def _sheet(self, file: str, *, formulas: bool = False) -> Iterator[Any]:
        with _opened(file, formulas=formulas) as book:
            sheets = {sheet.title: sheet for sheet in book.worksheets}
            name = next(iter(sheets), None) if self.sheet is None else self.sheet
            if name is None or name not in sheets:
                raise UserError(
                    f"{file}: no sheet {name!r}; it has {listed(list(sheets), 20, repr) or 'none'}",
                    field=("data", "sheet"),
                    hint="set data.sheet to one of them",
                )
            # What the file says of the sheet's size is wrong in the files of some writers.
            sheets[name].reset_dimensions()
            yield sheets[name]

    def _refuse_uncomputed(self, file: str) -> None:
        """Refuses formulas whose values were never stored: they would be missing without a word."""
        with self._sheet(file) as values, self._sheet(file, formulas=True) as formulas, _explained(file):
            both = zip(values.iter_rows(), formulas.iter_rows(), strict=False)
            for number, (stored, cells) in enumerate(islice(both, _LOOKED_AT), 1):
                for position, (value, cell) in enumerate(zip(stored, cells, strict=False), 1):
                    if cell.data_type == "f" and value.value is None:
                        raise UserError(
                            f"{file}, row {number}: the formula in column {position} has no stored value",
                            hint="open the file in a spreadsheet program and save it, which computes the formulas",
                        )


@contextmanager
def _opened(file: str, *, formulas: bool = False) -> Iterator[Any]:
    """The workbook, with the formulas themselves or their stored values."""
    try:
        import openpyxl
    except ImportError as error:
        raise UserError(
            f"{file}: a spreadsheet is read by openpyxl, which is not installed",
            hint="pip install 'lockgate[xlsx]' (or pip install openpyxl), or save the sheet as CSV",
        ) from error
    if not io.size(file):
        raise UserError(f"{file}: the file is empty", hint="save the spreadsheet again")
    with io.open_seekable(file) as raw:
        found = content(raw.read(HEAD_BYTES))
        if found is not None and found.format != "xlsx":
            raise UserError(f"{file}: this is {found.what}, not a spreadsheet (.xlsx)", hint=found.hint)
        raw.seek(0)
        with _explained(file):
            book = openpyxl.load_workbook(raw, read_only=True, data_only=not formulas, keep_links=False)
        try:
            yield book
        finally:
            book.close()


@contextmanager
def _explained(file: str) -> Iterator[None]:
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        yield
    except (zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, KeyError, ValueError, EOFError) as error:
        raise UserError(
            f"{file}: not a complete spreadsheet (.xlsx): {first_line(error)}",
            hint="save it again, or set data.format if it has another format",
        ) from error


def _filled(file: str, sheet: Any) -> Iterator[tuple[int, _Cells]]:
    rows = sheet.iter_rows()
    for number in count(1):
        with _explained(file):
            cells = next(rows, None)
        if cells is None:
            return
        row = [_value(cell) for cell in cells]
        while row and row[-1] is None:
            row.pop()
        if row:
            yield number, row


def _value(cell: Any) -> Any:
    value = cell.value
    if isinstance(value, str):
        is_missing = not value.strip() or (cell.data_type == "e" and value == _NOT_AVAILABLE)
        return None if is_missing else value
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day)
    if isinstance(value, dt.time | dt.timedelta):
        return str(value)
    return value


def _header(file: str, rows: Iterator[tuple[int, _Cells]]) -> tuple[int, list[str]]:
    """The row of the names, and the names; `""` for a column without one."""
    number, cells = next(rows, (0, []))
    if not cells:
        raise UserError(
            f"{file}: the sheet is empty; expected a row with the column names",
            field=("data", "sheet"),
            hint="set data.sheet to another sheet, or write the table again",
        )
    names = ["" if cell is None else _text(cell) for cell in cells]
    distinct(file, [name for name in names if name])
    return number, names


def _refuse_title(file: str, number: int, names: Sequence[str], following: _Cells) -> None:
    present = [name for name in names if name]
    if len(present) == 1 and len(following) >= _TITLE_COLUMNS:
        raise UserError(
            f"{file}, row {number}: {quoted(present[0], _SHOWN)} stands alone above rows of several cells: it is a "
            "title, not the header",
            hint="delete the rows above the header, and save the sheet again",
        )


def _text(cell: Any) -> str:
    return cell.isoformat(sep=" ").removesuffix(" 00:00:00") if isinstance(cell, dt.datetime) else str(cell)


def _pieces(
    file: str, rows: Iterator[tuple[int, _Cells]], width: int
) -> Iterator[tuple[list[_Cells], list[int], list[BadRow]]]:
    good: list[_Cells] = []
    places: list[int] = []
    bad: list[BadRow] = []
    for number, row in rows:
        if len(row) > width:
            reason = f"{quoted(_text(row[-1]), _SHOWN)} stands in column {len(row)}, and the header has {width} columns"
            bad.append(BadRow(file, number, reason, ",".join("" if c is None else _text(c) for c in row).encode()))
            continue
        good.append(row + [None] * (width - len(row)))
        places.append(number)
        if len(good) >= PIECE_ROWS:
            yield good, places, bad
            good, places, bad = [], [], []
    if good or bad:
        yield good, places, bad


def _array(values: Sequence[Any], kind: FeatureType | None) -> pa.Array:
    import pyarrow as pa

    if any(isinstance(value, dt.datetime) for value in values):
        if all(value is None or isinstance(value, dt.datetime) for value in values):
            return pa.array(values, pa.timestamp("us"))
        values = [_text(value) if isinstance(value, dt.datetime) else value for value in values]
    return column(values, kind)


def _batch(arrays: Sequence[pa.Array], names: Sequence[str]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays(list(arrays), names=list(names))

"""What stands in a CSV file as text: its encoding, its quotation marks, and the line of a cell that is wrong.

pyarrow reads fast and says little about where it failed; Python's reader, which is also the one inside TFX, is
slow and knows every line. So pyarrow reads, and this module looks again when something is wrong.
"""

import csv as csv_module
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from components.example_gen.config import CsvOptions
from pipeline.table import header, open_bytes, text_encoding
from preprocessing.errors import UserError

_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_QUOTE_HINT = "close the quotation mark; inside a quoted cell a quotation mark is written twice"


@dataclass(frozen=True)
class TextFacts:
    """What one CSV file looks like before it is split into cells.

    Attributes:
      records: the data rows as the stock TFX reader counts them: lines joined until the number of quotation marks
        is even, without the first line and without blank ones.
      balanced: whether the number of quotation marks is even.
      byte_order_mark: whether the file begins with one.
      first_line: the header as the stock TFX reader sees it.
    """

    records: int
    balanced: bool
    byte_order_mark: bool
    first_line: str


def scan_text(file: Path, csv: CsvOptions) -> TextFacts:
    """Reads a file once as text.

    Raises:
      UserError: bytes that are not text in the configured encoding, or a NUL character, with the line.
    """
    with open_bytes(file) as raw:
        byte_order_mark = raw.read(3) == b"\xef\xbb\xbf"
    records, in_quotes, first_line = -1, False, ""
    with _lines(file, csv, newline="\n") as text:
        number = 0
        try:
            for number, line in enumerate(text, 1):
                if number == 1:
                    first_line = line
                if "\0" in line:
                    raise _nul(file, number)
                if '"' in line and line.count('"') % 2:
                    in_quotes = not in_quotes
                records += not in_quotes and line not in ("\n", "\r\n")
        except UnicodeError as error:
            raise undecodable(file, csv, number, error) from error
    return TextFacts(max(records, 0), not in_quotes, byte_order_mark, first_line)


def records(file: Path, csv: CsvOptions) -> Iterator[tuple[int, list[str]]]:
    """The data rows with the line that each begins on (the header is on line 1), blank lines left out.

    Raises:
      UserError: a quotation mark is not closed, or text follows a closing one.
    """
    with _lines(file, csv, newline="") as text:
        reader = csv_module.reader(text, delimiter=csv.delimiter, strict=True)
        try:
            next((row for row in reader if row), None)
            start = reader.line_num + 1
            for row in reader:
                if row:
                    yield start, row
                start = reader.line_num + 1
        except csv_module.Error as error:
            last = reader.line_num
            where = f"line {start}" if last <= start else f"line {start} (read as one row until line {last})"
            raise UserError(f"{file}, {where}: unbalanced quotation marks: {error}", hint=_QUOTE_HINT) from error


def explain_failure(file: Path, csv: CsvOptions, error: Exception) -> UserError:
    """Turns a failure of pyarrow's reader into the line and the reason."""
    try:
        scan_text(file, csv)
        check_rows(file, csv)
    except UserError as explained:
        return explained
    return UserError(
        f"{file}: not readable as CSV: {str(error).splitlines()[0]}",
        hint="check data.csv.delimiter and data.csv.encoding, or open the file at the place that is named",
    )


def check_rows(file: Path, csv: CsvOptions) -> None:
    """Checks that every row has as many cells as the header, and that quotation marks are closed.

    Raises:
      UserError: the first row for which that is not so.
    """
    names = header(file, "csv", csv)
    for line, row in records(file, csv):
        if len(row) != len(names):
            raise UserError(
                f"{file}, line {line}: expected {len(names)} cells as in the header, received {len(row)}: "
                f"{csv.delimiter.join(row)[:80]!r}",
                hint=f"mend the line; a cell that contains {csv.delimiter!r} must stand in double quotes",
            )


def undecodable(file: Path, csv: CsvOptions, line: int, error: UnicodeError) -> UserError:
    """The error for bytes that are not text in the configured encoding; `line` is the last good one."""
    with open_bytes(file) as raw:
        mark = _BOMS.get(raw.read(2))
    if mark is not None:
        return UserError(f"{file}: the file is {mark}, not {csv.encoding}", hint=f"set data.csv.encoding to {mark}")
    # The decoder works in blocks: the line is at or after the last one that came out whole.
    line = _first_bad_line(file, csv) or line + 1
    return UserError(
        f"{file}, line {line}: not {csv.encoding} text: {error}",
        hint="set data.csv.encoding to the one that the file was saved in, for example latin-1 or cp1252",
    )


@contextmanager
def _lines(file: Path, csv: CsvOptions, newline: str) -> Iterator[TextIO]:
    with open_bytes(file) as raw, io.TextIOWrapper(raw, encoding=text_encoding(csv), newline=newline) as text:
        yield text


def _nul(file: Path, line: int) -> UserError:
    return UserError(
        f"{file}, line {line}: a NUL character; this is not plain text",
        hint="set data.csv.encoding to utf-16 if the file was saved so, or write the file again",
    )


def _first_bad_line(file: Path, csv: CsvOptions) -> int | None:
    with open_bytes(file) as raw:
        for number, line in enumerate(raw, 1):
            try:
                line.decode(text_encoding(csv) if number == 1 else csv.encoding)
            except UnicodeError:
                return number
    return None

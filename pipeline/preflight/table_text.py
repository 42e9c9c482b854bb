"""What stands in a CSV file as text: what the stock TFX reader makes of its lines and quotation marks."""

import codecs
import io
from dataclasses import dataclass
from pathlib import Path

from components.example_gen.config import CsvOptions
from components.example_gen.formats.io import open_bytes
from preprocessing.errors import UserError


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
      UserError: bytes that are not text in the configured encoding.
    """
    with open_bytes(str(file)) as raw:
        byte_order_mark = raw.read(3) == codecs.BOM_UTF8
    records, in_quotes, first_line = -1, False, ""
    with open_bytes(str(file)) as raw, io.TextIOWrapper(raw, encoding=text_encoding(csv), newline="\n") as text:
        try:
            for number, line in enumerate(text):
                if number == 0:
                    first_line = line
                if '"' in line and line.count('"') % 2:
                    in_quotes = not in_quotes
                records += not in_quotes and line not in ("\n", "\r\n")
        except UnicodeError as error:
            raise UserError(
                f"{file}: not {csv.encoding} text: {error}",
                hint="set data.csv.encoding to the one that the file was saved in, for example latin-1 or cp1252",
            ) from error
    return TextFacts(max(records, 0), not in_quotes, byte_order_mark, first_line)


def text_encoding(csv: CsvOptions) -> str:
    """The codec for Python's own reader: a byte order mark is not part of the first column's name.

    Raises:
      UserError: Python knows no such encoding.
    """
    try:
        codec = codecs.lookup(csv.encoding)
    except LookupError as error:
        raise UserError(
            "unknown encoding",
            field=("data", "csv", "encoding"),
            received=csv.encoding,
            hint="for example utf-8, latin-1, cp1252, utf-16",
        ) from error
    return "utf-8-sig" if codec.name == "utf-8" else codec.name

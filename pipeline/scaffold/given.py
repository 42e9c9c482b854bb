"""What the command line says of how a table is read."""

from __future__ import annotations

from dataclasses import dataclass

from components.example_gen.config import Format


@dataclass(frozen=True)
class Given:
    """The options of `lockgate init`; None leaves it to what the files show.

    Attributes:
      format: of the files.
      encoding: of CSV text, as Python names it.
      delimiter: of CSV text: one character, or `blanks`.
      header: whether the first line of CSV text holds the columns' names.
      skip_lines: lines of CSV text before its header.
      sheet: of a spreadsheet, its name.
      table: of an SQLite database, the name of the table or view.
      decimal: the decimal mark of numbers that are text, in any format.
    """

    format: Format | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    skip_lines: int | None = None
    sheet: str | None = None
    table: str | None = None
    decimal: str | None = None


OPTIONS = {
    "data.format": "--format",
    "data.csv.encoding": "--encoding",
    "data.csv.delimiter": "--delimiter",
    "data.csv.header to false": "--no-header",
    "data.csv.skip_lines": "--skip-lines",
    "data.sheet": "--sheet",
}
"""The option of `init` for a field of pipeline.yaml."""


def as_options(hint: str) -> str:
    """A next step in terms of the command's options: there is no pipeline.yaml yet.

    >>> as_options("set data.csv.encoding to utf-16 if the file was saved so")
    'give --encoding utf-16 if the file was saved so'
    """
    for field, option in OPTIONS.items():
        hint = (
            hint.replace(f"set {field}", f"give {field}").replace(f"{field} to ", f"{option} ").replace(field, option)
        )
    return hint

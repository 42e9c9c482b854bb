"""How a table that nobody has described yet is read: its files, their format, and the settings that they need."""

from __future__ import annotations

from pathlib import Path

from components.example_gen.config import DataConfig, Format
from components.example_gen.formats.content import HEAD_BYTES, content
from components.example_gen.formats.io import name_within, open_bytes
from components.example_gen.formats.registry import named_format
from pipeline.preflight.table_files import TableReader, table_files, table_format, table_partitions
from pipeline.scaffold.given import Given
from pipeline.scaffold.headerless import reads_like_a_number
from pipeline.scaffold.sniff import sniff
from preprocessing.errors import UserError
from preprocessing.text import listed

_MOST_CONTROLS = 0.05
"""The share of control characters that text may have."""
_UTF_16 = 0.2
"""The share of zero bytes from which on they can be every other byte of UTF-16."""


def described(data: Path, label: str, given: Given) -> tuple[tuple[Path, ...], TableReader]:
    """The files of a table, and a reader of them whose configuration has what differs from the defaults.

    Args:
      data: a file, a folder or a glob.
      label: a column that it has.
      given: what is known beforehand.

    Raises:
      UserError: nothing is there, it can't be told what it is, or the first line can't be a header.
    """
    config = DataConfig(path=str(data), format=given.format, sheet=given.sheet)
    (files,) = _files(config).values()
    fmt = given.format or _format(files[0])
    if fmt is not None and (given.format or named_format(str(files[0])) != fmt):
        config = config.model_copy(update={"format": fmt})
    fmt = table_format(files, config)
    _refuse_unused(fmt, given)
    if fmt == "csv":
        config = config.model_copy(update={"csv": sniff(files[0], given, label)})
    reader = TableReader(fmt, config, table_partitions(config, Path()))
    if fmt == "csv" and given.header is None:
        _refuse_no_label(files[0], reader, label, given.encoding)
    if fmt == "xlsx" and given.sheet is None:
        _refuse_other_sheet(files[0], reader, label)
    return files, reader


def _files(config: DataConfig) -> dict[str, tuple[Path, ...]]:
    """The files of a table; of a folder whose names don't tell a format, all, if their contents tell the same.

    Raises:
      UserError: nothing is there, or neither names nor contents tell.
    """
    try:
        return table_files(config, Path())
    except UserError:
        if config.format is not None or not Path(str(config.path)).is_dir():
            raise
        # With a format that no name tells, all files of the folder are the table's.
        found = table_files(config.model_copy(update={"format": "parquet"}), Path())
        told = {_told(file) for files in found.values() for file in files}
        if len(told) != 1 or None in told:
            raise
        return found


def _told(file: Path) -> Format | None:
    with open_bytes(str(file)) as raw:
        found = content(raw.read(HEAD_BYTES))
    return None if found is None else found.format


def _refuse_no_label(file: Path, reader: TableReader, label: str, encoding: str | None) -> None:
    """Refuses a label that is not there where that depends on how the text is read: its encoding, its header."""
    names = reader.columns(file)
    if label in names:
        return
    if encoding is None and reader.data.csv.encoding in ("latin-1", "cp1252"):
        raise UserError(
            f"{file}: no column {label!r} in the first line; the file is not UTF-8, and read as "
            f"{reader.data.csv.encoding} the line has {listed(names, 20, repr)}",
            hint="name one of them; or give --encoding if the file was saved in another one, for example shift_jis",
        )
    if not reader.data.csv.header:
        raise UserError(
            f"{file}: the first line reads like a row of the table, not like a header; without one the columns "
            f"are {listed(names, 20)}",
            hint=f"name the column by its position, for example --label {names[-1]}; or give --header if the first "
            "line holds the names",
        )
    if any(map(reads_like_a_number, names)):
        raise UserError(
            f"{file}: no column {label!r}; the first line has {listed(names, 20, repr)}",
            hint="name one of them; or, if this line is a row of the table and not its header, give --no-header and "
            f"name the column by its position, for example --label column_{len(names)}",
        )


def _refuse_other_sheet(file: Path, reader: TableReader, label: str) -> None:
    """Refuses a first sheet that is not the table, where there are others."""
    from components.example_gen.formats.xlsx import XlsxReader

    sheets = XlsxReader(None, 1).sheets(str(file))
    names = reader.columns(file)
    if len(sheets) > 1 and label not in names:
        raise UserError(
            f"{file}: no column {label!r} in the first sheet, {sheets[0]!r}, which has {listed(names, 20, repr)}",
            hint=f"give --sheet and one of {listed(sheets[1:], 10, repr)}",
        )


def _refuse_unused(fmt: Format, given: Given) -> None:
    """Refuses what was given for another format."""
    options: list[tuple[Format, str, object]] = [
        ("csv", "--encoding", given.encoding),
        ("csv", "--delimiter", given.delimiter),
        ("csv", "--header" if given.header else "--no-header", given.header),
        ("csv", "--skip-lines", given.skip_lines),
        ("xlsx", "--sheet", given.sheet),
    ]
    for wanted, name, value in options:
        if value is not None and fmt != wanted:
            raise UserError(f"{name} is for {wanted}, and the files are {fmt}", hint="leave it out")


def _format(file: Path) -> Format | None:
    """The format by what the file holds, else by its name; None where neither tells.

    Raises:
      UserError: it can't be read, whatever its format is called.
    """
    with open_bytes(str(file)) as raw:
        head = raw.read(HEAD_BYTES)
    found = content(head)
    named = named_format(name_within(str(file)))
    if found is None:
        if named in (None, "csv", "jsonl") and _is_binary(head):
            hint = "write the table as Parquet or CSV"
            raise UserError(f"{file}: this is neither text nor a format that can be read", hint=hint)
        return named or ("csv" if _is_text(head) else None)
    if found.format is None and named is None:
        raise UserError(f"{file}: this is {found.what}", hint=found.hint)
    return found.format or named


def _is_binary(head: bytes) -> bool:
    """Whether bytes can't be text: too many of them are control characters."""
    controls = sum(byte < ord(" ") and byte not in b"\t\n\r\f\x1b" for byte in head)
    return head.count(0) < _UTF_16 * len(head) and controls > _MOST_CONTROLS * len(head)


def _is_text(head: bytes) -> bool:
    """Whether bytes without a name can be CSV text; in UTF-16 every other byte of most texts is 0."""
    return bool(head) and (0 not in head or abs(head[::2].count(0) - head[1::2].count(0)) > len(head) / 4)

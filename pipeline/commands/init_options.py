"""The options of `lockgate init` that say how a table is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from components.example_gen.config import BLANKS, Format
from preprocessing.errors import UserError, dotted

if TYPE_CHECKING:
    from pipeline.scaffold import Proposal
    from preprocessing.config import Task

_TABS = ("\\t", "tab")


def _one_character(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value in _TABS:
        return "\t"
    if value is None or value in ("\t", BLANKS) or re.fullmatch(r"[ !#-~]", value):
        return value
    raise click.BadParameter(f"expected one character, tab or {BLANKS}, received {value!r}")


_OPTIONS = (
    click.option("--format", "fmt", type=click.Choice(get_args(Format)), help="Taken from the files unless given."),
    click.option("--encoding", help="Of CSV text, as Python names it: utf-8, latin-1, cp1252, utf-16, ..."),
    click.option(
        "--delimiter", callback=_one_character, help="Of CSV text: one character, tab, or blanks (any number of them)."
    ),
    click.option("--header/--no-header", default=None, help="Whether the first line of CSV text holds the names."),
    click.option("--skip-lines", type=click.IntRange(0, 1000), help="Lines of CSV text before its header."),
    click.option("--decimal", type=click.Choice([".", ","]), help="The decimal mark of numbers; seen unless given."),
    click.option("--sheet", help="The sheet of a spreadsheet; the first one unless given."),
    click.option("--table", help="The table or view of an SQLite database; its only one unless given."),
)


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def proposed(
    data: Path,
    label: str,
    *,
    name: str,
    task: Task | None,
    fast: bool,
    tune: bool,
    fmt: Format | None,
    encoding: str | None,
    delimiter: str | None,
    header: bool | None,
    skip_lines: int | None,
    decimal: str | None,
    sheet: str | None,
    table: str | None,
) -> Proposal:
    """What `propose` does, with the options of the command line; the next step of an error names these.

    Raises:
      UserError: as `propose`.
    """
    from pipeline.scaffold import propose
    from pipeline.scaffold.given import OPTIONS, Given, as_options

    given = Given(
        format=fmt,
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        skip_lines=skip_lines,
        decimal=decimal,
        sheet=sheet,
        table=table,
    )
    try:
        return propose(data, label, name=name, task=task, given=given, fast=fast, tune=tune)
    except UserError as error:
        option = OPTIONS.get(dotted(error.field))
        raise UserError(
            f"{option}: {error.message}" if option else error.message,
            field=() if option else error.field,
            expected=error.expected,
            received=error.received,
            hint=as_options(error.hint),
        ) from error

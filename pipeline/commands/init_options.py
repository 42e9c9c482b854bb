"""The options of `lockgate init` that say how a table is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from components.example_gen.config import Format
from preprocessing.errors import UserError

if TYPE_CHECKING:
    from pipeline.scaffold import Proposal
    from preprocessing.config import Task

_OPTIONS = (
    click.option("--format", "fmt", type=click.Choice(get_args(Format)), help="Taken from the files unless given."),
    click.option("--encoding", help="Of CSV text, as Python names it: utf-8, latin-1, cp1252, utf-16, ..."),
    click.option("--delimiter", help="Of CSV text: one character, tab, or blanks (any number of them)."),
    click.option("--header/--no-header", default=None, help="Whether the first line of CSV text holds the names."),
    click.option("--skip-lines", type=click.IntRange(0, 1000), help="Lines of CSV text before its header."),
    click.option("--sheet", help="The sheet of a spreadsheet; the first one unless given."),
)
_TABS = ("\\t", "tab")


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
    fmt: Format | None,
    encoding: str | None,
    delimiter: str | None,
    header: bool | None,
    skip_lines: int | None,
    sheet: str | None,
) -> Proposal:
    """What `propose` does, with the options of the command line; the next step of an error names these.

    Raises:
      UserError: as `propose`.
    """
    from pipeline.scaffold import propose
    from pipeline.scaffold.given import Given, as_options

    given = Given(
        format=fmt,
        encoding=encoding,
        delimiter="\t" if delimiter in _TABS else delimiter,
        header=header,
        skip_lines=skip_lines,
        sheet=sheet,
    )
    try:
        return propose(data, label, name=name, task=task, given=given)
    except UserError as error:
        raise UserError(
            error.message,
            field=error.field,
            expected=error.expected,
            received=error.received,
            hint=as_options(error.hint),
        ) from error

"""What a prediction is asked for, and what is known of it before TensorFlow is imported."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.loader import LoadedConfig
from pipeline.operate.predict.source import Source, find_source
from pipeline.operate.predict.target import OutputFormat, Target, check_target, find_target
from preprocessing.errors import UserError

QUERY = "--query"
"""What stands for the file of a query's rows in messages and bad rows."""


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
      place: the input, a file, folder or glob; None for a query.
      query: on the database of `data.sql`; None for files.
      output: a file or folder.
      format: of the output; None takes it from the name.
      keep: the columns to keep, with commas between them; None keeps all.
      version: None is the one that is served.
      overwrite: whether predictions that are there are replaced.
    """

    place: str | None
    query: str | None
    output: str
    format: OutputFormat | None = None
    keep: str | None = None
    version: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Checked:
    """A request whose places are sound.

    Attributes:
      request: what is asked for.
      target: what is to be written.
      source: what is to be read; None for a query.
    """

    request: Request
    target: Target
    source: Source | None


def checked(loaded: LoadedConfig, request: Request) -> Checked:
    """Looks at input and output, as far as that takes no reading.

    Args:
      loaded: the configuration.
      request: what is asked for.

    Raises:
      UserError: there is no input, or the output can't be written.
    """
    if request.query is not None and loaded.config.data.sql is None:
        raise UserError(
            f"{QUERY} needs data.sql in the configuration, which says where the database is",
            hint="give a file, folder or glob as --input",
        )
    target = find_target(request.output, request.format)
    source = None if request.place is None else find_source(request.place, loaded.config.data)
    check_target(target, source.files if source else (), request.place or "", overwrite=request.overwrite)
    return Checked(request, target, source)

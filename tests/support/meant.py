"""Rows as every reader of a table gives them, made from rows as they are written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from components.example_gen.block import Block, Rows
from components.example_gen.formats.as_meant import AsMeant, MissingIsNull
from preprocessing.missing import MissingWords


@dataclass(frozen=True)
class Given:
    """A reader of rows that are given."""

    rows: Rows

    def columns(self, file: str) -> list[str]:  # noqa: ARG002
        return list(self.rows.batch.schema.names)

    def plan(self, file: str) -> Iterator[Block]:
        yield Block(file, 0, 0, -1, 1)

    def read(self, block: Block, types: Any = None) -> Iterator[Rows]:  # noqa: ARG002
        yield self.rows


def meant(rows: Rows, words: tuple[str, ...] | None) -> Rows:
    """The rows with what is missing as null; `words` are the table's, None for a format with types of its own."""
    given = replace(rows, untyped=words is not None)
    reader = AsMeant(Given(given), (MissingIsNull(MissingWords(table=words or ())),))
    (block,) = reader.plan("t.x")
    (read,) = reader.read(block)
    return read

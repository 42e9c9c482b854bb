"""Edits a schema's text block by block, so that comments, order and layout of everything else stay as they are."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.artifacts.schema import SCHEMA_FILE

Block: TypeAlias = schema_pb2.Feature | schema_pb2.StringDomain
Key = tuple[str, str]
"""The field of the schema (`feature`, `string_domain`) and the name."""


@dataclass(frozen=True)
class _Piece:
    """A part of the text.

    Attributes:
      lead: white space and comments before it.
      text: the field itself.
      key: which one it is; None for fields without a name.
    """

    lead: str
    text: str
    key: Key | None


def rewrite(text: str, changes: Mapping[Key, Block | None]) -> str:
    """The text with some blocks replaced, added or removed.

    A replaced block keeps the comment above it, and loses those inside it. A removed one takes the comment above it
    along. New features stand after the last feature, new domains after the last domain.

    Args:
      text: a schema in protobuf's text format.
      changes: the new block of each; None removes it.

    Raises:
      google.protobuf.text_format.ParseError: the text is not a schema.
    """
    pieces = list(_pieces(text))
    seen = {piece.key for piece in pieces}
    if any(key not in seen for key in _keys(text) & changes.keys()):
        # It stands in a list, `feature: [{...}, {...}]`: its layout can't be kept.
        return rewrite(text_format.MessageToString(text_format.Parse(text, schema_pb2.Schema()), as_utf8=True), changes)
    result: list[_Piece] = []
    removed = False
    for piece in pieces:
        # What separated a removed field from the next one goes along.
        lead = re.sub(r"^\s*[,;]", "", piece.lead) if removed else piece.lead
        removed = False
        if piece.key is None or piece.key not in changes:
            result.append(_Piece(lead, piece.text, piece.key))
        elif (block := changes[piece.key]) is not None:
            result.append(_Piece(lead, render(piece.key[0], block), piece.key))
        else:
            removed = True
    for key, block in changes.items():
        if key not in seen and block is not None:
            last = max((i for i, piece in enumerate(result) if piece.key and piece.key[0] == key[0]), default=None)
            fields = len([piece for piece in result if piece.text])
            place = last + 1 if last is not None else fields or len(result)
            result.insert(place, _Piece("\n" if fields else "", render(key[0], block), key))
    return "".join(piece.lead + piece.text for piece in result).rstrip("\n") + "\n"


def render(field: str, block: Block) -> str:
    """One block as text, without a newline at its end."""
    body = text_format.MessageToString(block, indent=2, use_short_repeated_primitives=False)
    return f"{field} {{\n{body}}}"


def diff(before: str, after: str) -> str:
    """A unified diff, as `patch` reads it."""
    return "".join(
        difflib.unified_diff(before.splitlines(True), after.splitlines(True), SCHEMA_FILE, f"{SCHEMA_FILE} (proposed)")
    )


def _pieces(text: str) -> Iterator[_Piece]:
    """Top-level fields with what stands before each; the last piece holds what follows the last field."""
    position = 0
    while True:
        start = _skip_blank(text, position)
        if start == len(text):
            yield _Piece(text[position:], "", None)
            return
        end = _field_end(text, start)
        body = text[start:end]
        yield _Piece(text[position:start], body, _key(body))
        position = end


def _skip_blank(text: str, position: int) -> int:
    while position < len(text):
        if text[position] == "#":
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline
        elif text[position].isspace() or text[position] in ",;":
            position += 1
        else:
            break
    return position


def _field_end(text: str, position: int) -> int:
    """The end of the field that starts here: after its closing brace, or at the end of a scalar's line."""
    depth = 0
    while position < len(text):
        character = text[position]
        if character in "\"'":
            position = _string_end(text, position)
            continue
        if character == "#":
            if depth == 0:
                return position
            position = _skip_blank(text, position)
            continue
        if character in "{<[":
            depth += 1
        elif character in "}>]":
            depth -= 1
            if depth == 0:
                return position + 1
        elif character == "\n" and depth == 0 and not text[position:].lstrip().startswith(("{", "<", ":")):
            return position
        position += 1
    return position


def _string_end(text: str, position: int) -> int:
    quote = text[position]
    position += 1
    while position < len(text) and text[position] != quote:
        position += 2 if text[position] == "\\" else 1
    return position + 1


def _keys(text: str) -> set[Key]:
    """Every feature and domain of a schema."""
    schema = text_format.Parse(text, schema_pb2.Schema())
    return {(field, block.name) for field in ("feature", "string_domain") for block in getattr(schema, field)}


def _key(body: str) -> Key | None:
    parsed = text_format.Parse(body, schema_pb2.Schema())
    for field in ("feature", "string_domain"):
        blocks = getattr(parsed, field)
        if len(blocks) == 1:
            return field, blocks[0].name
    return None

"""A JSON array of objects, read element by element: memory is bounded by a piece, however long the array is."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from components.example_gen.formats.json.rows import Line
from preprocessing.errors import UserError

MAX_ELEMENT_CHARACTERS = 256 << 20
_READ_BYTES = 1 << 20
_BLANK = re.compile(r"[ \t\r\n]*")
_BREAKS = str.maketrans("\r\n", "  ")
_CUT = 16
"""An error so close to the end of what was read may come from the cut alone."""
_HINT = 'write the table again as [{"name": value, ...}, ...], or as JSON Lines, where a broken row costs no other'


def elements(raw: BinaryIO, file: str, piece_bytes: int) -> Iterator[list[Line]]:
    """The elements of the array, each as its line and its text on one line, in lists of about `piece_bytes`.

    Args:
      raw: read from where the array begins, or the blanks before it.
      file: where it stands.
      piece_bytes: the bound.

    Raises:
      UserError: this is not one JSON array in UTF-8, or it is cut short.
    """
    waiting: list[Line] = []
    size = 0
    for line, text in _Array(raw, file).elements():
        if waiting and size + len(text) > piece_bytes:
            yield waiting
            waiting, size = [], 0
        waiting.append((line, text))
        size += len(text)
    if waiting:
        yield waiting


class _Array:
    """The text of an array as far as it was read."""

    def __init__(self, raw: BinaryIO, file: str) -> None:
        self._raw, self._file = raw, file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._parser = json.JSONDecoder()
        self._text, self._at, self._line, self._ended = "", 0, 1, False

    def elements(self) -> Iterator[Line]:
        """Every element with the line that it begins on."""
        self._expect("[")
        if self._next() == "]":
            self._finish()
            return
        while True:
            self._next()
            line = self._line
            yield line, self._element().translate(_BREAKS).encode("utf-8", "surrogatepass")
            if self._expect(",]") == "]":
                self._finish()
                return

    def _finish(self) -> None:
        self._at += 1
        if self._next():
            raise self._wrong("expected nothing behind the end of the array")

    def _expect(self, marks: str) -> str:
        found = self._next()
        if not found or found not in marks:
            raise self._wrong(f"expected {' or '.join(marks)}")
        if found != "]":
            self._at += 1
        return found

    def _next(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            end = blank.end() if blank else self._at
            self._line += self._text.count("\n", self._at, end)
            self._at = end
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._read()

    def _element(self) -> str:
        while True:
            try:
                _, end = self._parser.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _CUT
                if self._ended and (error.pos >= len(self._text) or error.msg.startswith("Unterminated")):
                    raise self._wrong("the file ends within an element") from error
                if self._ended or not is_cut:
                    self._line += self._text.count("\n", self._at, error.pos)
                    raise self._wrong(f"invalid JSON: {error.msg}") from error
            except RecursionError as error:
                raise self._wrong("the element is nested too deeply") from error
            else:
                if end < len(self._text) or self._ended:  # else a number may go on
                    element = self._text[self._at : end]
                    self._line += element.count("\n")
                    self._at = end
                    return element
            if len(self._text) - self._at > MAX_ELEMENT_CHARACTERS:
                raise self._wrong(f"an element of more than {MAX_ELEMENT_CHARACTERS >> 20} MiB")
            self._read()

    def _read(self) -> None:
        data = self._raw.read(max(_READ_BYTES, len(self._text) - self._at))
        self._ended = not data
        try:
            text = self._decoder.decode(data, self._ended)
        except UnicodeDecodeError as error:
            raise self._wrong(f"a byte is not utf-8 text ({error.reason})") from error
        self._text, self._at = self._text[self._at :] + text, 0

    def _wrong(self, reason: str) -> UserError:
        return UserError(f"{self._file}, line {self._line}: {reason}", hint=_HINT)

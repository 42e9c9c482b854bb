"""The text of a CSV file: its encoding, and pieces of it that end where a row ends."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

from components.example_gen.config import CsvOptions
from components.example_gen.formats import io
from components.example_gen.formats.content import HEAD_BYTES, content
from components.example_gen.formats.csv.rows import count_lines, last_row_end, line_end, unclosed
from preprocessing.errors import UserError

MAX_ROW_BYTES = 256 << 20
"""A quoted text that is longer is taken for one that is never closed. Bounds memory where a mark is missing."""
_READ_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MARKED = "lockgate-mark-undecodable"


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    """Every byte that is not text becomes a lone surrogate, which is not text in UTF-8 either, so its row is found."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_MARKED, _mark_undecodable)


@dataclass(frozen=True)
class Piece:
    """A piece of text with whole rows.

    Attributes:
      start: where they begin in the text.
      first: the line that they begin on.
      data: the text.
      broken: quoted text that begins on its last line does not end in the file.
    """

    start: int
    first: int
    data: bytes
    broken: bool = False


def codec(csv: CsvOptions) -> str:
    """Python's name of the configured encoding.

    Raises:
      UserError: Python knows no such encoding of text.
    """
    try:
        b"a".decode(csv.encoding, "replace")  # refuses codecs that are no encodings of text, such as base64
        name = codecs.lookup(csv.encoding).name
    except LookupError as error:
        raise UserError(
            "unknown encoding",
            field=("data", "csv", "encoding"),
            received=csv.encoding,
            hint="for example utf-8, latin-1, cp1252, utf-16",
        ) from error
    return "utf-8" if name == "utf-8-sig" else name


@cache
def is_ascii_based(name: str) -> bool:
    """Whether a byte below 128 always is that ASCII character, so that rows can be told apart before decoding."""
    plain = bytes(range(128))
    return plain.decode(name, "replace") == plain.decode("ascii") and all(
        (bytes([byte]) + b"A").decode(name, "replace")[1:] == "A" for byte in range(256)
    )


def is_divisible(file: str, csv: CsvOptions) -> bool:
    """Whether the file can be read from the middle."""
    return io.compression(file) is None and is_ascii_based(codec(csv))


def as_utf8(data: bytes, name: str) -> bytes:
    """A piece as UTF-8; what is not text stays so. Text of other encodings was converted as it was read."""
    if name == "utf-8" or not is_ascii_based(name):
        return data
    return data.decode(name, "surrogateescape").encode("utf-8", "surrogatepass")


def as_stored(data: bytes, name: str) -> bytes:
    """The inverse of `as_utf8`."""
    if name == "utf-8" or not is_ascii_based(name):
        return data
    return data.decode("utf-8", "surrogatepass").encode(name, "surrogateescape")


def stored_byte(data: bytes, position: int, name: str) -> int:
    """The byte that is not text, of which `position` in the UTF-8 text is the first trace."""
    if name == "utf-8":
        return data[position]
    return ord(data[position : position + 3].decode("utf-8", "surrogatepass")) - 0xDC00


class TextSource:
    """The bytes of a CSV file from its start, without a byte order mark.

    In an ASCII-based encoding they are as they stand in the (unpacked) file, in any other they are UTF-8.
    """

    def __init__(self, file: str, csv: CsvOptions) -> None:
        self.file = file
        name = codec(csv)
        self._decoder = None if is_ascii_based(name) else codecs.getincrementaldecoder(name)(_MARKED)
        self._waiting = b""
        self._ended = False
        self._raw = io.open_bytes(file)
        try:
            self.start = self._skip_mark(csv)
        except UserError:
            self._raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end alone."""
        data = self._fill(size)[:size]
        self._waiting = self._waiting[size:]
        return data

    def unread(self, data: bytes) -> None:
        """Gives back what was read too far."""
        self._waiting = data + self._waiting

    def _skip_mark(self, csv: CsvOptions) -> int:
        head = self._fill(HEAD_BYTES)
        if (other := content(head)) is not None:
            raise UserError(f"{self.file}: this is {other.what}, not CSV", hint=other.hint)
        if self._decoder is None and head[:2] in _UTF16_MARKS:
            raise UserError(
                f"{self.file}: the file is utf-16, not {csv.encoding}", hint="set data.csv.encoding to utf-16"
            )
        is_utf8 = self._decoder is not None or codec(csv) == "utf-8"
        skipped = len(_BOM) if is_utf8 and head.startswith(_BOM) else 0
        self._waiting = head[skipped:]
        return skipped

    def _fill(self, size: int) -> bytes:
        parts, held = [self._waiting], len(self._waiting)
        while held < size and not self._ended:
            raw = self._raw.read(size - held if self._decoder is None else _READ_BYTES)
            self._ended = not raw
            text = raw if self._decoder is None else self._decoder.decode(raw, self._ended)
            parts.append(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
            held += len(parts[-1])
        self._waiting = b"".join(parts) if len(parts) > 1 else self._waiting
        return self._waiting


def pieces(source: TextSource, csv: CsvOptions, block_bytes: int, start: int, first: int) -> Iterator[Piece]:
    """The rest of a source in pieces of at most `block_bytes`; a longer row makes one of up to twice its length.

    Quoted text that is never closed would swallow the rest of the file: its piece ends with the line on which it
    begins, and reading goes on behind that line.

    Args:
      source: read up to `start`.
      csv: how text is divided into cells.
      block_bytes: the bound.
      start: the position that the next byte has.
      first: the line that it stands on.

    Raises:
      UserError: there is no line break within `MAX_ROW_BYTES`.
    """
    pending = b""
    while True:
        wanted = max(block_bytes - len(pending), len(pending))
        chunk = source.read(wanted)
        data, ended = pending + chunk, len(chunk) < wanted
        cut = len(data) if ended else last_row_end(data, csv.quote, csv.separator)
        broken = False
        if ended or (not cut and len(data) >= MAX_ROW_BYTES):
            opening = unclosed(data, csv.quote, csv.separator)
            broken = opening is not None
            if opening is not None:
                cut = line_end(data, opening)
            elif not ended:
                raise endless(source.file, first)
        pending = data[cut:]
        if cut:
            piece = data if cut == len(data) else data[:cut]
            yield Piece(start, first, piece, broken)
            start, first = start + cut, first + count_lines(piece)
        if broken:
            source.unread(pending)
            pending = b""
        elif ended:
            return


def endless(file: str, line: int) -> UserError:
    """The error for text without line breaks."""
    return UserError(
        f"{file}, line {line}: no line break within {MAX_ROW_BYTES >> 20} MiB; this is not a CSV file",
        hint="set data.format if the file has another format, or write it again",
    )

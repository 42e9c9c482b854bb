"""Turns rows of CSV text into Arrow columns, and finds the rows that can't be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.example_gen.block import BadRow, FeatureType, Rows
from components.example_gen.columns.convert import EXACT_INTEGERS
from components.example_gen.config import BLANKS, CsvOptions
from components.example_gen.formats.csv.rows import Bounds, bounds, count_lines, single_blanks, unclosed
from components.example_gen.formats.csv.text import Piece, as_stored, as_utf8, codec, stored_byte
from preprocessing.missing import MissingWords, without_missing

if TYPE_CHECKING:
    import pyarrow as pa

_Reason = tuple[str, str]
"""Why a row can't be read, and the next step where that is another than to correct the row."""
_OTHER_ENCODING = "set data.csv.encoding to the one that the file was saved in, for example latin-1 or cp1252"
_NUL: _Reason = (
    "a NUL character; this is not plain text",
    "set data.csv.encoding to utf-16 if the file was saved so, or write the file again",
)


@dataclass(frozen=True)
class CsvFile:
    """The rows of one file.

    Attributes:
      file: where they stand.
      names: the columns.
      csv: how text is divided into cells.
      types: the wanted columns and their types; None for all, as text.
    """

    file: str
    names: tuple[str, ...]
    csv: CsvOptions
    types: Mapping[str, FeatureType] | None

    def rows(self, piece: Piece) -> Rows:
        """The rows of one piece, as `CsvReader.read` describes them."""
        import numpy as np

        text = as_utf8(piece.data, codec(self.csv))
        if self.csv.delimiter == BLANKS:
            text = single_blanks(text, self.csv.quote)
        found, reasons = self._unreadable(text, piece.first)
        good = text
        if found is not None and reasons:
            kept = np.setdiff1d(np.arange(len(found.starts)), list(reasons))
            good = b"".join(text[found.starts[row] : found.ends[row]] for row in kept.tolist())
        batch, ragged = self._parsed(good)
        if not reasons and not ragged and batch.num_rows == _lines(text):  # every line is a row
            places = np.arange(piece.first, piece.first + batch.num_rows, dtype=np.int64)
            return Rows(batch, places, untyped=True)
        found = found or bounds(text, self.csv.quote, self.csv.separator)
        parsed = np.setdiff1d(np.arange(len(found.starts)), list(reasons))
        reasons |= {int(parsed[number - 1]): (reason, "") for number, reason in ragged}
        kept = np.setdiff1d(parsed, list(reasons))
        if len(kept) != batch.num_rows:
            raise RuntimeError(f"{self.file}, line {piece.first}: {len(kept)} rows counted, {batch.num_rows} parsed")
        bad = tuple(self._bad(text, found, row, piece.first, reasons[row]) for row in sorted(reasons))
        return Rows(batch, found.lines[kept] + piece.first, bad, untyped=True)

    def _unreadable(self, text: bytes, first: int) -> tuple[Bounds | None, dict[int, _Reason]]:
        """The rows that Arrow must not see: the bounds of all rows if there are such, and by row the reason."""
        import numpy as np

        nul, valid = b"\0" in text, _is_utf8(text)
        opening = unclosed(text, self.csv.quote, self.csv.separator)
        if not nul and valid and opening is None:
            return None, {}
        found = bounds(text, self.csv.quote, self.csv.separator)
        reasons: dict[int, _Reason] = {}
        if not valid:
            reasons = dict(self._undecodable(text, found))
        if nul:
            places = np.flatnonzero(np.frombuffer(text, np.uint8) == 0)
            rows = np.unique(np.searchsorted(found.ends, places, side="right")).tolist()
            reasons |= {row: _NUL for row in rows if row not in reasons}
        if opening is not None:
            line = first + count_lines(text[:opening])
            reasons.setdefault(
                len(found.starts) - 1,
                (
                    f"a quotation mark that opens on line {line} is never closed",
                    "close it, or write it twice if it is a character of a quoted cell",
                ),
            )
        return found, reasons

    def _undecodable(self, text: bytes, found: Bounds) -> Iterator[tuple[int, _Reason]]:
        view = memoryview(text)
        for row, (start, end) in enumerate(zip(found.starts.tolist(), found.ends.tolist(), strict=True)):
            try:
                str(view[start:end], "utf-8")
            except UnicodeDecodeError as error:
                byte = stored_byte(text, start + error.start, codec(self.csv))
                reason = f"the byte 0x{byte:02x} is not {self.csv.encoding} text"
                yield row, (reason, _OTHER_ENCODING)

    def _bad(self, text: bytes, found: Bounds, row: int, first: int, reason: _Reason) -> BadRow:
        line = text[found.starts[row] : found.ends[row]].rstrip(b"\r\n")
        why, hint = reason
        return BadRow(self.file, first + int(found.lines[row]), why, as_stored(line, codec(self.csv)), hint)

    def _parsed(self, text: bytes) -> tuple[pa.RecordBatch, list[tuple[int, str]]]:
        """The well-formed rows, and the numbers (from 1, blank lines left out) of the others with the reason."""
        import pyarrow as pa

        if self.types:
            # Arrow's own integers may have leading zeros and hexadecimal digits. So they are read as text first,
            # which takes no longer.
            plan = {name: pa.float64() if kind == "double" else pa.string() for name, kind in self.types.items()}
            try:
                batch, ragged = self._parsed_as(text, plan, [*self.csv.null_values, ""])
                return _with_integers(batch, self.types, MissingWords(table=self.csv.null_values)), ragged
            except pa.ArrowInvalid:
                pass  # some cell does not fit; who asked for the types finds out which
        return self._parsed_as(text, dict.fromkeys(self.types or self.names, pa.string()), [])

    def _parsed_as(
        self, text: bytes, types: Mapping[str, pa.DataType], nulls: list[str]
    ) -> tuple[pa.RecordBatch, list[tuple[int, str]]]:
        import pyarrow as pa
        import pyarrow.csv as pa_csv

        ragged: list[tuple[int, str]] = []

        def skip(row: Any) -> str:
            first = "the header" if self.csv.header else "the first row"
            reason = f"expected {row.expected_columns} cells as in {first}, received {row.actual_columns}; a cell "
            reason += (
                f"that contains {self.csv.separator!r} must be enclosed between {self.csv.quote} and {self.csv.quote}"
            )
            ragged.append((row.number, reason))
            return "skip"

        if text[:1] in (b"", b"\n", b"\r") and not text.strip(b"\r\n"):
            return pa.RecordBatch.from_arrays([pa.array([], kind) for kind in types.values()], list(types)), []
        table = pa_csv.read_csv(
            pa.py_buffer(text),
            # One Arrow block: its own division into blocks would cost time, and rows their numbers.
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=self.names),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.csv.separator,
                quote_char=self.csv.quote,
                newlines_in_values=True,
                invalid_row_handler=skip,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types) if self.types else None,
                null_values=nulls,
                strings_can_be_null=False,
                true_values=[],
                false_values=[],
                check_utf8=False,  # it is UTF-8: `_unreadable` has looked
            ),
        )
        columns = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns]
        return pa.RecordBatch.from_arrays(columns, names=table.column_names), ragged


def _with_integers(batch: pa.RecordBatch, types: Mapping[str, FeatureType], missing: MissingWords) -> pa.RecordBatch:
    """The batch with the columns of type "int64" converted.

    Raises:
      pyarrow.ArrowInvalid: a cell is not an integer in plain decimal form, or does not fit into 64 bits; or a float is
        so large that it may have lost digits, which who asked for it counts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in batch.columns:
        if pa.types.is_floating(column.type):
            ends = pc.min_max(column).as_py()
            if max(-(ends["min"] or 0.0), ends["max"] or 0.0) >= EXACT_INTEGERS:
                raise pa.ArrowInvalid("digits beyond those of a float")

    columns = [
        _integers(without_missing(column, missing.of(name))) if types[name] == "int64" else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _integers(cells: pa.Array) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    _, offsets, data = cells.buffers()
    if len(cells) and data is not None and data.size:
        edges = np.frombuffer(offsets, np.int32)[cells.offset : cells.offset + len(cells) + 1]
        lengths = np.diff(edges)
        text = np.frombuffer(data, np.uint8)
        digit = edges[:-1] + (text[np.minimum(edges[:-1], len(text) - 1)] == ord("-"))
        zero = text[np.minimum(digit, len(text) - 1)] == ord("0")
        if (zero & (edges[1:] - digit > 1) & (lengths > 1)).any():
            raise pa.ArrowInvalid("leading zeros")
    return cells.cast(pa.int64())


def _is_utf8(text: bytes) -> bool:
    import numpy as np
    import pyarrow as pa

    if text.isascii():
        return True
    whole = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, len(text)], np.int64)), pa.py_buffer(text))
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _lines(text: bytes) -> int:
    return count_lines(text) + (not text.endswith((b"\n", b"\r")) and bool(text))

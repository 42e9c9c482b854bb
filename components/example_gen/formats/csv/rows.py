"""Where the rows and lines of CSV text begin and end, found in its bytes without splitting them into cells.

The rules are those of Arrow's parser, which reads the cells afterwards: a quotation mark is special at the start of
a cell only; inside quotes a doubled one is a character; what follows a closing one is plain text. A row ends at a
line break (`\\n`, `\\r\\n` or a lone `\\r`) outside quotes. All functions take bytes that begin where a row begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Positions = npt.NDArray[np.int64]

_LF, _CR = 10, 13
_BREAKS = (_LF, _CR)


@dataclass(frozen=True)
class Bounds:
    """The rows of some text, blank lines left out.

    Attributes:
      starts: int64 of shape [rows]: where each begins.
      ends: int64 of shape [rows]: where each ends, exclusive, line break included.
      lines: int64 of shape [rows]: the line that each begins on, counted from 0.
    """

    starts: Positions
    ends: Positions
    lines: Positions


def toggles(data: bytes, quote: str, delimiter: str) -> Positions:
    """The positions of the quotation marks that begin or end quoted text, in turn; int64.

    A doubled one counts as an end and a begin. An odd number means that the last quoted text is not closed.
    """
    import numpy as np

    if quote.encode() not in data:
        return np.empty(0, np.int64)
    text = np.frombuffer(data, np.uint8)
    marks = np.flatnonzero(text == ord(quote))
    opening = marks[::2]
    begins_cell = _begins_cell(text, opening, delimiter)
    doubled = np.zeros(len(opening), bool)
    doubled[1:] = opening[1:] == marks[1::2][: len(opening) - 1] + 1
    # With every opening mark at the start of a cell, counting odd and even is exact. Otherwise one of them is a
    # character, as in `5" pipe`, and each has to be looked at.
    if (begins_cell | doubled).all():
        return marks
    return np.array(_in_turn(marks.tolist(), _begins_cell(text, marks, delimiter).tolist()), np.int64)


def unclosed(data: bytes, quote: str, delimiter: str) -> int | None:
    """Where the quoted text begins that does not end in `data`; None when all ends."""
    marks = toggles(data, quote, delimiter)
    if len(marks) % 2 == 0:
        return None
    last = len(marks) - 1
    while last > 0 and marks[last] == marks[last - 1] + 1:  # an end and a begin: a doubled mark
        last -= 2
    return int(marks[last])


def last_row_end(data: bytes, quote: str, delimiter: str) -> int:
    """Where the last whole row ends, exclusive; 0 when there is none. More text may follow `data`."""
    marks = toggles(data, quote, delimiter)
    left = len(marks)
    stop = len(data) - data.endswith(b"\r")  # its \n may follow
    if left % 2:
        left -= 1
        stop = int(marks[left])
    while True:  # from the back, over the parts outside quotes
        start = int(marks[left - 1]) + 1 if left else 0
        line_feed = data.rfind(b"\n", start, stop)
        end = 1 + max(line_feed, data.rfind(b"\r", max(line_feed, start), stop))
        if end or not left:
            return end
        left -= 2
        stop = int(marks[left])


def line_end(data: bytes, position: int) -> int:
    """Where the line ends that holds `position`, exclusive, line break included."""
    line_feed = data.find(b"\n", position)
    stop = len(data) if line_feed < 0 else line_feed + 1
    carriage = data.find(b"\r", position, stop)
    return stop if carriage < 0 or carriage + 2 == stop == line_feed + 1 else carriage + 1


def count_lines(data: bytes) -> int:
    """The number of line breaks, inside quotes too; `\\r\\n` is one."""
    lines = data.count(b"\n")
    if b"\r" in data:
        lines += data.count(b"\r") - data.count(b"\r\n")
    return lines


def bounds(data: bytes, quote: str, delimiter: str, *, final: bool = True) -> Bounds:
    """The rows of `data`. What follows the last line break is a row too when `final`."""
    import numpy as np

    text = np.frombuffer(data, np.uint8)
    breaks = np.flatnonzero(text == _LF)
    if b"\r" in data:
        carriage = np.flatnonzero(text == _CR)
        followed = carriage + 1 < len(data)
        lone = text[np.minimum(carriage + 1, len(data) - 1)] != _LF
        breaks = np.sort(np.concatenate([breaks, carriage[np.where(followed, lone, final)]]))
    marks = toggles(data, quote, delimiter)
    outside = np.flatnonzero(np.searchsorted(marks, breaks) % 2 == 0)
    ends = breaks[outside] + 1
    starts, lines = np.concatenate([[0], ends]), np.concatenate([[0], outside + 1])
    if final and len(data) > starts[-1]:
        ends = np.append(ends, len(data))
    starts, lines = starts[: len(ends)], lines[: len(ends)]
    filled = ~np.isin(text[starts], (_LF, _CR))
    return Bounds(starts[filled], ends[filled], lines[filled])


def single_blanks(data: bytes, quote: str) -> bytes:
    """Text whose cells are separated by blanks and tabs, with one blank between them; the lines stay."""
    mark = re.escape(quote.encode())
    quoted = rb"(?<![^ \t\r\n])%b(?:[^%b]|%b%b)*%b" % (mark, mark, mark, mark, mark)
    blanks = re.compile(rb"(%b)|[ \t]+" % quoted)

    def single(found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            return found[1]
        start, end = found.span()
        return b"" if start == 0 or end == len(data) or data[start - 1] in _BREAKS or data[end] in _BREAKS else b" "

    return blanks.sub(single, data)


def _begins_cell(text: npt.NDArray[np.uint8], positions: Positions, delimiter: str) -> npt.NDArray[np.bool_]:
    before = text[positions - 1]
    found = (before == ord(delimiter)) | (before == _LF) | (before == _CR)
    if len(positions) and positions[0] == 0:
        found[0] = True
    return found


def _in_turn(marks: list[int], begins_cell: list[bool]) -> list[int]:
    found, position, count = [], 0, len(marks)
    while position < count:
        if begins_cell[position]:
            found.append(marks[position])
            position += 1
            while position + 1 < count and marks[position + 1] == marks[position] + 1:
                position += 2
            found += marks[position : position + 1]
        position += 1
    return found

"""Text for people: short, on one line, and with nothing in it that a terminal would obey.

Names, values and messages come from data, models and servers, so they may be long, of many lines, or hostile. This
module imports nothing of ours and lies in preprocessing/ because every other folder may import that.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_CUT = "..."
# Also without a scheme, as in user:password@registry/image; not registry:NAME@ALIAS.
_PASSWORD = re.compile(r"(//[^/@\s:\"]*:)[^/@\s\"]+@|([^/@\s:\"]*:)[^/@\s\"]+@(?!sha256:)(?=[^\s\"]*[/.]|[^\s\"]*:)")
"""A password in a URL, and what stands before it."""


def shortened(text: str, most: int) -> str:
    """The text in at most `most` characters; what was cut off the end is replaced by three dots.

    >>> shortened("abcdefgh", 6), shortened("abcdefgh", 2)
    ('abc...', '..')
    """
    return text if len(text) <= most else text[: max(0, most - len(_CUT))] + _CUT[:most]


def one_line(text: object, most: int | None = None) -> str:
    r"""The text without line breaks and tabs, and shortened to `most` characters where a length is given.

    Spaces inside a line are kept: two values may differ in nothing else.

    >>> one_line("no such file:\n\t'a  b'\n")
    "no such file: 'a  b'"
    """
    line = " ".join(filter(None, (part.strip() for part in str(text).replace("\t", "\n").splitlines())))
    return line if most is None else shortened(line, most)


def first_line(error: BaseException) -> str:
    """The first line of an error's message that is not blank, or the error's type where it has no message.

    >>> first_line(ValueError("no number" + chr(10) + "in line 3")), first_line(MemoryError())
    ('no number', 'MemoryError')
    """
    return _message(error) or type(error).__name__


def named(error: BaseException) -> str:
    """The error's type, and the first line of its message where it has one.

    >>> named(ValueError("no number" + chr(10) + "in line 3")), named(MemoryError())
    ('ValueError: no number', 'MemoryError')
    """
    message = _message(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _message(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "")


def printable(text: str, keep: str = "") -> str:
    r"""The text with everything escaped that does not print: control characters, changes of direction, surrogates.

    Args:
      text: any text.
      keep: characters to leave as they are, such as a line break.

    >>> printable("\x1b[2J")
    '\\x1b[2J'
    """
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def without_passwords(text: str) -> str:
    """The text with three asterisks in place of the password of every URL in it.

    >>> without_passwords("postgresql://me:secret@host/db")
    'postgresql://me:***@host/db'
    """
    return _PASSWORD.sub(r"\1\2***@", text)


def decoded(value: bytes) -> str:
    r"""Bytes as UTF-8; those that are not UTF-8 are written with backslashes.

    >>> decoded(b"caf\xc3\xa9 \xff")
    'café \\xff'
    """
    return value.decode("utf-8", "backslashreplace")


def quoted(value: str, most: int = 60) -> str:
    """A value of the data in quotation marks, on one line; of a long one the beginning and its length.

    >>> quoted("a'b"), quoted("abcdefgh", most=3)
    ('"a\\'b"', "'abc'... (8 characters)")
    """
    return repr(value) if len(value) <= most else f"{value[:most]!r}{_CUT} ({len(value):,} characters)"


def listed(items: Sequence[_T], most: int = 30, form: Callable[[_T], str] = str) -> str:
    """The first items in one line, and how many more there are.

    Args:
      items: names or values.
      most: how many of them are written out.
      form: how one of them is written.

    >>> listed("abcde", 3), listed("abc", 3), listed(["a b", "c"], form=repr)
    ('a, b, c and 2 more', 'a, b, c', "'a b', 'c'")
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(form, items[:most])) + more


def sentences(items: Sequence[_T], most: int, form: Callable[[_T], str] = str) -> str:
    """The first of several statements in one line, and how many more there are.

    Args:
      items: statements, or what they are about.
      most: how many of them are written out.
      form: how one of them is written.

    >>> sentences(["x is 3", "y is missing", "z is text"], 2)
    'x is 3; y is missing (and 1 more)'
    """
    more = f" (and {len(items) - most} more)" if len(items) > most else ""
    return "; ".join(map(form, items[:most])) + more


def either(names: Iterable[str]) -> str:
    """The alternatives as a sentence has them.

    >>> either(["csv", "json", "parquet"]), either(["csv"])
    ('csv, json or parquet', 'csv')
    """
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def counted(number: int, noun: str) -> str:
    """A number with its noun, which takes an s in the plural.

    >>> counted(1, "row"), counted(1200, "row"), counted(0, "row")
    ('1 row', '1,200 rows', '0 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

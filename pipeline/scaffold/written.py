"""Finds out how a column's numbers are written: decimal mark, thousands, unit, and words among them. Pure rules."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from components.example_gen.columns.written_numbers import BLANKS
from preprocessing.text import counted, listed, quoted

_CODES = frozenset(
    {"USD", "EUR", "GBP", "CHF", "JPY", "INR", "CNY", "AUD", "CAD", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF", "RUB"}
    | {"BRL", "ZAR", "MXN", "TRY", "KRW", "SGD", "HKD", "NZD", "Rs", "Rs.", "kr", "Kr", "kr.", "Fr.", "RM", "Rp"}
)
"""What may stand before a number as its currency, beside the symbols: other words there make names, as in `Room 12`."""
_FACTORS = {
    **dict.fromkeys(("k", "K", "Tsd", "Tsd.", "thousand"), 1e3),
    **dict.fromkeys(("m", "M", "mn", "Mn", "mio", "Mio", "Mio.", "million", "Million"), 1e6),
    **dict.fromkeys(("b", "B", "bn", "Bn", "Mrd", "Mrd.", "billion", "Billion"), 1e9),
    **dict.fromkeys(("Lac", "lac", "Lakh", "lakh"), 1e5),
    **dict.fromkeys(("Cr", "cr", "Crore", "crore"), 1e7),
}
"""Marks behind a number that multiply it."""
_NUMBER = re.compile(
    rf"(?P<before>[^\d.,]*?)(?P<number>\d(?:[\d.,'\u2019{BLANKS}]*\d)?|[.,]\d+)(?P<exponent>[eE][+-]?\d+)?"
    r"(?P<after>\D*|\s*[a-z]*(?:m|ft|mi|in)[23])"
)
CORRECT = "correct such cells, or empty them, to use the column as numbers"
_LOOKED_AT = 200
_LONGEST = 60
_LONGEST_UNIT = 15
_MOST_UNITS = 4
_SIGNS = "+-\u2212"
_MARKS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"))
"""Readings of decimal mark and thousands, the plainest first."""
_LEADING_ZERO = re.compile(r"0\d")
_NO_CENTS = re.compile(r"[.,]([-\u2013]{1,2}|$)")
"""What may stand in place of the digits behind the point: `5.-`, `5,--`."""
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_TELEPHONE = re.compile(r"\d{3}( \d{3}){2,}")
_MIN_NUMBER_SHARE = 0.5
_MOST_SLIPS = 0.1
_MOST_STRAY = 0.2
"""The largest share of the rows that one unknown word among numbers may have and still be proposed as missing."""
_FEW_INTEGERS = 20


class _Parts(NamedTuple):
    number: str
    before: str
    after: str
    plain: bool


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written.

    Attributes:
      options: fields of `data.columns.COLUMN`, without the words for missing; empty for plain numbers.
      words: the words among the numbers that mean missing, with their rows.
      seen: what was seen, for a comment.
      fractions: whether some of them are not whole.
      doubt: what could be meant otherwise; "" for nothing.
    """

    options: Mapping[str, Any]
    words: Mapping[str, int]
    seen: str
    fractions: bool
    doubt: str = ""


@dataclass(frozen=True)
class Unclear:
    """Why texts that look like numbers are not read as such, and what to do about it."""

    reason: str
    hint: str


def how_written(
    counts: Counter[str], null_words: Collection[str], decimal: str | None = None
) -> Written | Unclear | None:
    """How the numbers of one column are written; None where its texts are not numbers, or plain ones only.

    Args:
      counts: rows by value, the missing ones left out.
      null_words: words that are known to mean missing, in lower case.
      decimal: the decimal mark, where it is known; numbers that can't have it are read as they are written.
    """
    first = list(itertools.islice(counts, _LOOKED_AT))
    if sum(_parts(value) is not None for value in first) < _MIN_NUMBER_SHARE * len(first):
        return None  # texts, of which there may be many
    parsed = {value: _parts(value) for value in counts}
    numbers = {value: parts for value, parts in parsed.items() if parts is not None}
    others = {value: rows for value, rows in counts.items() if parsed[value] is None}
    rows = sum(counts.values())
    if len(numbers) < 2 or sum(others.values()) > (1 - _MIN_NUMBER_SHARE) * rows:
        return None
    if any(_LEADING_ZERO.match(parts.number) for parts in numbers.values()):
        return None  # codes
    slips = [value for value in others if re.search(r"\d", value)]
    if len(slips) > _MOST_SLIPS * len(counts) or sum(others[value] for value in slips) > _MOST_SLIPS * rows:
        return None
    marks = _marks({parts.number: counts[value] for value, parts in numbers.items()}, decimal)
    if marks is None:
        return None
    units = _units({value: (parts, counts[value]) for value, parts in numbers.items()})
    if not isinstance(units, _Units):
        return units
    options = units.options | marks.options
    if not options and any(not parts.plain for parts in numbers.values()):
        options = {"decimal": "."}
    if slips:
        return Unclear(
            f"numbers, but also {quoted(slips[0])} ({counted(sum(others[value] for value in slips), 'row')} with such)",
            CORRECT,
        )
    unclear = _not_missing(others, null_words, rows, numbers, is_plain=not options)
    if unclear is not None:
        return unclear
    if not options and not others:
        return None
    # The one with the most around its digits shows what the options are for.
    example = max(numbers, key=lambda value: sum(not c.isdigit() for c in value))
    seen = f"numbers written as {quoted(example)}" if options else "numbers"
    fractions = any(options.get("decimal", ".") in parts.number for parts in numbers.values())
    return Written(options, others, seen, fractions, marks.doubt)


def _parts(value: str) -> _Parts | None:
    """A number and what stands around it; None where the value is not a number with a unit, a currency or none."""
    text = value.strip(BLANKS)
    found = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or found["before"].count("(") != found["after"].count(")"):
        return None
    bracketed = "(" in found["before"]
    before, after = found["before"].replace("(", "").strip(BLANKS), found["after"].replace(")", "").strip(BLANKS)
    signs = found["before"].count("(")
    for sign in _SIGNS:
        if before.startswith(sign) or before.endswith(sign):
            before, signs = before.strip(sign + BLANKS), signs + 1
    late = after in tuple(_SIGNS[1:])
    if late:
        after, signs = "", signs + 1
    cents = _NO_CENTS.match(after)
    if cents is not None:
        after = after[cents.end() :].strip(BLANKS)
    if signs > 1 or "(" in after or ")" in before or len(after) > _LONGEST_UNIT or not _is_currency(before):
        return None
    number = found["number"].translate(dict.fromkeys(map(ord, BLANKS), " ") | {0x2019: "'"})
    odd = before or after or bracketed or late or cents or "\u2212" in text or text != value.strip(" \t")
    return _Parts(number, before, after, not odd and re.fullmatch(r"[\d.]+", number) is not None)


def _is_currency(text: str) -> bool:
    return not text or text in _CODES or (len(text) <= 4 and any(unicodedata.category(c) == "Sc" for c in text))


@dataclass(frozen=True)
class _Marks:
    options: dict[str, Any]
    doubt: str = ""


def _marks(numbers: Mapping[str, int], known: str | None) -> _Marks | None:
    """Decimal mark and thousands, by all the numbers; None when no reading takes them all."""
    fitting = [marks for marks in _MARKS if all(_fits(number, *marks) for number in numbers)]
    if not fitting:
        return None
    if all(_ADDRESS.fullmatch(number) or _TELEPHONE.fullmatch(number) for number in numbers):
        return None
    told = [marks for marks in fitting if marks[0] == known]
    if told and not all(number.isdigit() for number in numbers):
        return _Marks(_mark_options(*told[0]))
    if fitting[0] == (".", ""):
        return _points(numbers) if "." in "".join(numbers) and (",", ".") in fitting else _Marks({})
    decimal, thousands = fitting[0]
    doubt = ""
    if (decimal, thousands) == (",", "") and (".", ",") in fitting:
        # A number of four digits that has no comma, in a column that would have one there, tells.
        bare = [number for number in numbers if "," not in number]
        if all(len(number) < 4 for number in bare):
            decimal, thousands = ".", ","
            doubt = "" if bare else "every comma has three digits behind it: it may be a decimal comma, too"
    return _Marks(_mark_options(decimal, thousands), doubt)


def _mark_options(decimal: str, thousands: str) -> dict[str, Any]:
    """The options for two marks; none for plain numbers."""
    options = {"decimal": decimal} if decimal != "." else {}
    return options | ({"thousands": thousands} if thousands else {})


def _points(numbers: Mapping[str, int]) -> _Marks:
    """What points are that have three digits behind them, all of them."""
    if any(number.startswith("0.") or ("." not in number and len(number) > 3) for number in numbers):
        return _Marks({})
    if any("." not in number for number in numbers):
        doubt = "every point has three digits behind it, and no number without one is above 999"
        return _Marks({"decimal": ",", "thousands": "."}, doubt)
    return _Marks({}, "every point has three digits behind it: it may stand for thousands, too")


def _fits(number: str, decimal: str, thousands: str) -> bool:
    mark, point = re.escape(thousands), re.escape(decimal)
    whole = rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{2,3}})*{mark}\d{{3}}|\d+)" if thousands else r"\d+"
    return re.fullmatch(rf"{whole}(?:{point}\d*)?|{point}\d+", number) is not None


@dataclass(frozen=True)
class _Units:
    options: dict[str, Any]


def _units(numbers: Mapping[str, tuple[_Parts, int]]) -> _Units | Unclear | None:
    """The one unit of all numbers, and what multiplies them; None where the texts around them make names of them."""
    factors = _factors([parts for parts, _ in numbers.values()])
    written: dict[tuple[str, ...], Counter[str]] = {}
    bare = 0
    for parts, rows in numbers.values():
        after = parts.after
        for mark in factors:
            if after == mark or after.startswith(f"{mark} "):
                after = after.removeprefix(mark).strip(BLANKS)
        texts = [text for text in (parts.before, after) if text]
        if texts:
            written.setdefault(tuple(sorted(map(_same_unit, texts))), Counter()).update(dict.fromkeys(texts, rows))
        elif float(re.sub(r"[^\d]", "", parts.number) or 0):
            bare += rows
    if len(written) > _MOST_UNITS or (len(written) > 1 and all(_is_letter(unit) for unit in written)):
        return None  # codes: 12A and 14C, 1st and 2nd
    most = sum(max(texts.values()) for texts in written.values())
    if (
        len(written) > 1
        or (written and bare > most)
        or (bare and any("%" in text for unit in written for text in unit))
    ):
        kinds = [
            f"{' and '.join(map(repr, texts))} ({counted(max(texts.values()), 'row')})" for texts in written.values()
        ]
        kinds += [f"none ({counted(bare, 'row')})"] if bare else []
        return Unclear(
            f"numbers with more than one unit: {listed(kinds, 4)}",
            "give each its factor in data.columns.COLUMN.multipliers, or write them in one unit",
        )
    units = sorted({text for texts in written.values() for text in texts})
    return _Units(({"units": units} if units else {}) | ({"multipliers": factors} if factors else {}))


def _is_letter(unit: tuple[str, ...]) -> bool:
    return unit in {("st",), ("nd",), ("rd",), ("th",)} or (len(unit) == 1 and len(unit[0]) == 1 and unit[0].isalpha())


def _same_unit(text: str) -> str:
    """The unit without what only its spelling differs by: case, a final point, the s of the plural."""
    text = text.casefold().rstrip(".")
    return text.removesuffix("s") if len(text) > 2 else text


def _factors(numbers: Iterable[_Parts]) -> dict[str, float]:
    """The marks that multiply: some of several, or such as stand beside a currency. A single one is a unit."""
    marks = set[str]()
    currency = False
    for parts in numbers:
        mark, _, rest = parts.after.partition(" ")
        if mark in _FACTORS:
            marks.add(mark)
            currency = currency or bool(parts.before or rest)
        elif parts.after and not parts.before:
            return {}
        else:
            marks.add("")
    found = {mark: _FACTORS[mark] for mark in sorted(marks) if mark}
    if set(found) <= {"m", "b"} and not currency:
        return {}  # metres, say
    return found if currency or len(marks) > 1 else {}


def _not_missing(
    words: Mapping[str, int], known: Collection[str], rows: int, numbers: Mapping[str, _Parts], *, is_plain: bool
) -> Unclear | None:
    """Why words among numbers may not be taken for missing; None where they may."""
    unknown = {word: count for word, count in words.items() if word.strip(BLANKS).lower() not in known}
    few = is_plain and len(numbers) <= _FEW_INTEGERS and all("." not in parts.number for parts in numbers.values())
    if not unknown or (len(unknown) == 1 and sum(unknown.values()) <= _MOST_STRAY * rows and not few):
        return None
    shown = listed([f"{quoted(word)} ({counted(count, 'row')})" for word, count in unknown.items()], 3)
    return Unclear(
        f"numbers, but also {shown}",
        "name words that mean missing in data.columns.COLUMN.null_values to use the column as numbers",
    )

"""Texts that stand for others, and numbers as people write them: `1.234,50 €` is 1234.50. Pure rules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from components.example_gen.config import ColumnOptions

if TYPE_CHECKING:
    import pyarrow as pa

BLANKS = " \t\u00a0\u2007\u2009\u202f"
"""Blanks that stand between the groups of a number, and between a number and its unit."""
_APOSTROPHES = "'\u2019"
_MINUS = "\u2212-"  # the hyphen last: within brackets of a pattern it would span a range elsewhere
_NO_CENTS = r"[.,][\x{2013}-]{1,2}"
_BLANK = rf"[{BLANKS}]*"


def replaced(cells: pa.StringArray, texts: Mapping[str, str]) -> pa.StringArray:
    """The cells, with some of their texts standing for others; a whole cell is compared."""
    import pyarrow as pa
    import pyarrow.compute as pc

    position = pc.index_in(cells, value_set=pa.array(list(texts), pa.string()))
    return pc.coalesce(pa.array(list(texts.values()), pa.string()).take(position), cells)


def plain_numbers(cells: pa.StringArray, options: ColumnOptions) -> pa.StringArray:
    """The cells, with plain numbers in place of those that are written as the options say; the others as they stand.

    A minus may stand before or behind the number, and accounts write it as brackets: `-5`, `5-` and `(5)` are one
    number; `5.-` is 5. Zeros at its beginning mean nothing. Groups of digits have three of them, in India also two.
    """
    import pyarrow.compute as pc

    parts = pc.extract_regex(cells, pattern=_pattern(options))
    signs = _joined(parts, "open", "sign", "inner", "late", "tail")
    opened, closed = _joined(parts, "open", "inner"), _joined(parts, "early", "close")
    paired = pc.equal(pc.binary_length(opened), pc.binary_length(closed))
    found = pc.fill_null(pc.and_(paired, pc.less_equal(pc.utf8_length(signs), 1)), False)
    if not pc.any(found).as_py():
        return cells
    whole = pc.struct_field(parts, "whole")
    if options.thousands:
        whole = pc.replace_substring_regex(whole, f"[{re.escape(_characters(options.thousands))}]", "")
    whole = pc.utf8_ltrim(whole, characters="0")
    whole = pc.if_else(pc.equal(whole, ""), "0", whole)
    # What has taken no part in the match is an empty text: one of the two is.
    fraction = _joined(parts, "fraction", "bare")
    fraction = pc.if_else(pc.equal(fraction, ""), "", pc.binary_join_element_wise(".", fraction, ""))
    minus = pc.if_else(pc.match_substring_regex(signs, rf"[({_MINUS}]"), "-", "")
    numbers = pc.binary_join_element_wise(minus, whole, fraction, pc.struct_field(parts, "exponent"), "")
    if options.multipliers:
        numbers = _multiplied(numbers, pc.struct_field(parts, "times"), options.multipliers)
    return pc.if_else(found, numbers, cells)


def _joined(parts: pa.StructArray, *names: str) -> pa.StringArray:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*(pc.struct_field(parts, name) for name in names), "")


def _pattern(options: ColumnOptions) -> str:
    """RE2 pattern of a cell that is a number written as the options say."""
    decimal = re.escape(options.decimal or ".")
    groups = _characters(options.thousands)
    whole = r"\d+"
    if groups:
        # One mark throughout would be better still; RE2 has no reference back to what it has matched.
        whole = rf"\d{{1,3}}(?:[{re.escape(groups)}]\d{{2,3}})*[{re.escape(groups)}]\d{{3}}|{whole}"
    unit = _any_of(options.units)
    times = _any_of(options.multipliers)
    return (
        rf"^{_BLANK}(?P<open>\(?){_BLANK}(?P<sign>[+{_MINUS}]?){_BLANK}(?:{unit})?{_BLANK}(?P<inner>\(?)"
        rf"{_BLANK}(?P<late>[+{_MINUS}]?){_BLANK}"
        rf"(?:(?P<whole>{whole})(?:{decimal}(?P<fraction>\d+)|{_NO_CENTS}|{decimal})?|{decimal}(?P<bare>\d+))"
        rf"(?:(?P<exponent>[eE][+-]?\d+)|{_BLANK}(?P<times>{times or '$'}))?{_BLANK}(?P<early>\)?)"
        rf"{_BLANK}(?:{unit})?{_BLANK}(?P<tail>[{_MINUS}]?){_BLANK}(?P<close>\)?){_BLANK}$"
    )


def _any_of(texts: Mapping[str, float] | tuple[str, ...]) -> str:
    """RE2 alternatives of some texts, longest first; a blank in one stands for any."""
    escaped = (re.escape(text.strip(BLANKS)) for text in sorted(texts, key=len, reverse=True))
    return "|".join(rf"{_BLANK}".join(text.split(r"\ ")) for text in escaped)


def _characters(thousands: str) -> str:
    return {" ": BLANKS, "'": _APOSTROPHES}.get(thousands, thousands)


def _multiplied(numbers: pa.StringArray, marks: pa.StringArray, factors: Mapping[str, float]) -> pa.StringArray:
    """Plain numbers times what their marks stand for; powers of ten move the point only, so that no digit is lost."""
    import pyarrow.compute as pc

    for mark, factor in factors.items():
        if factor == 1:
            continue
        power = round(math.log10(factor))
        here = pc.fill_null(pc.equal(marks, mark.strip(BLANKS)), False)
        if 10.0**power == factor:
            times = pc.binary_join_element_wise(numbers, f"e{power}", "")
        else:
            times = pc.cast(pc.multiply(pc.cast(pc.if_else(here, numbers, None), "double"), factor), "string")
        numbers = pc.if_else(here, times, numbers)
    return numbers

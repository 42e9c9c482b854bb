"""Decides for every column which feature group it belongs to, or why it is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from components.example_gen.columns.use import RESERVED, why_reserved
from pipeline.scaffold.bags import ListColumn, is_prose, list_settings, text_settings
from pipeline.scaffold.dates import find_dates, looks_like_unreadable_dates, mixed_dates, other_than_dates
from pipeline.scaffold.readings import decimal_points
from pipeline.scaffold.relations import (
    ID_WORDS,
    MIN_ROWS_FOR_UNIQUENESS,
    determines,
    is_row_number,
    same_as,
    skewness,
)
from pipeline.scaffold.survey import Column, Survey
from preprocessing.nearest import alike
from preprocessing.text import counted, listed, quoted, sentences

if TYPE_CHECKING:
    pass

Kind = Literal["numeric", "categorical", "boolean", "datetime", "lists", "text", "left_out"]

_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
_MOST_SPELLINGS = 1000
"""So many different values are not those of `_TRUE` and `_FALSE` in any mixture of cases, or zeros behind the point."""
_CODE_WORDS = frozenset(
    {"code", "zip", "zipcode", "postcode", "postal", "plz", "type", "kind", "category", "cat", "group", "cluster"}
    | {"region", "district", "store", "shop", "branch", "dept", "department", "channel", "product", "model"}
    | {"status", "segment", "class", "sku", "fips", "naics", "sic"}
)
_QUANTITY_WORDS = frozenset(
    {"year", "count", "num", "number", "size", "age", "score", "rating", "amount", "price", "days", "hours", "total"}
    | {"sum", "avg", "mean", "rate", "length", "width", "height", "weight"}
)
_UNIQUE = 0.9
_REPEATS_TO_LEARN_FROM = 0.5
_LONG_TEXT = 40
_VOCABULARY = 100
"""Up to this many categories all are kept; beyond, the ones that are frequent enough to learn from."""
_MIN_CATEGORY_ROWS = 10
_HASHED = 20_000
"""Beyond this many categories a vocabulary file is a burden, and hashing loses little."""
_HASH_BUCKETS = 5_000
_SKEWED = 2.0
_CONTINUOUS = 24
"""Numbers of more different values are continuous."""
_INDICATOR_SHARE = 0.01
_CODES = 50
"""Integers whose name says that they are codes, and that have at most this many values, are categories."""
_EXACT_FLOAT32 = 2**24
_EXACT_FLOAT64 = 2**53
"""Beyond these, neighbouring whole numbers become one."""
_MOST_LOST = 0.01
"""The share of its different values that a column of large whole numbers may lose and still be one of quantities."""


@dataclass(frozen=True)
class Decision:
    """What becomes of one column.

    Attributes:
      column: its name.
      kind: the group it goes to.
      settings: the group's settings; columns of the same kind and settings share a group.
      reason: why, in a few words, for a comment.
      warning: what the user should look at; "" for nothing.
    """

    column: str
    kind: Kind
    reason: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""


def decide_all(survey: Survey, label: str) -> list[Decision]:
    """A decision for every column but the label, in the table's order."""
    target = survey.columns[label]
    decisions = []
    for name, column in survey.columns.items():
        if name == label:
            continue
        decision = _not_everywhere(name, survey) or _left_out(column, target, survey) or _feature(column, survey)
        if decision.kind != "left_out" and determines(column, target):
            warning = f"{name!r} tells the label {label!r} almost alone: take it out if it is only known afterwards"
            decision = replace(decision, warning="; ".join(filter(None, (decision.warning, warning))))
        decisions.append(decision)
    decisions += [_not_everywhere(name, survey) or _lists(name, column) for name, column in survey.lists.items()]
    decisions += [Decision(name, "left_out", f"its type is {kind}") for name, kind in survey.unsupported.items()]
    return decisions


def _lists(name: str, column: ListColumn) -> Decision:
    settings, reason = list_settings(column)
    if settings is None:
        return Decision(name, "left_out", reason)
    return Decision(name, "lists", reason, settings, f"{name!r} has lists, which are taken as bags of categories")


def _not_everywhere(name: str, survey: Survey) -> Decision | None:
    """Leaves a column out that some files lack: a reader would refuse them."""
    if (why := survey.partial.get(name)) is None:
        return None
    return Decision(name, "left_out", why, warning=f"{name!r} is left out: {why} (was it renamed?)")


def _left_out(column: Column, target: Column, survey: Survey) -> Decision | None:
    def out(reason: str, warning: str = "") -> Decision:
        return Decision(column.name, "left_out", reason, warning=warning)

    if column.profile.present == 0 or column.distinct == 0:
        return out("it is empty")
    if column.name == RESERVED:
        return out(why_reserved())
    if column.distinct == 1 and column.profile.missing == 0:
        return out(f"it is {next(iter(column.counts))[:40]!r} in every row")
    if same_as(column, target):
        return out(
            f"it says the same as the label {target.name!r}",
            f"{column.name!r} is left out: it says the same as the label, in every row",
        )
    enough = survey.rows >= MIN_ROWS_FOR_UNIQUENESS
    if enough and column.is_number and column.profile.cells.whole:
        if is_row_number(column):
            return out("it numbers the rows")
        if column.words & ID_WORDS and column.uniqueness > _REPEATS_TO_LEARN_FROM:
            return out("it is an identifier: most rows have a value of their own")
    return None


def _feature(column: Column, survey: Survey) -> Decision:
    dates = find_dates(column)
    if dates is not None:
        settings: dict[str, Any] = {"parts": list(dates.parts)}
        settings |= {"format": dates.format} if dates.format is not None else {"unit": dates.unit}
        if column.profile.missing == 0:
            settings["indicator"] = False
        reason = (
            f"dates as {dates.format}" if dates.format is not None else f"integers that count {dates.unit} since 1970"
        )
        warning = f"{column.name!r}: {dates.note}" if dates.note else ""
        return Decision(column.name, "datetime", reason, settings, warning)
    if _is_boolean(column):
        settings = {"indicator": True} if column.missing_share > _INDICATOR_SHARE else {}
        if not {value.lower() for value in column.counts} <= _TRUE | _FALSE:  # 1.0 and 0.0
            settings["true_values"] = sorted(value for value in column.counts if float(value))
            settings["false_values"] = sorted(value for value in column.counts if not float(value))
        return Decision(column.name, "boolean", "yes or no", settings)
    if column.is_number and column.distinct > 1 and not _is_code(column):
        return _number(column, survey)
    return _text(column, survey)


def _is_boolean(column: Column) -> bool:
    if column.distinct > _MOST_SPELLINGS:
        return column.is_boolean
    values = {value.lower() for value in column.counts}
    if column.is_number and column.profile.cells.whole and column.distinct <= len(_TRUE | _FALSE):
        # Infinite numbers are whole too.
        values = {f"{float(value):.0f}" for value in values}
    return column.is_boolean or (bool(values & _TRUE) and bool(values & _FALSE) and values <= _TRUE | _FALSE)


def _is_code(column: Column) -> bool:
    """Whether integers are names of things.

    By the column's name, as nothing else tells a code from a count; or because a model could not tell them apart.
    """
    if not column.profile.cells.whole or column.distinct <= 2:
        return False
    if _collapses(column):
        return True
    if column.words & _QUANTITY_WORDS:
        return False
    return bool(column.words & ID_WORDS) or (bool(column.words & _CODE_WORDS) and column.distinct <= _CODES)


def _collapses(column: Column) -> bool:
    """Whether many different whole numbers would become one float32, which has 24 bits for them, or one float64."""
    import numpy as np

    large = {value for value in column.counts if abs(float(value)) > _EXACT_FLOAT32}
    if not large:
        return False
    if any(abs(float(value)) > _EXACT_FLOAT64 for value in large):
        return True
    left = len(set(np.array([float(value) for value in large], np.float32).tolist()))
    return left < (1 - _MOST_LOST) * len(large)


def _number(column: Column, survey: Survey) -> Decision:
    import numpy as np

    values = column.numbers
    settings: dict[str, Any] = {}
    reasons = []
    skewed = bool(len(values)) and values.min() >= 0 and skewness(values) > _SKEWED > skewness(np.log1p(values))
    if skewed:
        settings["log1p"] = True
        reasons.append("positive with a long tail")
    if column.profile.missing:
        missing: dict[str, Any] = {"fill": "median" if skewed else "mean"}
        if column.missing_share > _INDICATOR_SHARE:
            missing["indicator"] = True
            reasons.append("missing often enough to tell something")
        else:
            reasons.append("seldom missing")
        settings["missing"] = missing
    doubt, warning = survey.readings.doubts.get(column.name), ""
    if doubt is not None:
        warning = decimal_points(column.name, doubt)
    # Whatever a request holds, the model sees a number between -3 and 3.
    settings["scale"] = "robust_smooth"
    return Decision(column.name, "numeric", ", ".join(reasons) or "numbers", settings, warning)


def embedded(decisions: Iterable[Decision], survey: Survey, bins: int | None) -> tuple[Decision, ...]:
    """The decisions with an embedding for the continuous ones among the numbers.

    Args:
      decisions: of all columns.
      survey: the table.
      bins: of the embedding; None gives none.
    """
    return tuple(
        replace(
            each,
            reason=f"{each.reason}, continuous: the slope of what is learned may change at {bins} borders",
            settings={**each.settings, "embed": {"piecewise": bins}},
        )
        if bins is not None and each.kind == "numeric" and survey.columns[each.column].distinct > _CONTINUOUS
        else each
        for each in decisions
    )


def _text(column: Column, survey: Survey) -> Decision:
    rows, distinct = len(column.present), column.distinct
    values = list(column.counts)
    enough = rows >= MIN_ROWS_FOR_UNIQUENESS
    mean_length = sum(map(len, values)) / distinct
    few = distinct <= _VOCABULARY and column.uniqueness <= _REPEATS_TO_LEARN_FROM

    def out(reason: str) -> Decision:
        return Decision(column.name, "left_out", reason)

    mixed = mixed_dates(column)
    if mixed is not None:
        reason = f"dates with the day first and with the month first: {mixed[0]!r}, {mixed[1]!r}"
        hint = "write them in one way to use them"
        return Decision(column.name, "left_out", reason, warning=f"{column.name!r} is left out: {reason}; {hint}")
    unclear = survey.readings.unclear.get(column.name)
    hint = "" if unclear is None else f"{unclear.reason}; {unclear.hint.replace('COLUMN', column.name)}"
    if unclear is not None and not few:
        return Decision(column.name, "left_out", unclear.reason, warning=f"{column.name!r} is left out: {hint}")
    if not few and looks_like_unreadable_dates(column):
        warning = f"{column.name!r} is left out: dates written as {values[0]!r}; write them as YYYY-MM-DD to use them"
        return Decision(column.name, "left_out", f"dates written as {values[0]!r}", warning=warning)
    if enough and mean_length > _LONG_TEXT and column.uniqueness > _REPEATS_TO_LEARN_FROM:
        if not is_prose(values):
            return out(f"it is {mean_length:.0f} characters long on average, without words, as addresses and keys are")
        settings = text_settings(survey.rows, column.missing_share)
        said = f"{column.name!r} is taken as text: its words are hashed into {settings['hash_buckets']} numbers"
        return Decision(column.name, "text", "free text, as a bag of its words", settings, said)
    if enough and column.uniqueness > _UNIQUE:
        return out("almost every row has a value of its own, as a name or an identifier has")
    if enough and column.uniqueness > _REPEATS_TO_LEARN_FROM:
        return out("most rows have a value of their own; too few repeat to learn from")
    decision = _category(column, survey)
    if unclear is not None:
        return replace(decision, warning=f"{column.name!r} is taken as categories: {hint}")
    if (odd := other_than_dates(column)) is not None:
        such = counted(column.counts[odd], "row")
        warning = f"{column.name!r} is taken as categories: dates, but also {quoted(odd)} ({such})"
        next_ = f"name words that mean missing in data.columns.{column.name}.null_values to use the column as dates"
        return replace(decision, warning=f"{warning}; {next_}")
    groups = alike(column.counts) if distinct <= _VOCABULARY else {}
    if groups:
        shown = sentences([listed([first, *others], 4, repr) for first, others in groups.items()], 2)
        warning = f"{column.name!r} has values that differ only in blanks, case or a final point: {shown}"
        return replace(decision, warning=f"{warning}; write each in one way, in the table and in requests")
    return decision


def _category(column: Column, survey: Survey) -> Decision:
    distinct = column.distinct
    kind = "codes, whose order means nothing" if column.is_number else "text"
    if column.is_number and _collapses(column):
        kind = "codes: as numbers, several of them would be the same float32"
    elif column.profile.cells.leading_zeros:
        kind = "codes with leading zeros, which numbers don't keep"
    if distinct <= _VOCABULARY:
        return Decision(column.name, "categorical", f"{kind}, at most {_VOCABULARY} different values")
    if distinct > _HASHED or (survey.sampled and column.uniqueness > 0.2):
        settings = {"hash_buckets": _HASH_BUCKETS}
        return Decision(column.name, "categorical", f"{kind}, more values than a vocabulary should hold", settings)
    frequent = sum(rows >= _MIN_CATEGORY_ROWS for rows in column.counts.values())
    reason = f"{kind}; a value in fewer than {_MIN_CATEGORY_ROWS} rows teaches little"
    settings = {"top_k": max(_rounded(frequent), _VOCABULARY), "oov_buckets": 10}
    return Decision(column.name, "categorical", reason, settings)


def _rounded(count: int) -> int:
    """Two significant digits, so that similar columns share a group."""
    digits = max(len(str(count)) - 2, 0)
    return round(count, -digits)

"""Two data sets side by side: drift, skew between splits, skew between training and serving, balance of the label."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from components.data_gate.columns import Columns
from components.data_gate.config import Comparison, Shift
from components.data_gate.distance import Distance, jensen_shannon, l_infinity, l_infinity_of_codes
from components.data_gate.report import DataFinding
from components.data_gate.summary import Column, Summary
from preprocessing.errors import UserError
from preprocessing.nearest import nearest


@dataclass(frozen=True)
class Pair:
    """What is compared with what.

    Attributes:
      check: the check's name.
      base: the data set that the other one should look like.
      base_name: as a person calls it.
      other: the one that is judged.
      split: the split that is judged, for the report.
      hint: what to do when they differ.
    """

    check: str
    base: Summary
    base_name: str
    other: Summary
    split: str | None
    hint: str


def check_overrides(section: str, comparison: Comparison, known: Mapping[str, object]) -> None:
    """Refuses limits of columns that the schema does not have: they would never apply.

    Raises:
      UserError: naming the column and the nearest one.
    """
    for column in comparison.features:
        if column not in known:
            close = nearest(column, known)
            question = f"did you mean {close!r}? " if close else ""
            raise UserError(
                "the schema has no such column",
                field=("data_gate", section, "features"),
                received=column,
                hint=f"{question}name a column of the schema",
            )


@dataclass(frozen=True)
class Moved:
    """How far one thing about one column has moved.

    Attributes:
      column: its name.
      measure: what was measured, in words.
      distance: how far.
      limit: how far it may move.
      severity: of a distance beyond it.
    """

    column: str
    measure: str
    distance: Distance
    limit: float
    severity: Literal["block", "warn"]

    @property
    def too_far(self) -> bool:
        """Whether it is beyond the limit, and chance does not explain it."""
        return self.distance.exceeds(self.limit)


def compare(pair: Pair, limits: Comparison, columns: Columns, chance: float) -> Iterator[DataFinding]:
    """The model's inputs whose distribution moved further than allowed; arguments as for `moved`."""
    for each in moved(pair, limits, columns, chance):
        if each.too_far:
            yield _finding(pair, each.column, each.distance, each.limit, each.measure, each.severity)


def moved(pair: Pair, limits: Comparison, columns: Columns, chance: float) -> Iterator[Moved]:
    """How far each of the model's inputs has moved: its share of missing values, and its values.

    Args:
      pair: the data sets.
      limits: the section with the limits.
      columns: says which columns are compared and as what. A column that one side lacks is left to the schema.
      chance: see `DataGateConfig.chance`.
    """
    for name, before in pair.base.columns.items():
        after = pair.other.columns.get(name)
        if after is None or not columns.comparable(name):
            continue
        override = limits.features.get(name)
        severity = override.severity if override and override.severity else limits.severity
        if severity == "off":
            continue
        own = override.limit if override else None
        missing_limit = limits.categorical if own is None else own
        yield Moved(name, MISSING, _missing(before, after, chance), missing_limit, severity)
        if columns.inputs[name] == "text":
            continue  # hardly any text comes twice
        measured = measure(before, after, as_category=columns.inputs[name] in ("category", "boolean"), chance=chance)
        if measured is None:
            continue
        distance, measure_name = measured
        limit = own if own is not None else limits.categorical if measure_name == CATEGORIES else limits.numeric
        yield Moved(name, measure_name, distance, limit, severity)


def absent(pair: Pair, limits: Comparison, columns: Columns) -> Iterator[DataFinding]:
    """The model's inputs that the judged data set lacks; arguments as for `moved`."""
    for name in columns.inputs:
        if name in pair.base.columns and name not in pair.other.columns and limits.severity != "off":
            yield DataFinding(
                check=pair.check,
                feature=name,
                expected=f"a column {name!r} in the sample",
                received="no such column",
                severity=limits.severity,
                hint="a column that requests don't have can't be an input: remove it from features:",
            )


MISSING = "the share of missing values"
CATEGORIES = "shares of the values (L-infinity)"
"""The measure that has a limit of its own."""
_NUMBERS = "distribution (Jensen-Shannon)"


def compare_label(pair: Pair, shift: Shift, columns: Columns, chance: float) -> Iterator[DataFinding]:
    """Whether the label's balance moved.

    Args:
      pair: the data sets.
      shift: limit and severity.
      columns: names the label.
      chance: see `DataGateConfig.chance`.
    """
    before, after = (data.columns.get(columns.label) for data in (pair.base, pair.other))
    if before is None or after is None or shift.severity == "off":
        return
    measured = measure(before, after, as_category=columns.task != "regression", chance=chance)
    if measured is not None and measured[0].exceeds(shift.limit):
        yield _finding(pair, columns.label, measured[0], shift.limit, f"the label's {measured[1]}", shift.severity)


def measure(before: Column, after: Column, *, as_category: bool, chance: float) -> tuple[Distance, str] | None:
    """How far a column's values moved, and the name of the measure; missing values don't count.

    Args:
      before: the column in the one data set.
      after: in the other.
      as_category: integers are names, so that their shares count and not their size.
      chance: see `DataGateConfig.chance`.

    Returns:
      None when there is nothing to compare: no values on a side, or another type, which the schema's checks report.
    """
    if not before.present or not after.present:
        return None
    sizes = before.present, after.present
    as_shares = as_category or before.cdf is None
    if as_shares and before.shares is not None and after.shares is not None:
        return l_infinity(before.shares, after.shares, sizes, chance), CATEGORIES
    if before.cdf is None or after.cdf is None:
        return None
    whole = before.type == after.type == "INT"
    if as_category and whole:
        return l_infinity_of_codes(before.cdf, after.cdf, sizes, chance), CATEGORIES
    return jensen_shannon(before.cdf, after.cdf, sizes, chance, whole=whole), _NUMBERS


def _missing(before: Column, after: Column, chance: float) -> Distance:
    sides = [
        {"missing": column.missing_share, "present": 1 - column.missing_share}
        if column.present + column.missing
        else {}
        for column in (before, after)
    ]
    distance = l_infinity(sides[0], sides[1], (before.present + before.missing, after.present + after.missing), chance)
    shares = [f"{100 * column.missing_share:.3g} %" for column in (after, before)]
    return Distance(distance.value, distance.chance, f"{shares[0]} missing, was {shares[1]}")


def _finding(
    pair: Pair, name: str, distance: Distance, limit: float, measure_name: str, severity: Literal["block", "warn"]
) -> DataFinding:
    beyond_chance = f" (chance alone: {distance.chance:.2g})" if distance.chance > limit else ""
    return DataFinding(
        check=pair.check,
        split=pair.split,
        feature=name,
        expected=f"{measure_name} within {limit:g} of {pair.base_name}{beyond_chance}",
        received=f"{distance.value:.3g}: {distance.detail}",
        severity=severity,
        hint=pair.hint,
    )

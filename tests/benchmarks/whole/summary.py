"""What the measurements say: medians, ratios of runs of the same turn, and the targets."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from .results import Key, Measurement, Results

WIDE = "wide"


@dataclass(frozen=True)
class Target:
    """A number that was promised.

    Attributes:
      subject: what it is about, as the page says it.
      limit: the most that it may be; for `at_least` the least.
      measured: None where a measurement for it is missing.
    """

    subject: str
    limit: float
    measured: float | None
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is met; None while it isn't measured."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


def of(results: Results, key: Key) -> list[Measurement]:
    """Every turn's measurement of what the key names; its own turn is ignored."""
    wanted = (key.table, key.what, key.side, key.detail)
    found = [each for each in results.measurements if _kind(each.key) == wanted]
    return sorted(found, key=lambda each: each.key.turn)


def _kind(key: Key) -> tuple[str, str, str, str]:
    return key.table, key.what, key.side, key.detail


def median(results: Results, key: Key, value: str) -> float | None:
    """The median of a value over all turns; None without any."""
    values = [each.values[value] for each in of(results, key)]
    return statistics.median(values) if values else None


def ratio(results: Results, above: Key, below: Key, value: str) -> float | None:
    """The median of the turns' own ratios; None where no turn has both, of the same code.

    What slows a machine down for minutes slows both of a turn down, so their ratio says more than that of two medians.
    """
    divisors = {(each.key.turn, each.code): each.values[value] for each in of(results, below)}
    pairs = [(each.values[value], divisors.get((each.key.turn, each.code))) for each in of(results, above)]
    ratios = [dividend / divisor for dividend, divisor in pairs if divisor is not None]
    return statistics.median(ratios) if ratios else None


def component_medians(results: Results, key: Key) -> dict[str, float]:
    """The median seconds of each component, in the order of the run."""
    found = of(results, key)
    names = list(dict.fromkeys(name for each in found for name in each.components))
    return {
        name: statistics.median([each.components[name] for each in found if name in each.components]) for name in names
    }


def targets(results: Results) -> list[Target]:
    """Every target, in the order in which the page shows them."""

    def whole(table: str) -> float | None:
        return ratio(results, Key(table, "first", "auto"), Key(table, "first", "stock"), "wall_s")

    def seconds(key: Key) -> float | None:
        return median(results, key, "wall_s")

    large, middle = (median(results, Key(table, "first", "auto"), "peak_mib") for table in ("3,000,000", "300,000"))
    champions = [
        Target(f"a run with a champion / the first, {table} rows", 1.15, ratio(
            results, Key(table, "champion", "auto"), Key(table, "first", "auto"), "wall_s"))
        for table in ("15,000", "300,000")
    ]  # fmt: skip
    cached = [
        Target(f"nothing changed, {table} rows", 8, seconds(Key(table, "cached", "auto")), "s")
        for table in ("15,000", "300,000")
    ]
    commands = [
        Target(f"`{_shown(name)}`", limit, seconds(Key("", "command", "auto", name)), "s")
        for name, limit in (("--help", 0.3), ("validate", 1.5), ("compile", 10))
    ]
    examples = [
        Target(f"a first run of {name}", limit, seconds(Key(name, "example", "auto")), "s")
        for name, limit in (("penguins", 20), ("flights", 75), ("diamonds", 122))
    ]
    training = [
        Target(f"training steps a second / stock, batches of {batch}", 3, ratio(
            results, Key("", "training", "auto", batch), Key("", "training", "stock", batch), "steps_per_s"),
            at_least=True)
        for batch in ("40", "256")
    ]  # fmt: skip
    served = Key("", "serving", "auto")
    serving = [
        Target("one row served, p50 / stock", 1, median(results, served, "p50_ratio")),
        Target("rows a second / stock, batches of 1,024", 1, median(results, served, "rows_ratio"), at_least=True),
    ]
    return [
        Target("wall clock / stock, 15,000 rows", 0.45, whole("15,000")),
        Target("wall clock / stock, 300,000 rows", 0.33, whole("300,000")),
        Target("wall clock / stock, 3,000,000 rows", 0.30, whole("3,000,000")),
        Target("wall clock / stock, 200 columns", 0.40, whole(WIDE)),
        Target("peak memory, 3,000,000 / 300,000 rows", 1.3, large / middle if large and middle else None),
        *champions, *cached, *commands, *examples, *training, *serving,
    ]  # fmt: skip


def _shown(command: str) -> str:
    return f"lockgate {command}"


def shown(value: float | None, pattern: Callable[[float], str]) -> str:
    """A number as text; a dash where there is none."""
    return "-" if value is None else pattern(value)

"""Plots of what the smoke test measured, as SVG inside its page, which may hold no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from components.smoke_test.report import CheckResult
from preprocessing.text import counted

_WIDTH, _HEIGHT = 420, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 10, 8, 40
"""Pixels of the drawing, and of the room around the lines."""


@dataclass(frozen=True)
class Plot:
    """What one result has measured.

    Attributes:
      title: what it shows.
      across, upwards: the names of the axes, with units.
      percent: whether the axis across counts shares, and not parts.
      ours, champion: the values, at equal distances across; those of the champion may be empty.
    """

    title: str
    across: str
    upwards: str
    percent: bool
    ours: tuple[float, ...]
    champion: tuple[float, ...] = ()

    def places(self, values: Sequence[float]) -> list[float]:
        """Where across each value stands."""
        return [100 * (i + 1) / len(values) if self.percent else float(i + 1) for i in range(len(values))]

    def rows(self) -> list[tuple[float, float, float | None]]:
        """The numbers as a table: across, ours, the champion's at about the same place."""
        theirs = self.champion
        return [
            (round(x, 1), y, theirs[max(0, round((i + 1) / len(self.ours) * len(theirs)) - 1)] if theirs else None)
            for i, (x, y) in enumerate(zip(self.places(self.ours), self.ours, strict=True))
        ]


def plots(checks: Sequence[CheckResult]) -> list[Plot]:
    """A plot for each result that measured something."""
    found = []
    for check in checks:
        measured = check.measured
        if measured is None or len(measured.values) < 2:
            continue
        if measured.unit == "ms":
            title, across, upwards = "Latency of one row", "share of the requests, fastest first, %", "ms"
        else:
            title, across, upwards = "Memory under requests", "part of the requests", "MiB"
        signature = f": {check.signature}" if check.signature else ""
        percent = measured.unit == "ms"
        found.append(Plot(f"{title}{signature}", across, upwards, percent, measured.values, measured.champion))
    return found


def _round_above(value: float) -> float:
    """The end of an axis: 1, 2, 4, 6 or 10 of a power of ten, so that its half is round too."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 6, 10) if power * step >= value)


def svg(plot: Plot) -> Markup:
    """The plot; colors are those of the page, by class."""
    top = _round_above(max(*plot.ours, *plot.champion, 1e-9))
    right = 100.0 if plot.percent else float(len(plot.ours))
    left = 0.0 if plot.percent else 1.0
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(value: float) -> float:
        return round(_LEFT + wide * (value - left) / max(right - left, 1e-9), 1)

    def upwards(value: float) -> float:
        return round(_TOP + high * (1 - value / top), 1)

    described = f"{plot.title}: {counted(len(plot.ours), 'point')}, up to {max(plot.ours):.3g} {plot.upwards}"
    parts = [
        Markup('<svg class="plot" role="img" aria-label="{}" viewBox="0 0 {} {}">').format(described, _WIDTH, _HEIGHT)
    ]
    for share in (0.0, 0.5, 1.0):
        place = left + (right - left) * share
        y, x = upwards(top * share), across(place)
        parts += [
            Markup('<path class="grid" d="M{} {}H{}"/>').format(_LEFT, y, _WIDTH - _RIGHT),
            Markup('<text text-anchor="end" x="{}" y="{}">{:.3g}</text>').format(_LEFT - 6, y + 4, top * share),
        ]
        # There is no half of a part.
        if place.is_integer():
            parts.append(
                Markup('<text text-anchor="{}" x="{}" y="{}">{:.3g}</text>').format(
                    "end" if share == 1 else "middle", x, _HEIGHT - _BOTTOM + 16, place
                )
            )
    middle = _TOP + high / 2
    parts += [
        Markup('<text text-anchor="middle" x="{}" y="{}">{}</text>').format(_LEFT + wide / 2, _HEIGHT - 6, plot.across),
        Markup('<text text-anchor="middle" transform="rotate(-90 12 {})" x="12" y="{}">{}</text>').format(
            middle, middle, plot.upwards
        ),
    ]
    for kind, values in (("champion", plot.champion), ("ours", plot.ours)):
        points = " ".join(f"{across(x)},{upwards(y)}" for x, y in zip(plot.places(values), values, strict=True))
        if points:
            parts.append(Markup('<polyline class="{}" points="{}"/>').format(kind, points))
    return Markup("").join([*parts, Markup("</svg>")])

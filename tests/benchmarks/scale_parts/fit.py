"""How a cost grows, and what it comes to far beyond what was measured: pure functions of (size, cost) pairs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float]]
"""Sizes, each once and in any order, with what was measured there."""


@dataclass(frozen=True)
class Fit:
    """A power law, cost = factor * size ** exponent: least squares of the logarithms.

    Attributes:
      points: how many there were.
      least, most: the sizes between which it was measured.
      error: the largest factor by which a point is above or below it, 1 for none.
    """

    exponent: float
    factor: float
    points: int
    least: float
    most: float
    error: float

    def at(self, size: float) -> float:
        """The cost at a size."""
        return float(self.factor * size**self.exponent)


def fitted(points: Points) -> Fit | None:
    """The power law through the points; None for fewer than two, or where a cost is 0."""
    if len(points) < 2 or any(cost <= 0 for _, cost in points):
        return None
    logs = [(math.log(size), math.log(cost)) for size, cost in points]
    mean_x, mean_y = (sum(each) / len(logs) for each in zip(*logs, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    exponent = sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread
    constant = mean_y - exponent * mean_x
    error = math.exp(max(abs(y - constant - exponent * x) for x, y in logs))
    sizes = [size for size, _ in points]
    return Fit(exponent, math.exp(constant), len(points), min(sizes), max(sizes), error)


def per_unit(points: Points) -> float:
    """What one more row or column costs between the two largest sizes, where a fixed cost no longer counts.

    Raises:
      ValueError: fewer than two points.
    """
    if len(points) < 2:
        raise ValueError(f"expected two points or more, received {len(points)}")
    (below, less), (above, more) = sorted(points)[-2:]
    return (more - less) / (above - below)


def extrapolated(points: Points, size: float) -> float:
    """The cost at a size beyond all points: the larger of two guesses, none of which was measured.

    One goes on in a straight line from the two largest sizes; the other is the power law of all points, which is the
    larger one where the cost grows faster than the size. A line that falls is taken for a level one.

    Raises:
      ValueError: fewer than two points.
    """
    last, cost = max(points)
    line = cost + max(0.0, per_unit(points)) * (size - last)
    law = fitted(points)
    return line if law is None else max(line, law.at(size))


@dataclass(frozen=True)
class Cluster:
    """What is assumed of the machines that divide the work.

    Attributes:
      workers: cores that work at once, each as fast as one of the machine that was measured.
      efficiency: the share of their time that goes into the work and not into shuffling, waiting and stragglers.
      start_s: seconds until the workers of a step work: they import TensorFlow.
    """

    workers: int
    efficiency: float = 0.7
    start_s: float = 30.0

    def wall_s(self, cpu_s: float) -> float:
        """Seconds of wall clock of a step whose work is divided evenly."""
        return self.start_s + cpu_s / (self.workers * self.efficiency)

    def paid_s(self, cpu_s: float) -> float:
        """Seconds that all workers together are held for it."""
        return self.wall_s(cpu_s) * self.workers


def shares(costs: dict[str, float], divided: Sequence[str], cluster: Cluster) -> dict[str, float]:
    """Seconds of wall clock of each step: those in `divided` on the cluster, the others in one process.

    Args:
      costs: CPU seconds by step. A step in one process is counted as if it used one core, so this is its upper bound
        where it uses two.
      divided: the steps that an engine divides.
      cluster: the machines.
    """
    return {name: cluster.wall_s(cost) if name in divided else cost for name, cost in costs.items()}


def halves_at(costs: dict[str, float], divided: Sequence[str], efficiency: float) -> float:
    """So many workers take as long over what is divided as one process does over the rest; more of them gain little.

    Raises:
      ValueError: nothing is left to one process.
    """
    rest = sum(cost for name, cost in costs.items() if name not in divided)
    if rest <= 0:
        raise ValueError("expected a step in one process")
    return sum(cost for name, cost in costs.items() if name in divided) / efficiency / rest


def as_fast_from(divided: dict[str, float], here: dict[str, float], efficiency: float) -> float:
    """So many workers take as long over some steps as one process on its fast path takes: fewer are not worth it.

    Args:
      divided: CPU seconds of the steps on an engine.
      here: those of the same steps on the fast path.
      efficiency: of the workers.

    Raises:
      ValueError: the fast path takes no time, or was not measured.
    """
    fast = sum(here[name] for name in divided if name in here)
    if fast <= 0:
        raise ValueError("expected a step with a fast path")
    return sum(cost for name, cost in divided.items() if name in here) / efficiency / fast

"""Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar 2018, JMLR 18(185)), with rungs that wait for all.

Optuna's pruner of this name decides about a trial by those that happen to have come as far; here a rung begins when
the one before it has ended, so that the same seed gives the same trials however many run side by side.
"""

import math
from dataclasses import dataclass

_KEPT = 3
"""One of so many trials goes on, for so many times as many epochs."""


@dataclass(frozen=True)
class Rung:
    """One step of a bracket: so many trials train until this epoch."""

    trials: int
    until: int


def brackets(trials: int, epochs: int) -> list[list[Rung]]:
    """The brackets for a number of trials, each with its rungs; the one with the most trials first.

    The number of brackets is the largest whose trials are no more than asked for; what is left over joins the first.

    Args:
      trials: in all brackets together, at least 1.
      epochs: of a trial that is never stopped, at least 1.
    """
    highest = math.floor(math.log(epochs, _KEPT) + 1e-9)
    while sum(sizes := [_size(highest, each) for each in range(highest, -1, -1)]) > trials:
        highest -= 1
    sizes[0] += trials - sum(sizes)
    return [_rungs(size, highest - position, epochs) for position, size in enumerate(sizes)]


def _size(highest: int, bracket: int) -> int:
    """Trials that begin in a bracket, n in the paper."""
    return math.ceil((highest + 1) / (bracket + 1) * _KEPT**bracket)


def _rungs(trials: int, bracket: int, epochs: int) -> list[Rung]:
    return [
        Rung(max(1, trials // _KEPT**rung), max(1, round(epochs * _KEPT ** (rung - bracket))))
        for rung in range(bracket + 1)
    ]

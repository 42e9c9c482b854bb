"""How much each member of an ensemble weighs: greedy selection (Caruana et al. 2004, ICML)."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def greedy(answers: Sequence[Array], judge: Callable[[Array], float], rounds: int, *, higher: bool) -> list[float]:
    """The weights of members whose average was made as good as it gets, one addition after the other.

    It begins with the two members that are best alone (the paper's sorted initialisation), so that two always stay: a
    single one would mostly be luck with the rows that it is judged on. Each round adds the member, new or again, with
    which the average is best; the best average of all rounds is taken, of equally good ones the first.

    Args:
      answers: of each member, at least two: what is averaged, of one shape.
      judge: how good an average is; what is not a number is worst.
      rounds: additions, the first two included: at least 2.
      higher: whether more of it is better.

    Returns:
      A weight for each member, 0 for those that are left out; they add up to 1.
    """

    def loss(average: Array) -> float:
        value = judge(average)
        return math.inf if math.isnan(value) else (-value if higher else value)

    chosen = sorted(range(len(answers)), key=lambda at: loss(answers[at]))[:2]
    total = answers[chosen[0]] + answers[chosen[1]]
    best, size = loss(total / 2), 2
    for count in range(3, rounds + 1):
        losses = [loss((total + each) / count) for each in answers]
        added = int(np.argmin(losses))
        chosen.append(added)
        total = total + answers[added]
        if losses[added] < best:
            best, size = losses[added], count
    return [chosen[:size].count(at) / size for at in range(len(answers))]

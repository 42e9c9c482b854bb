"""Which batch sizes a model may fail at, and what those at which it does have in common."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from components.smoke_test.export.constants import Constants

LARGEST = 4097
"""No search goes beyond it: a server's batches have a few hundred rows."""
_FIRST = (33, 100, 1025)
"""A remainder of 32, a round number that 32 does not divide, and one more than what buffers often hold."""
_USUAL = (3, 31, 32, 64, 65, 127, 128, 129, 255, 257, 511, 512, 513, 1000, 1023, 1024, 1500, 2049, 16, 17, 8, 9, 4097)
_CONSTANTS = 48
_LARGE_CONSTANTS = 12
_SMALL = 512
_REMAINDER = 7
_DIVISORS = 1024
_FEWEST = 2
"""One size alone has nothing in common with itself."""


def suspicious_sizes(constants: Constants) -> list[int]:
    """Batch sizes to ask, the most suspicious first; each once.

    First a few that are usual in faults, then what lies around the integers of the graph (and floats that are whole: a
    size may be compared as a float), then powers of two and their neighbours, then all small sizes.
    """
    whole = [int(each) for each in constants.floats if each == int(each)]
    known = [each for each in (*constants.integers, *whole) if 1 < each < LARGEST]
    small = [each for each in known if each <= _SMALL][:_CONSTANTS]
    # Of every constant one size before the next of any.
    around = zip_longest(*(_around(each) for each in small))
    sizes = [*_FIRST, *(size for together in around for size in together if size is not None), *_USUAL]
    sizes += [*range(3, 65), *range(66, 129, 3)]
    # Whatever begins at a large number is also seen at the largest sizes.
    sizes += [each + 1 for each in known if each > _SMALL][:_LARGE_CONSTANTS]
    return [size for size in dict.fromkeys(sizes) if 1 <= size <= LARGEST]


def _around(constant: int) -> Iterator[int]:
    yield from (constant + 1, constant, constant - 1, 2 * constant, constant + _REMAINDER, 2 * constant + 1)


@dataclass(frozen=True)
class Pattern:
    """What the sizes with a wrong answer have in common.

    Attributes:
      words: as the end of a sentence that begins with "wrong".
      limit: the size at which it begins or ends, or the divisor.
      in_blocks: whether it is the remainder that counts.
    """

    words: str
    limit: int
    in_blocks: bool = False


def pattern(right: Collection[int], wrong: Collection[int]) -> Pattern | None:
    """What tells the sizes with a wrong answer from those with the right one; None where nothing simple does."""
    good, bad = sorted({*right} - {0}), sorted({*wrong} - {0})
    if not good or not bad:
        return None
    if len(good) == 1 and len(bad) >= _FEWEST:
        return Pattern(f"at every size but {good[0]:,}", good[0])
    if bad[0] > good[-1]:
        return Pattern(f"at every size above {good[-1]:,}", good[-1])
    if bad[-1] < good[0]:
        return Pattern(f"at every size below {good[0]:,}", good[0])
    if (found := _by_remainder(good, bad)) is not None:
        return found
    above = [size for size in good if size > bad[0]]
    if (found := _by_remainder(above, bad)) is not None:
        return Pattern(f"{found.words}, from {bad[0]:,} on", found.limit, in_blocks=True)
    return None


def _by_remainder(good: Collection[int], bad: Collection[int]) -> Pattern | None:
    for divisor in range(2, _DIVISORS + 1):
        wrong, right = ({size % divisor for size in sizes} for sizes in (bad, good))
        if wrong & right:
            continue
        if len(wrong) == 1 and len(bad) >= _FEWEST and divisor <= max(bad) // 2:
            remainder = wrong.pop()
            if remainder == 0:
                return Pattern(f"at multiples of {divisor:,} and no other size", divisor, in_blocks=True)
            return Pattern(f"at sizes that leave {remainder:,} when divided by {divisor:,}", divisor, in_blocks=True)
        if right == {0} and len(good) >= _FEWEST and divisor <= max(good) // 2:
            return Pattern(f"at every size that is not a multiple of {divisor:,}", divisor, in_blocks=True)
    return None


def boundary(right: int, wrong: int, is_wrong: Callable[[int], bool]) -> tuple[int, int]:
    """The neighbouring sizes of which one gets the right answer and the other does not, by halving."""
    while abs(wrong - right) > 1:
        middle = (right + wrong) // 2
        if is_wrong(middle):
            wrong = middle
        else:
            right = middle
    return right, wrong

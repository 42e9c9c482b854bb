"""Which batch sizes are asked, and what the wrong ones have in common."""

import pytest

from components.smoke_test.bench.sizes import LARGEST, Pattern, boundary, pattern, suspicious_sizes
from components.smoke_test.export.constants import Constants

EVERY = suspicious_sizes(Constants({48: "a", 300: "b"}))


def test_the_usual_suspects_come_first_and_every_size_once() -> None:
    assert EVERY[:3] == [33, 100, 1025]
    assert len(set(EVERY)) == len(EVERY)
    assert max(EVERY) <= LARGEST
    assert set(range(3, 65)) <= set(EVERY)


def test_sizes_lie_around_the_constants_of_the_graph() -> None:
    assert {47, 48, 49, 96, 55, 97, 299, 300, 301, 600} <= set(EVERY)
    assert 301 not in suspicious_sizes(Constants())
    assert {3000, 3001} & set(suspicious_sizes(Constants({}, {3000.0: "a"}))) == {3001}


@pytest.mark.parametrize(
    ("is_wrong", "words"),
    [
        (lambda n: n > 1024, "at every size above 1,024"),
        (lambda n: n < 33, "at every size below 33"),
        (lambda n: n % 48 == 0, "at multiples of 48 and no other size"),
        (lambda n: n > 32 and n % 32 != 0, "at every size that is not a multiple of 32, from 33 on"),
        (lambda n: n % 32 == 1 and n > 1, "at sizes that leave 1 when divided by 32"),
        (lambda n: n % 2 == 1, "at sizes that leave 1 when divided by 2"),
        (lambda n: n != 32, "at every size but 32"),
    ],
)
def test_the_pattern_of_the_wrong_sizes(is_wrong: object, words: str) -> None:
    sizes = {*EVERY, 1024, 32, 2, 7, 256}
    wrong = {size for size in sizes if is_wrong(size)}  # type: ignore[operator]
    found = pattern(sizes - wrong, wrong)
    assert found is not None
    assert found.words == words


def test_no_pattern_where_nothing_tells_them_apart() -> None:
    assert pattern([], [1, 2]) is None
    assert pattern([1, 2], []) is None
    assert pattern([1, 5, 6, 9, 12], [2, 7, 11]) is None


def test_the_empty_batch_is_another_matter() -> None:
    assert pattern([1, 2, 3], [0]) is None
    assert pattern([0, 2, 3], [5, 7]) == Pattern("at every size above 3", 3)


@pytest.mark.parametrize(("right", "wrong"), [(256, 1025), (1500, 300)])
def test_a_limit_is_found_to_the_row(right: int, wrong: int) -> None:
    asked: list[int] = []

    def is_wrong(size: int) -> bool:
        asked.append(size)
        return size > 1000 if wrong > right else size < 1000

    expected = (1000, 1001) if wrong > right else (1000, 999)
    assert boundary(right, wrong, is_wrong) == expected
    assert len(asked) <= 11

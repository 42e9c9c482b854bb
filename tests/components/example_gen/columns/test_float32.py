"""Different numbers that become one as float32."""

import random
from decimal import Decimal

import pyarrow as pa
import pytest

from components.artifacts.ingest import Collapse
from components.example_gen.block import FeatureType
from components.example_gen.columns.float32 import Float32Sample, merged


def collapse(*arrays: pa.Array, kind: FeatureType = "double") -> Collapse | None:
    sample = Float32Sample({"a": kind})
    for array in arrays:
        sample.add(pa.record_batch({"a": array}))
    return sample.collapsed().get("a")


TWO = ("16777216", "16777217")
"""2 to the power of 24, and the first whole number that is no float32."""


@pytest.mark.parametrize(
    "array",
    [
        pa.array([16777216, 16777217, None]),
        pa.array([16777216, 16777217], pa.uint64()),
        pa.array([16777216.0, 16777217.0, float("nan"), float("inf")]),
        pa.array(["16777216", "16777217", "16777217.0", "word", "1e999", None]),
        pa.array([Decimal("16777216"), Decimal("16777217")]),
        pa.array([[16777216, 16777217], None, []]),
    ],
    ids=["integers", "uint64", "floats", "texts", "decimals", "lists"],
)
def test_neighbours_become_one(array: pa.Array) -> None:
    assert collapse(array) == Collapse(distinct=2, left=1, whole=True, example=TWO)


def test_pieces_that_were_read_in_different_ways_count_together() -> None:
    found = collapse(pa.array([0.5, 16777217.0]), pa.array(["16777216", "0.5"]))
    assert found == Collapse(distinct=3, left=2, whole=False, example=TWO)


def test_numbers_beyond_sixty_four_bits_keep_their_digits_until_they_are_counted() -> None:
    keys = [str(10**20 + i) for i in range(9)]
    assert collapse(pa.array(keys)) == Collapse(distinct=9, left=1, whole=True, example=(keys[0], keys[1]))


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, 2, 16777216]),
        pa.array([0.1, 0.2, 0.3]),
        pa.array([10**18, 2 * 10**18, 3 * 10**18]),
        pa.array([0.1, 0.1]),
        pa.array([16777217.0, 16777216.0], pa.float32()),
        pa.array([True, False]),
        pa.array([None], pa.float64()),
    ],
)
def test_nothing_is_lost(array: pa.Array) -> None:
    assert collapse(array) is None


def test_text_columns_are_not_looked_at() -> None:
    assert collapse(pa.array(["16777216", "16777217"]), kind="string") is None


def test_a_million_measurements_lose_next_to_nothing() -> None:
    random.seed(7)
    found = collapse(*(pa.array([random.random() for _ in range(1000)]) for _ in range(50)))  # noqa: S311
    assert found is None or found.distinct - found.left < 0.01 * found.distinct


def test_merging_takes_the_part_that_lost_most_in_any_order() -> None:
    little, much = (Collapse(distinct=9, left=left, whole=True, example=TWO) for left in (8, 3))
    for parts in ([little, much], [much, little]):
        assert merged({"a": part} for part in parts) == {"a": much}

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocessing.row_hash import LONG, row_hash

INT = st.none() | st.integers(-(2**63), 2**63 - 1)
FLOAT = st.none() | st.floats()
TEXT = st.none() | st.text(max_size=40) | st.sampled_from(["", "a", "ab" * 20, "x" * LONG, "x" * (LONG + 1)])
LISTS = st.none() | st.lists(st.integers(-5, 5), max_size=4)
ROW = st.tuples(INT, FLOAT, TEXT, LISTS)
TYPES = [pa.int64(), pa.float64(), pa.string(), pa.list_(pa.int64())]
ROWS = st.lists(ROW, min_size=1, max_size=30)


def batch(rows: Sequence[tuple[object, ...]], order: Sequence[int] = (0, 1, 2, 3)) -> pa.RecordBatch:
    columns = [pa.array([row[i] for row in rows], TYPES[i]) for i in order]
    return pa.record_batch(columns, names=[f"column {i}" for i in order])


def one(value: object, kind: pa.DataType, name: str = "a") -> int:
    return int(row_hash(pa.record_batch([pa.array([value], kind)], names=[name]))[0])


@settings(deadline=None, max_examples=80)
@given(ROWS, st.permutations(range(4)), st.integers(0, 30))
def test_the_order_of_columns_and_the_cut_into_batches_do_not_matter(
    rows: list[tuple[object, ...]], order: list[int], cut: int
) -> None:
    whole = batch(rows)
    alone = [int(row_hash(batch([row]))[0]) for row in rows]
    assert row_hash(whole).tolist() == alone
    assert row_hash(batch(rows, order)).tolist() == alone
    assert row_hash(whole.slice(cut)).tolist() == alone[cut:]
    assert row_hash(whole.slice(0, cut)).tolist() == alone[:cut]


@settings(deadline=None, max_examples=80)
@given(st.lists(TEXT, min_size=1, max_size=30), st.integers(0, 30))
def test_dictionaries_and_wide_offsets_are_text_all_the_same(cells: list[str | None], cut: int) -> None:
    plain = pa.array(cells, pa.string())
    expected = row_hash(pa.record_batch([plain], names=["a"])).tolist()
    for other in (plain.dictionary_encode(), plain.cast(pa.large_string()), plain.cast(pa.binary())):
        assert row_hash(pa.record_batch([other.slice(cut)], names=["a"])).tolist() == expected[cut:]


@settings(deadline=None, max_examples=80)
@given(st.lists(TEXT, unique=True, min_size=2, max_size=30))
def test_different_texts_differ(cells: list[str | None]) -> None:
    assert len(set(row_hash(pa.record_batch([pa.array(cells, pa.string())], names=["a"])))) == len(cells)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.lists(st.integers(-3, 3), max_size=4).map(tuple), unique=True, min_size=2, max_size=40))
def test_different_lists_differ(cells: list[tuple[int, ...]]) -> None:
    hashes = row_hash(pa.record_batch([pa.array([list(c) for c in cells], TYPES[3])], names=["a"]))
    assert len(set(hashes)) == len(cells)


def test_no_clashes_among_many_rows() -> None:
    n = 200_000
    numbers = pa.record_batch([np.arange(n), np.arange(n)[::-1].copy() / 7], names=["a", "b"])
    assert len(np.unique(row_hash(numbers))) == n
    words = pa.record_batch([pa.array([f"customer {i}" for i in range(n)])], names=["a"])
    assert len(np.unique(row_hash(words))) == n


@pytest.mark.parametrize(
    ("one_value", "other", "kind"),
    [
        (float("nan"), None, pa.float64()),
        (0.0, -0.0, pa.float64()),
        ([], None, pa.list_(pa.int64())),
        (np.float32(0.5), 0.5, pa.float64()),
    ],
)
def test_what_is_the_same(one_value: object, other: object, kind: pa.DataType) -> None:
    assert one(one_value, kind) == one(other, kind)


def test_a_list_of_one_is_its_value() -> None:
    assert one([7], pa.list_(pa.int64())) == one(7, pa.int64())
    assert one(["x"], pa.list_(pa.string())) == one("x", pa.string())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1, pa.int64(), "a"), (1, pa.int64(), "b")),
        ((1, pa.int64()), ("1", pa.string())),
        ((1, pa.int64()), (1.0, pa.float64())),
        (("", pa.string()), (None, pa.string())),
        (("a", pa.string()), ("a\0", pa.string())),
        (("x" * LONG, pa.string()), ("x" * (LONG + 1), pa.string())),
        (([1, 2], pa.list_(pa.int64())), ([2, 1], pa.list_(pa.int64()))),
        (([1, None], pa.list_(pa.int64())), ([1], pa.list_(pa.int64()))),
    ],
)
def test_what_is_not(first: tuple[object, pa.DataType], second: tuple[object, pa.DataType]) -> None:
    assert one(*first) != one(*second)


def test_values_that_swap_columns_change_the_row() -> None:
    rows = pa.record_batch([[1, 2], [2, 1]], names=["a", "b"])
    assert len(set(row_hash(rows))) == 2


def test_a_column_without_values_is_no_column() -> None:
    rows = pa.record_batch([[1, 2]], names=["a"])
    more = rows.append_column("b", pa.nulls(2)).append_column("c", pa.nulls(2, pa.string()))
    assert row_hash(more).tolist() == row_hash(rows).tolist()
    assert row_hash(more, ["a"]).tolist() == row_hash(rows).tolist()


def test_lists_cut_out_of_a_larger_array() -> None:
    column = pa.array([[9, 9], [1, 2], None, [], [3], [4, None]], pa.list_(pa.int64()))
    cut = pa.record_batch([column.slice(1)], names=["a"])
    assert row_hash(cut).tolist() == [one(value, pa.list_(pa.int64())) for value in column.to_pylist()[1:]]


def test_no_rows() -> None:
    empty = pa.record_batch([pa.array([], kind) for kind in TYPES], names=list("abcd"))
    assert row_hash(empty).shape == (0,)


def test_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="timestamp"):
        one(0, pa.timestamp("s"))


def test_every_bit_of_the_hash_is_a_coin() -> None:
    hashes = row_hash(pa.record_batch([np.arange(100_000)], names=["a"]))
    for bit in range(64):
        ones = int(((hashes >> np.uint64(bit)) & np.uint64(1)).sum())
        assert abs(ones - 50_000) < 5 * 158, bit  # five standard deviations of 100,000 coins


def test_golden_values() -> None:
    """Written down once: other values would move the rows of every table to other splits."""
    rows = [
        (1, 0.5, "penguin", [1, 2]),
        (-(2**63), -1e300, "", []),
        (None, None, None, None),
        (2**63 - 1, float("inf"), "é" * 70, [None, 0]),
    ]
    assert row_hash(batch(rows)).tolist() == GOLDEN


GOLDEN = [7098348603176101478, 5687429055848001066, 16294208416658607535, 11841476382132694774]

"""What columns hold and which type they get: the same for every division of the table into blocks."""

import itertools
import pickle
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.meant import meant

from components.example_gen.block import Rows
from components.example_gen.columns.facts import ColumnFacts, merge, survey
from components.example_gen.columns.use import ColumnUse, resolve_types, schema_types, wanted_type
from preprocessing.errors import UserError

WORDS = ("", "NA", "?")
ROLES = ("number", "weight", "category", "boolean", "date", "class", "target", "key", "own", "unused")
TEXTS = st.sampled_from(
    ["", "NA", "1", "-5", "007", "1.5", " 2", "x", "9223372036854775807", "9223372036854775808", "1e3", "true", "nan"]
)


def rows(columns: dict[str, Any]) -> Rows:
    batch = pa.record_batch(columns)
    return Rows(batch, np.arange(1, batch.num_rows + 1))


def parts(array: pa.Array, cuts: list[int]) -> list[pa.Array]:
    bounds = sorted({0, len(array), *(cut % (len(array) + 1) for cut in cuts)})
    return [array.slice(start, end - start) for start, end in itertools.pairwise(bounds)]


def facts_of(array: pa.Array, words: tuple[str, ...] | None = None) -> ColumnFacts:
    return survey(meant(rows({"a": array}), words))["a"]


ARRAYS = st.one_of(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=12).map(
        lambda v: pa.array(v, pa.int64())
    ),
    st.lists(st.one_of(st.none(), st.integers(0, 2**64 - 1)), max_size=12).map(lambda v: pa.array(v, pa.uint64())),
    st.lists(st.one_of(st.none(), st.floats(), st.integers(-9, 9).map(float)), max_size=12).map(
        lambda v: pa.array(v, pa.float64())
    ),
    st.lists(st.one_of(st.none(), st.booleans()), max_size=12).map(lambda v: pa.array(v, pa.bool_())),
    st.lists(st.one_of(st.none(), TEXTS), max_size=12).map(lambda v: pa.array(v, pa.string())),
    st.lists(st.one_of(st.none(), st.binary(max_size=3)), max_size=12).map(lambda v: pa.array(v, pa.binary())),
    st.lists(st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=3)), max_size=12).map(
        lambda v: pa.array(v, pa.list_(pa.int64()))
    ),
    st.lists(st.one_of(st.none(), st.dates()), max_size=12).map(lambda v: pa.array(v, pa.date32())),
)


def told(facts: ColumnFacts) -> tuple[Any, ...]:
    return facts.rows, facts.missing, facts.multiple, facts.cells.kind, facts.cells.integers, set(facts.types)


@settings(deadline=None, max_examples=200)
@given(ARRAYS, st.lists(st.integers(0, 100), max_size=5), st.randoms(use_true_random=False))
def test_any_division_and_any_order_give_the_same_types(array: pa.Array, cuts: list[int], random: Any) -> None:
    whole = facts_of(array)
    divided = [survey(meant(rows({"a": part}), None)) for part in parts(array, cuts)]
    random.shuffle(divided)
    merged = reduce(merge, divided, {}).get("a", ColumnFacts(types=(array.type,)))
    assert told(merged) == told(whole)
    for role in ROLES:
        assert wanted_type(merged, ColumnUse(role)) == wanted_type(whole, ColumnUse(role))


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXTS, max_size=15), st.lists(st.integers(0, 100), max_size=5), st.randoms(use_true_random=False))
def test_the_same_holds_of_csv_cells(cells: list[str], cuts: list[int], random: Any) -> None:
    array = pa.array(cells, pa.string())
    whole = facts_of(array, WORDS)
    divided = [survey(meant(rows({"a": part}), WORDS)) for part in parts(array, cuts)]
    random.shuffle(divided)
    merged = reduce(merge, divided, {}).get("a", ColumnFacts())
    assert told(merged) == told(whole)
    assert merged.cells.leading_zeros == whole.cells.leading_zeros or whole.cells.kind == "mixed"
    for role in ROLES:
        assert wanted_type(merged, ColumnUse(role)) == wanted_type(whole, ColumnUse(role))


@settings(deadline=None, max_examples=100)
@given(st.lists(ARRAYS, max_size=5), st.randoms(use_true_random=False))
def test_blocks_of_several_types_give_the_same_types_in_any_order(arrays: list[pa.Array], random: Any) -> None:
    """JSON Lines: each block has the types of what stands in it."""
    surveys = [survey(meant(rows({"a": array}), None)) for array in arrays]
    shuffled = random.sample(surveys, len(surveys))
    left, right = (reduce(merge, each, {}).get("a", ColumnFacts()) for each in (surveys, shuffled))
    for role in ROLES:
        assert wanted_type(left, ColumnUse(role)) == wanted_type(right, ColumnUse(role))


def test_merging_changes_neither_part() -> None:
    left, right = (survey(meant(rows({"a": array}), None)) for array in (pa.array([1]), pa.array(["x"])))
    before = pickle.dumps((left, right))
    assert merge(left, right)["a"].rows == 2
    assert pickle.dumps((left, right)) == before


def test_facts_can_travel() -> None:
    facts = survey(rows({"a": pa.array([[1], None]), "b": pa.array([1.5, None])}))
    assert pickle.loads(pickle.dumps(facts)) == facts  # noqa: S301 - made a line above; Beam does the same


@pytest.mark.parametrize(
    ("array", "rows_present", "multiple"),
    [
        (pa.array([1, None]), 1, False),
        (pa.array([float("nan"), 1.5, None]), 1, False),
        (pa.array(["", "x", None]), 1, False),
        (pa.array(["NA"]), 1, False),
        (pa.array(["x", "y", None]).dictionary_encode(), 2, False),
        (pa.array([b"", b"\xff"]), 1, False),
        (pa.array([[1], [], None, [None]]), 1, False),
        (pa.array([[1, 2], [3, None]]), 2, True),
        (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), 1, True),
        (pa.array([[""], ["", "x"]], pa.large_list(pa.large_string())), 1, False),
        (pa.nulls(3), 0, False),
        (pa.array([{"x": 1}, None]), 1, False),
    ],
)
def test_what_is_missing(array: pa.Array, rows_present: int, multiple: bool) -> None:
    facts = facts_of(array)
    assert (facts.rows, facts.present, facts.multiple) == (len(array), rows_present, multiple)


def test_words_that_mean_missing_are_for_csv_alone() -> None:
    assert facts_of(pa.array(["NA", "x"]), WORDS).present == 1


class TestTypes:
    @pytest.mark.parametrize(
        ("array", "role", "expected"),
        [
            (pa.array([1, 2]), "number", "int64"),
            (pa.array([1, 2]), "category", "int64"),
            (pa.array([1.0, 2.0]), "number", "double"),
            (pa.array([1.0, 2.0]), "category", "int64"),
            (pa.array([1.5]), "category", "string"),
            (pa.array([2**63], pa.uint64()), "number", "double"),
            (pa.array([2**63], pa.uint64()), "key", "string"),
            (pa.array([True]), "number", "int64"),
            (pa.array([True]), "unused", "string"),
            (pa.array(["007"]), "unused", "string"),
            (pa.array(["7"]), "category", "string"),
            (pa.array(["7"]), "number", "double"),
            (pa.array([b"7"]), "unused", "string"),
            (pa.array([[1, 2]]), "unused", "int64"),
            (pa.array([20240131]), "date", "int64"),
        ],
    )
    def test_by_role(self, array: pa.Array, role: Any, expected: str) -> None:
        assert wanted_type(facts_of(array), ColumnUse(role)) == expected

    @pytest.mark.parametrize(
        ("cells", "role", "expected"),
        [
            (["1", "2"], "number", "int64"),
            (["1", "NA"], "category", "int64"),
            (["1", "2.5"], "number", "double"),
            (["1", "x"], "number", "double"),
            (["007", "8"], "category", "string"),
            (["007", "8"], "unused", "string"),
            (["1.5"], "unused", "double"),
            (["1", "x"], "unused", "string"),
            ([""], "number", "double"),
        ],
    )
    def test_of_csv_cells(self, cells: list[str], role: Any, expected: str) -> None:
        assert wanted_type(facts_of(pa.array(cells), WORDS), ColumnUse(role)) == expected

    def test_digits_that_are_a_date_stay_text(self) -> None:
        facts = facts_of(pa.array(["20240131"]), WORDS)
        assert wanted_type(facts, ColumnUse("date", date_format="%Y%m%d")) == "string"
        assert wanted_type(facts, ColumnUse("date")) == "int64"

    def test_blocks_without_a_value_say_nothing_of_the_type(self) -> None:
        both = merge(survey(rows({"a": pa.nulls(2)})), survey(rows({"a": pa.array([True])})))["a"]
        assert wanted_type(both, ColumnUse("number")) == "int64"

    def test_resolved(self) -> None:
        found = survey(
            rows({"n": pa.array([1]), "e": pa.nulls(1), "s": pa.array([{"x": 1}]), "d": pa.nulls(1, pa.string())})
        )
        types, left_out = resolve_types(found, {"d": ColumnUse(declared="int64")})
        assert types == {"n": "int64", "d": "int64"}
        assert left_out == {"e": "it is empty everywhere", "s": "its type is struct<x: int64>"}

    def test_a_column_that_not_every_file_has_is_left_out_unless_it_is_used(self) -> None:
        found = survey(rows({"n": pa.array([1]), "k": pa.array(["x"]), "d": pa.array(["y"])}))
        lacking = dict.fromkeys(("n", "k", "d"), "b.csv has no such column")
        uses = {"k": ColumnUse("category"), "d": ColumnUse(declared="string")}
        types, left_out = resolve_types(found, uses, lacking)
        assert types == {"k": "string"}  # its reader refuses the file, with its name
        assert left_out == dict.fromkeys(("n", "d"), "nobody uses it, and b.csv has no such column")

    def test_used_columns_must_be_there_and_of_a_type_that_a_feature_has(self) -> None:
        found = survey(rows({"s": pa.array([{"x": 1}])}))
        with pytest.raises(UserError, match="'s' is of type struct"):
            resolve_types(found, {"s": ColumnUse("own")})
        with pytest.raises(UserError, match="'q' is not in the table; its columns are 's'"):
            resolve_types(found, {"q": ColumnUse("number")})
        assert resolve_types(found, {"q": ColumnUse(declared="string")})[0] == {}

    def test_the_schema_is_read_from_its_text(self) -> None:
        text = 'feature { name: "a" type: INT } feature { name: "b" type: BYTES } feature { name: "c" }'
        assert schema_types(text) == {"a": "int64", "b": "string"}
        with pytest.raises(UserError, match=r"data\.schema: the schema can't be read"):
            schema_types("feature {")

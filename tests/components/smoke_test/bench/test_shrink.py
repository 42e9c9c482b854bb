"""Requests that fail become small, and stay requests that fail; models are Python functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.stand_in import ModelRefusesError, bench, signature, texts

from components.smoke_test.bench.asked import Asked
from components.smoke_test.bench.bench import Bench, Rows
from components.smoke_test.bench.relations import Agree, Alone, Finite
from components.smoke_test.bench.search_time import SearchTime
from components.smoke_test.bench.shrink import ddmin, parts_of, smallest
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import Smallest

NUMBER = TensorSpec("float32", (None,))
COLUMNS = {"x": NUMBER, "y": NUMBER, "word": TensorSpec("string", (None,))}
ROWS = [
    {"x": np.array([float(i)], np.float32), "y": np.array([i / 3], np.float32), "word": texts([f"word {i}"])}
    for i in range(1, 9)
]


def on(answer: Callable[[Mapping[str, Any]], Any], *names: str, **more: Any) -> Bench:
    signatures = [signature(name, COLUMNS, value=NUMBER) for name in names or ("serving_default",)]
    return bench(
        lambda name, inputs, _: {"value": np.asarray(answer({**inputs, "signature": name}), np.float32)},
        signatures=signatures,
        rows=Rows(ROWS, range(10, 10 + len(ROWS))),
        prediction="value",
        **more,
    )


def found(answer: Callable[[Mapping[str, Any]], Any], places: Sequence[int] = range(len(ROWS))) -> Smallest | None:
    """The smallest batch whose rows are not answered as alone."""
    made = on(answer)
    [only] = made.answering()
    relation = Alone(Asked(made, only, made.request(only, made.rows.rows)), "batch_sizes")
    with made.search_time.smallest() as slot:
        return smallest(made, relation, parts_of(ROWS, list(places), None), slot)


@given(needed=st.sets(st.integers(0, 60), min_size=1, max_size=4))
def test_ddmin_finds_exactly_what_is_needed(needed: set[int]) -> None:
    def first(selections: Sequence[Sequence[int]]) -> int | None:
        return next((i for i, each in enumerate(selections) if needed <= set(each)), None)

    assert ddmin(range(61), first) == sorted(needed)


def test_two_rows_that_must_be_together_are_found_with_the_column_that_matters() -> None:
    # Row 13 (x = 4) is 100 off where row 16 (x = 7) is in the batch.
    def answer(inputs: Any) -> Any:
        return inputs["x"] + 100.0 * ((inputs["x"] == 4) & (7 in inputs["x"]))

    request = found(answer)
    assert request is not None
    assert [(each.row, each.values, each.times) for each in request.rows] == [(13, {"x": "4"}, 1), (16, {"x": "7"}, 1)]
    assert request.others == "every other column missing"
    assert (request.expected, request.received) == ("value [4], as alone", "[104], off by up to 18.2")
    assert request.signature == "serving_default"
    assert (
        request.line() == "2 rows: row 13 (x = 4), row 16 (x = 7); every other column missing: expected value [4], as "
        "alone, received [104], off by up to 18.2"
    )


def test_where_the_size_alone_matters_copies_of_one_row_say_so() -> None:
    request = found(lambda inputs: inputs["x"] + (len(inputs["x"]) >= 5))
    assert request is not None
    assert [(each.row, each.times, each.values) for each in request.rows] == [(10, 5, {})]
    assert request.request().startswith("5 rows: 5 times row 10")


def test_an_error_that_needs_many_rows_is_halved_down_to_its_number() -> None:
    def answer(inputs: Any) -> Any:
        if len(inputs["x"]) > 70:
            raise ModelRefusesError("InvalidArgument", "too many rows")
        return inputs["x"]

    request = found(answer, [i % 8 for i in range(200)])
    assert request is not None
    assert (request.size(), request.received) == (71, "InvalidArgument: too many rows")


def test_values_become_simple_where_that_fails_too() -> None:
    # Any two rows with different words disturb each other.
    request = found(lambda inputs: inputs["x"] + 1.0 * (len(set(inputs["word"].tolist())) > 1))
    assert request is not None
    assert [each.values for each in request.rows] == [{"word": "''"}, {"word": "'a'"}]


def test_a_request_that_does_not_fail_again_is_none() -> None:
    assert found(lambda inputs: inputs["x"]) is None


def test_what_takes_many_rows_is_not_shown() -> None:
    # Only all eight together, each with its own number.
    assert found(lambda inputs: inputs["x"] + 1.0 * (len(set(inputs["x"].tolist())) == 8)) is None


def test_without_time_nothing_is_asked() -> None:
    made = on(lambda inputs: inputs["x"] * len(inputs["x"]))
    [only] = made.answering()
    relation = Alone(Asked(made, only, made.request(only, ROWS)), "batch_sizes")
    before = len(made.session.asked)
    with SearchTime(0.0, ()).smallest() as slot:
        assert smallest(made, relation, parts_of(ROWS, range(8), None), slot) is None
    assert len(made.session.asked) == before


def test_the_columns_that_make_nan_are_named_and_the_others_are_those_of_a_good_row() -> None:
    made = on(lambda inputs: np.where((inputs["x"] == 5) & (inputs["y"] > 1.5), np.nan, inputs["x"]))
    [only] = made.answering()
    plain = parts_of(ROWS, [0], None)[0]
    with made.search_time.smallest() as slot:
        request = smallest(made, Finite(made, only), parts_of(ROWS, [4], None), slot, plain=plain)
    assert request is not None
    # A third of five, and still more than one and a half where it is rounded.
    assert [each.values for each in request.rows] == [{"x": "5", "y": "2"}]
    assert request.others == "every other column missing"


def test_signatures_are_compared_on_the_column_that_they_read_differently() -> None:
    def answer(inputs: Any) -> Any:
        off = 1.0 * (inputs["y"] > 2) if inputs["signature"] == "other" else 0.0
        return inputs["x"] + off

    made = on(answer, "one", "other")
    one, other = made.answering()
    relation = Agree(made, one, other, ("value",))
    with made.search_time.smallest() as slot:
        request = smallest(made, relation, parts_of(ROWS, [7], None), slot, plain=parts_of(ROWS, [0], None)[0])
    assert request is not None
    assert (request.signature, [list(each.values) for each in request.rows]) == ("other", [["y"]])
    assert request.expected.endswith("as one answers")


@pytest.mark.parametrize("noise", [1e-7, 1e-6])
def test_what_shows_no_failure_beyond_the_tolerance_is_not_a_smaller_request(noise: float) -> None:
    def answer(inputs: Any) -> Any:
        return inputs["x"] + noise * len(inputs["x"]) + 10.0 * (len(inputs["x"]) > 3)

    request = found(answer)
    assert request is not None
    assert request.size() == 4


def test_the_reserve_is_given_out_by_halves() -> None:
    time = SearchTime(8.0, ())
    with time.smallest() as first:
        pass
    with time.smallest() as second:
        pass
    assert first.seconds == pytest.approx(1.0, abs=0.1)
    assert second.seconds == pytest.approx(1.0, abs=0.1)  # the first one needed nothing

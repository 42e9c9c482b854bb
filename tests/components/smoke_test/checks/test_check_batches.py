"""The same row, the same answer: models that keep to it and models that don't, as Python functions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, failures, of, signature, texts

from components.smoke_test.bench.bench import Rows
from components.smoke_test.bench.search_time import SearchTime
from components.smoke_test.checks.batches import check_batches
from components.smoke_test.export.constants import Constants
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Answer

X = (0.5, -2.0, 3.0, 1.0, 7.0)
LONG = {"batches": {"max_rows": 12}, "search": {"seconds": 20}}
SMALL = {"batches": {"max_rows": 12}}
VALUE = {"prediction": "value"}


def run(model: Callable[..., Any], **more: Any) -> list[CheckResult]:
    on = bench(model, **{"x": X, "config": SMALL} | VALUE | more)
    if "search" not in more.get("config", {}):
        # Time for other sizes alone, which little is enough for: the tests of other searches say so.
        on = replace(on, search_time=SearchTime(20.0, ["batch_sizes"]))
    return list(check_batches(on))


def of_x(function: Callable[[Any], Any]) -> Callable[..., Mapping[str, Any]]:
    """A model whose value is a function of the whole column."""
    return lambda _, inputs, __: {"value": function(inputs["x"]).astype(np.float32)}


def failed(results: list[CheckResult]) -> set[str]:
    return {each.check for each in failures(results)}


SOUND = of_x(lambda x: 3 * x + 1)


def test_a_sound_model_passes_every_size_order_repeat_and_thread() -> None:
    results = run(SOUND)
    assert {each.status for each in results} == {"passed"}
    sizes = ["0 rows", "1 row", "2 rows", "7 rows", "12 rows", "other sizes"]
    assert [each.case for each in of(results, "batch_sizes")] == sizes
    assert {each.check for each in results} == {"batch_sizes", "row_order", "repeatable", "threads"}


def test_the_sizes_are_those_of_the_configuration() -> None:
    on = bench(SOUND, x=X, config={"batches": {"sizes": (3,), "max_rows": 4, "threads": 2, "repeats": 2}}, **VALUE)
    assert [each.case for each in of(check_batches(on), "batch_sizes")] == ["3 rows", "4 rows", "other sizes"]
    asked = [rows for _, rows in on.session.asked]
    assert asked.index(3) < asked.index(4) < asked.index(33)


def test_larger_batches_hold_the_rows_in_turn() -> None:
    seen: dict[int, list[float]] = {}

    def remember(x: Any) -> Any:
        seen.setdefault(len(x), x.tolist())
        return x

    run(of_x(remember))
    assert seen[7] == [*X, *X[:2]]


def test_rounding_that_depends_on_the_batch_is_allowed_up_to_the_tolerance() -> None:
    def off(share: float) -> list[CheckResult]:
        return run(of_x(lambda x: 1000 + x + 1000 * share * (len(x) % 2)), task="regression")

    assert failed(off(0.9e-4)) == set()
    # The five real rows are an odd number too: only even batches differ.
    assert {each.case for each in failures(off(1.2e-4)) if each.check == "batch_sizes"} == {
        *("2 rows", "12 rows"),
        "4 rows",  # the smallest of those that were searched
    }


def test_rounding_of_a_value_near_zero_is_no_difference_in_a_batch_of_its_own() -> None:
    # 1e-6 off in values around one; the first row is a thousandth.
    assert failed(run(of_x(lambda x: x + 1e-6 * (len(x) == 1)), x=(1e-3, 1.0, -1.5, 2.0), task="regression")) == set()


def test_batch_normalisation_in_training_mode() -> None:
    results = run(of_x(lambda x: x - x.sum() / max(1, len(x))))
    assert failed(results) == {"batch_sizes", "row_order"}  # the order alone changes nothing, other neighbours do
    assert {each.case for each in failures(results) if each.check == "row_order"} == {
        "among copies of row 11",
        "among copies of row 14",
    }
    assert "training mode" in failures(results)[0].hint


def test_an_answer_that_depends_on_the_place() -> None:
    results = run(of_x(lambda x: x + 0.1 * (np.arange(len(x)) % 2)))
    assert {"reversed", "shuffled"} >= {each.case for each in of(failures(results), "row_order")} - {
        "among copies of row 11",
        "among copies of row 14",
    }
    assert "row_order" in failed(results)


@pytest.mark.parametrize(
    ("case", "function"),
    [
        # The five rows are at the places 10 to 14; sorted, they are -2, 0.5, 1, 3, 7.
        ("sorted by", lambda x: x + (len(x) > 4 and bool(np.all(np.diff(x) > 0)) and x[0] < x[-1])),
        ("the highest first", lambda x: x + (len(x) > 4 and bool(np.all(np.diff(x) < 0)) and x[0] > x[-1])),
        ("each row twice", lambda x: x + (len(x) > 2 and len(x) % 2 == 0 and bool(np.all(x[::2] == x[1::2])))),
        ("row 13 last", lambda x: x + (1 < len(x) < 5 and x[-1] == 1.0)),
        ("row 13 first", lambda x: x + (1 < len(x) < 5 and x[0] == 1.0 and x[-1] != x[0])),
        ("row 13 alone", lambda x: x + (len(x) == 1 and x[0] == 1.0)),
        ("drawn by chance", lambda x: x + (np.sum(x == 1.0) == 3)),
    ],
)
def test_an_order_in_which_the_answers_are_others(case: str, function: Any) -> None:
    found = of(failures(run(of_x(function), config=SMALL | {"search": {"seconds": 20}})), "row_order")
    assert found
    assert case in found[0].case


def test_what_there_was_no_time_for_is_said() -> None:
    [result] = of(run(SOUND, config=SMALL | {"search": {"seconds": 1e-6}}), "row_order")
    # Of 2 + 2 * 2 * 2 batches of twins and sorted ones, and three with each of five rows, none; four always.
    assert result.received == "the same in 4 batches, 21 left out for want of time"


def test_an_answer_that_depends_on_the_request_before() -> None:
    last = [0.0]

    def after(x: Any) -> Any:
        before, last[0] = last[0], float(x.sum())
        # After row 13 alone; two rows are asked by other checks too, after others.
        return x + (before == 1.0 and len(x) == 2)

    found = of(failures(run(of_x(after))), "repeatable")
    assert [each.case for each in found] == ["after another request"]
    assert "must depend on its own request alone" in found[0].hint


def test_one_wrong_answer_in_two_hundred_is_seen() -> None:
    random = np.random.default_rng(8)

    def rarely(_: str, inputs: Any, threads: int) -> Any:
        return {"value": inputs["x"] + (threads > 1 and random.random() < 0.005)}

    found = of(failures(run(rarely, config=SMALL | {"search": {"seconds": 20}})), "threads")
    assert len(found) == 1
    # 4,000 requests would show it with all but certainty: 0.995 ** 4000 is 2e-9.
    assert "clients at once" in found[0].expected


def test_the_first_answer_of_all_is_compared_too() -> None:
    on = bench(SOUND, x=X, config=SMALL, **VALUE)
    on = replace(on, first={"serving_default": Answer({"value": np.array([99.0], np.float32)})})
    [found] = of(failures(check_batches(on)), "repeatable")
    assert (found.row, found.received.split(",")[0]) == (10, "[2.5]")


def test_a_neighbour_is_named_by_its_place_in_the_split() -> None:
    # The third row, at place 12, gets another answer where the last one is not in the batch.
    results = run(of_x(lambda x: np.where((x == 3.0) & (7.0 not in x), 5.0, x)), config=LONG)
    assert [(each.check, each.case, each.row) for each in failures(results)] == [
        ("batch_sizes", "3 rows", 12),
        ("row_order", "among copies of row 11", 12),
    ]


def test_an_empty_batch_that_is_an_error() -> None:
    def refuse(_: str, inputs: Any, __: int) -> Any:
        if not len(inputs["x"]):
            raise ModelRefusesError("InvalidArgument", "assertion failed")
        return {"value": inputs["x"]}

    (found,) = failures(run(refuse))
    assert (found.check, found.case, found.signature) == ("batch_sizes", "0 rows", "serving_default")
    assert found.received == "InvalidArgument: assertion failed"
    assert "empty batch" in found.hint


def test_an_empty_batch_that_gets_an_answer_for_a_row() -> None:
    (found,) = failures(run(of_x(lambda x: x if len(x) else np.zeros(1))))
    assert (found.case, found.row) == ("0 rows", None)
    assert (found.expected, found.received) == ("the same answers in a batch of 0: value shape [0]", "shape [1]")


def test_a_fixed_batch_size() -> None:
    results = run(of_x(lambda x: np.resize(x, 5)))
    assert {each.case for each in failures(results)} >= {"0 rows", "1 row", "2 rows", "7 rows", "12 rows"}
    assert "fixed in the graph" in of(failures(results), "batch_sizes")[1].hint


def searched(results: list[CheckResult]) -> CheckResult:
    """The result of the sizes that the configuration does not name."""
    return of(results, "batch_sizes")[-1]


@pytest.mark.parametrize(
    ("is_wrong", "case", "hint"),
    [
        (lambda n: n > 1000, "1001 rows", "wrong at every size above 1,000: look for what depends on the number"),
        (lambda n: n > 32 and n % 32, "33 rows", "wrong at every size that is not a multiple of 32, from 33 on"),
        (lambda n: n and n % 48 == 0, "48 rows", "wrong at multiples of 48 and no other size"),
    ],
)
def test_a_size_that_the_configuration_does_not_name(is_wrong: Callable[[int], bool], case: str, hint: str) -> None:
    results = run(of_x(lambda x: x + bool(is_wrong(len(x)))), config=LONG)
    found = searched(results)
    assert (found.status, found.case) == ("failed", case)
    assert hint in found.hint
    assert "wrong at" in found.received


def test_the_hint_names_the_place_of_the_limit() -> None:
    on = bench(of_x(lambda x: x + (len(x) > 600)), **{"x": X, "config": LONG} | VALUE)
    object.__setattr__(on, "constants", Constants({600: "Const Greater/y"}))
    assert "the graph holds 600 in Const Greater/y" in searched(list(check_batches(on))).hint


def test_a_size_that_is_an_error() -> None:
    def refuse(_: str, inputs: Any, __: int) -> Any:
        if len(inputs["x"]) > 700:
            raise ModelRefusesError("InvalidArgument", "too many")
        return {"value": inputs["x"]}

    found = searched(run(refuse, config=LONG))
    assert (found.case, found.status) == ("701 rows", "failed")
    assert found.received.startswith("InvalidArgument: too many")


def test_more_rows_than_memory_holds_are_left_out() -> None:
    def allocate(_: str, inputs: Any, __: int) -> Any:
        if len(inputs["x"]) > 700:
            raise ModelRefusesError("ResourceExhausted", "out of memory")
        return {"value": inputs["x"]}

    found = searched(run(allocate, config=LONG))
    assert found.status == "passed"
    assert "left out for want of time or memory: 1000" in found.received


def test_without_time_nothing_is_searched() -> None:
    on = bench(SOUND, **{"x": X, "config": SMALL} | VALUE)
    object.__setattr__(on, "search_time", SearchTime(0.0, ["batch_sizes"]))
    found = searched(list(check_batches(on)))
    assert (found.status, found.case) == ("skipped", "other sizes")
    assert "no time to search" in found.received


def test_dropout_left_on() -> None:
    random = np.random.default_rng(1)
    results = run(of_x(lambda x: x * (random.random(len(x)) > 0.3) / 0.7))
    assert "repeatable" in failed(results)
    assert "training=False" in of(failures(results), "repeatable")[0].hint
    # It is not the batch, and not the threads.
    assert "check `repeatable` first" in of(failures(results), "row_order")[0].hint
    assert of(results, "threads")[0].status == "skipped"


@pytest.mark.parametrize("step", [0.1, 1e-6], ids=["beyond the tolerance", "within it"])
def test_a_variable_that_changes_with_each_call(step: float) -> None:
    calls = iter(range(10_000))
    (found,) = of(run(of_x(lambda x: np.full(len(x), 2 + step * next(calls)))), "repeatable")
    assert found.status == "failed"
    assert "a variable changes" in found.hint
    assert (step == 0.1) or "drifts in one direction" in found.received


def test_an_answer_that_depends_on_what_was_asked_before() -> None:
    seen: list[int] = []

    def remember(x: Any) -> Any:
        seen.append(len(x))
        return x + (seen[-2] if len(seen) > 1 and seen[-2] < len(x) else 0)

    assert "repeatable" in failed(run(of_x(remember)))


def test_an_answer_that_was_another_one_in_the_beginning() -> None:
    calls = iter(range(10_000))
    (found,) = of(run(of_x(lambda x: x + (next(calls) > 0))), "repeatable")
    assert (found.status, found.row) == ("failed", 10)


def test_rounding_that_is_not_the_same_twice_is_no_drift() -> None:
    random = np.random.default_rng(3)
    assert failed(run(of_x(lambda x: x + 10 + random.choice([0, 1e-6], len(x))))) == set()


def test_requests_at_the_same_time_that_share_a_variable() -> None:
    last: list[Any] = [np.zeros(5, np.float32)]

    def share(_: str, inputs: Any, threads: int) -> Any:
        mine, last[0] = last[0], inputs["x"]
        return {"value": mine if threads > 1 and len(mine) == len(last[0]) else last[0]}

    (found,) = failures(run(share))
    assert (found.check, found.signature) == ("threads", "serving_default")
    assert "share a variable" in found.hint


def test_an_error_that_only_many_clients_get() -> None:
    def refuse(_: str, inputs: Any, threads: int) -> Any:
        if threads > 1:
            raise ModelRefusesError("Aborted", "busy")
        return {"value": inputs["x"]}

    (found,) = failures(run(refuse))
    assert (found.check, found.received) == ("threads", "Aborted: busy")


def test_one_client_is_no_crowd() -> None:
    results = run(SOUND, config={"batches": {"threads": 1}})
    assert of(results, "threads")[0].received == "smoke_test.batches.threads is 1"


def test_outputs_that_belong_to_no_row_and_scalar_inputs_stay_as_they_are() -> None:
    inputs = {"x": TensorSpec("float32", (None,)), "factor": TensorSpec("float32", ())}
    outputs = {
        "value": TensorSpec("float32", (None,)),
        "words": TensorSpec("string", (5,)),  # as many as there are rows
        "rows": TensorSpec("int64", ()),
    }
    one = signature("serving_default", inputs, **outputs)

    def answer(_: str, given: Any, __: int) -> Any:
        assert given["factor"].shape == ()
        return {"value": given["x"] * given["factor"], "words": texts(list("abcde")), "rows": np.int64(len(given["x"]))}

    made = [{"x": np.array([each], np.float32), "factor": np.array([each], np.float32)} for each in X]
    rows = bench(SOUND).rows.__class__(made, range(5))
    results = run(answer, signatures=(one,), rows=rows)
    assert {each.status for each in results} == {"passed"}


def test_a_signature_for_one_example_at_a_time() -> None:
    scalar = signature("serving_default", {"x": TensorSpec("float32", ())}, value=TensorSpec("float32", ()))
    results = run(of_x(lambda x: x * 2), signatures=(scalar,))
    assert {each.check: each.status for each in results} == {
        "batch_sizes": "skipped",
        "row_order": "skipped",
        "repeatable": "passed",
        "threads": "passed",
    }


def test_a_single_row() -> None:
    results = run(SOUND, x=(2.0,))
    assert failed(results) == set()
    assert of(results, "row_order")[0].received == "there is only one row"


def test_labels_may_change_where_two_classes_are_equally_probable() -> None:
    def answer(_: str, inputs: Any, __: int) -> Any:
        even = len(inputs["x"]) % 2 == 0
        positive = np.where(inputs["x"] > 2.5, 0.5, 0.9) + (1e-7 if even else -1e-7)
        return {
            "probabilities": np.stack([1 - positive, positive], axis=1).astype(np.float32),
            "label": texts(["yes" if each >= 0.5 else "no" for each in positive]),
        }

    specs = {"probabilities": TensorSpec("float32", (None, 2)), "label": TensorSpec("string", (None,))}
    assert failed(run(answer, signatures=(signature(**specs),), task="binary", prediction="probabilities")) == set()


def test_a_batch_whose_answer_no_message_holds_is_skipped_with_the_reason() -> None:
    wide = np.ones((5, 500_000), np.float32)
    on = bench(
        lambda _, inputs, __: {"embedding": np.resize(wide, (len(inputs["x"]), 500_000))},
        signatures=(signature(embedding=TensorSpec("float32", (None, 500_000))),),
        x=X,
        config={"batches": {"sizes": (0, 1), "max_rows": 1000, "threads": 2}},
    )
    results = list(check_batches(on))
    assert failed(results) == set()
    assert [(each.case, each.status) for each in of(results, "batch_sizes")] == [
        ("0 rows", "passed"),
        ("1 row", "passed"),
        ("1000 rows", "skipped"),
        ("other sizes", "passed"),
    ]
    assert "1.9 GiB" in of(results, "batch_sizes")[2].received


def test_nothing_is_asked_of_a_model_that_does_not_answer() -> None:
    def refuse(*_: Any) -> Any:
        raise ModelRefusesError("Internal", "broken")

    results = run(refuse)
    assert [each.status for each in results] == ["skipped"] * 4
    assert "see the check `answers`" in results[0].received


def test_rows_that_share_one_value_only() -> None:
    rows = Rows(
        [{"x": np.array([each], np.float32), "id": np.array([i])} for i, each in enumerate((2, 7, 1, 5))], range(4)
    )
    inputs = {"x": TensorSpec("float32", (None,)), "id": TensorSpec("int64", (None,))}

    def last_of_each(_: str, sent: Any, __: int) -> Any:
        last = dict(zip(sent["id"].tolist(), sent["x"].tolist(), strict=True))
        return {"value": np.array([last[each] for each in sent["id"].tolist()])}

    found = failures(check_batches(bench(last_of_each, signatures=(signature(inputs=inputs),), rows=rows)))
    assert [each.case for each in found if each.check == "row_order"] == ["4 rows with the same id"]
    assert found[-1].smallest is not None
    assert "the same id get each other's answers" in found[-1].hint

    def refuses(_: str, sent: Any, __: int) -> Any:
        # A rule between two columns, which rows that were mixed for the test break.
        if not set(zip(sent["id"].tolist(), sent["x"].tolist(), strict=True)) <= {(0, 2), (1, 7), (2, 1), (3, 5)}:
            raise ModelRefusesError("InvalidArgument", "no such pair")
        return {"value": sent["x"]}

    assert failures(check_batches(bench(refuses, signatures=(signature(inputs=inputs),), rows=rows))) == []

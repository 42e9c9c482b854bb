"""Signatures that answer the same question are compared on all that they share; models are Python functions."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from support.stand_in import bench, of, signature, texts

from components.smoke_test.bench.bench import Rows
from components.smoke_test.checks.parity import check_parity
from components.smoke_test.export.constants import Constants, Vocabulary
from components.smoke_test.export.contract import Signature, TensorSpec
from components.smoke_test.report import CheckResult

NUMBER = TensorSpec("float32", (None,))
INPUTS = {"age": NUMBER, "height": NUMBER, "weight": NUMBER}
RANDOM = np.random.default_rng(6)
ROWS = [{name: RANDOM.normal(size=1).astype(np.float32) for name in INPUTS} for _ in range(20)]
DEFAULTS = {"age": 0.0, "height": 0.0, "weight": 0.0}


def taking(
    name: str, inputs: Mapping[str, TensorSpec] = INPUTS, *, optional: bool = False, **outputs: TensorSpec
) -> Any:
    made = signature(name, inputs, **outputs)
    defaults = frozenset(inputs) if optional else frozenset[str]()
    return Signature(name, "features", "predict", made.inputs, made.outputs, defaults, made.features)


def price(inputs: Mapping[str, Any]) -> Any:
    return inputs["age"] + 2 * inputs["height"] + 4 * inputs["weight"]


def run(answers: Mapping[str, Callable[[Any], Any]], *signatures: Any, **more: Any) -> list[CheckResult]:
    def model(name: str, inputs: Mapping[str, Any], _: int) -> Any:
        rows = max(len(each) for each in inputs.values())
        outputs = answers[name](inputs)
        return outputs if isinstance(outputs, dict) else {"price": np.broadcast_to(outputs, (rows,))}

    made = bench(model, signatures=signatures, rows=Rows(ROWS, range(20)), **more)
    return of(check_parity(made), "signatures_agree")


def test_what_one_gives_beside_the_other_does_not_hide_that_they_differ() -> None:
    answers = {
        "serving_default": price,
        "with_reasons": lambda inputs: {"price": price(inputs) * np.float32(1.02), "reasons": inputs["age"]},
    }
    [found] = run(
        answers, taking("serving_default", price=NUMBER), taking("with_reasons", price=NUMBER, reasons=NUMBER)
    )
    assert (found.status, found.signature, found.row) == ("failed", "with_reasons", 0)
    assert "the expected ones times 1.02" in found.hint


def test_the_same_with_an_extra_output_passes() -> None:
    answers = {"serving_default": price, "more": lambda inputs: {"price": price(inputs), "reasons": inputs["age"]}}
    [found] = run(answers, taking("serving_default", price=NUMBER), taking("more", price=NUMBER, reasons=NUMBER))
    assert found.status == "passed"
    assert re.fullmatch(r"the same, also for \d+ values that no row has", found.received)


@pytest.mark.parametrize("name", ["output_0", "outputs", "output"])
def test_an_output_that_nobody_named_may_be_something_else(name: str) -> None:
    answers = {
        "serving_default": lambda inputs: {name: price(inputs)},
        "embed": lambda inputs: {name: np.tanh(inputs["age"]), "output_1": inputs["height"]},
    }
    [found] = run(
        answers, taking("serving_default", **{name: NUMBER}), taking("embed", **{name: NUMBER, "output_1": NUMBER})
    )
    assert (found.status, found.received) == ("skipped", "no two signatures answer the same question")


def test_neither_holds_the_other_they_are_left_alone_unless_most_rows_agree() -> None:
    signatures = taking("serving_default", price=NUMBER, low=NUMBER), taking("other", price=NUMBER, high=NUMBER)

    def answers(function: Callable[[Any], Any]) -> Mapping[str, Callable[[Any], Any]]:
        return {
            "serving_default": lambda inputs: {"price": price(inputs), "low": inputs["age"]},
            "other": lambda inputs: {"price": function(inputs), "high": inputs["age"]},
        }

    [alone] = run(answers(lambda inputs: np.tanh(inputs["age"])), *signatures)
    assert alone.status == "skipped"
    [found] = run(answers(lambda inputs: price(inputs) + 1.0 * (inputs["age"] > 0.8)), *signatures)
    assert found.status == "failed"
    assert found.smallest is not None
    assert "age" in found.smallest.rows[0].values


@pytest.mark.parametrize("pair", [("age", "height"), ("height", "weight"), ("age", "weight")])
def test_columns_that_are_exchanged_are_named(pair: tuple[str, str]) -> None:
    one, other = pair
    answers = {
        "serving_default": price,
        "other": lambda inputs: price({**inputs, one: inputs[other], other: inputs[one]}),
    }
    [found] = run(answers, taking("serving_default", price=NUMBER), taking("other", price=NUMBER))
    assert (found.status, found.case) == ("failed", f"columns {one} and {other} exchanged")
    assert f"the values of {one} and {other} exchanged" in found.hint


def test_a_column_that_is_read_otherwise_is_named_and_no_exchange() -> None:
    answers = {"serving_default": price, "other": lambda inputs: price({**inputs, "height": np.abs(inputs["height"])})}
    [found] = run(answers, taking("serving_default", price=NUMBER), taking("other", price=NUMBER))
    assert (found.status, found.case) == ("failed", "")
    assert "comes with the values of height" in found.hint
    assert found.smallest is not None
    assert [list(each.values) for each in found.smallest.rows] == [["height"]]


@pytest.mark.parametrize(
    ("column", "change", "words"),
    [
        ("height", lambda value: value + 1, "other reads height plus 1"),
        ("weight", lambda value: value * 1000, "other reads weight times 1,000"),
        ("age", lambda value: value * 0, "other reads age as 0"),
    ],
)
def test_how_a_column_is_read_otherwise(column: str, change: Callable[[Any], Any], words: str) -> None:
    answers = {"serving_default": price, "other": lambda inputs: price({**inputs, column: change(inputs[column])})}
    [found] = run(answers, taking("serving_default", price=NUMBER), taking("other", price=NUMBER))
    assert (found.status, found.case) == ("failed", "")
    # Of numbers alone, a column plus 1 is also a price plus 2.
    assert words in found.hint or (column == "height" and "plus 2" in found.hint)


def filled(weight: float) -> Callable[[Any], Any]:
    return lambda inputs: price({**DEFAULTS, "weight": weight, **inputs})


def test_defaults_that_differ_are_found_though_every_row_has_all_values() -> None:
    signatures = taking("serving_default", optional=True, price=NUMBER), taking("other", optional=True, price=NUMBER)
    [found] = run({"serving_default": filled(0.0), "other": filled(1.0)}, *signatures)
    assert (found.status, found.case, found.row) == ("failed", "without weight", 0)
    assert "different defaults in the place of a missing value (weight)" in found.hint
    assert found.smallest is not None
    assert [each.values for each in found.smallest.rows] == [{"weight": "missing"}]
    [sound] = run({"serving_default": filled(0.5), "other": filled(0.5)}, *signatures)
    assert sound.status == "passed"
    assert "the same, also without a value in 3 columns, also for " in sound.received


def test_what_one_of_them_needs_is_not_left_out() -> None:
    signatures = taking("serving_default", optional=True, price=NUMBER), taking("other", price=NUMBER)
    [found] = run({"serving_default": filled(0.0), "other": filled(1.0)}, *signatures)
    assert found.status == "passed"
    assert re.fullmatch(r"the same, also for \d+ values that no row has", found.received)


def test_classes_in_another_order_are_not_put_down_to_a_column() -> None:
    names = np.array(["a", "b", "c"])

    def answer(order: list[int]) -> Callable[[Any], Any]:
        return lambda inputs: {"price": price(inputs), "classes": texts(np.tile(names[order], (len(inputs["age"]), 1)))}

    outputs = {"price": NUMBER, "classes": TensorSpec("string", (None, 3))}
    [found] = run(
        {"serving_default": answer([0, 1, 2]), "other": answer([2, 1, 0])},
        taking("serving_default", **outputs),
        taking("other", **outputs),
    )
    assert found.status == "failed"
    assert found.hint.startswith("the answers are the expected ones in another order of the columns")


def test_two_questions_with_two_signatures_each() -> None:
    # The first of all answers another question than the last two, which answer the same one differently.
    answers = {
        "a": price,
        "b": lambda inputs: {"class": np.sign(inputs["age"])},
        "c": lambda inputs: {"class": np.sign(inputs["height"])},
    }
    found = run(answers, taking("a", price=NUMBER), taking("b", **{"class": NUMBER}), taking("c", **{"class": NUMBER}))
    assert [(each.signature, each.status) for each in found] == [("c", "failed")]
    assert "b answers" in found[0].expected


def agreeing(one: Callable[[Any], Any], other: Callable[[Any], Any], constants: Constants) -> CheckResult:
    """Two signatures of one text and one number."""
    inputs = {"city": TensorSpec("string", (None,)), "age": NUMBER}
    rows = [
        {"city": texts([city]), "age": np.array([age], np.float32)} for city, age in zip("abc", (1, 5, 9), strict=True)
    ]

    def model(name: str, sent: Mapping[str, Any], _: int) -> Any:
        return {"price": (one if name == "serving_default" else other)(sent)}

    signatures = taking("serving_default", inputs, price=NUMBER), taking("other", inputs, price=NUMBER)
    made = bench(model, signatures=signatures, rows=Rows(rows, range(3)))
    object.__setattr__(made, "constants", constants)
    [found] = of(check_parity(made), "signatures_agree")
    return found


def letters(sent: Mapping[str, Any]) -> Any:
    """A weight for each of five words, and the age."""
    weights = dict(zip((b"a", b"b", b"c", b"d", b"e"), (0.1, 0.7, 0.4, 0.9, 0.2), strict=True))
    return np.array([weights.get(word, 0.0) for word in sent["city"].tolist()]) + sent["age"] / 10


VOCABULARY = Constants(vocabularies=(Vocabulary("the words", (b"a", b"b", b"c", b"d", b"e"), of_table=True),))


@pytest.mark.parametrize(
    ("other", "constants", "case", "hint"),
    [
        (lambda sent: letters(sent | {"city": texts([word.decode().lower() for word in sent["city"]])}),
         Constants(), "city = 'A'", "changes the case of city"),
        (lambda sent: letters(sent | {"city": np.where(sent["city"] == b"e", b"", sent["city"])}),
         VOCABULARY, "city = 'e'", "in the vocabulary of only one of the two"),
        (lambda sent: letters(sent | {"age": np.minimum(sent["age"], 10)}),
         Constants(floats={10.0: "Const top"}), "age = 10.8", "holds a number next to it in Const top"),
        (lambda sent: letters(sent | {"age": np.maximum(sent["age"], 0)}),
         Constants(), "age = -1", "clips, rounds or divides age"),
        (lambda sent: np.where(sent["age"] == 0, np.nan, letters(sent)), Constants(), "age = 0", "clips, rounds"),
    ],
    ids=["lower case", "a shorter vocabulary", "a clip", "negative numbers", "NaN"],
)  # fmt: skip
def test_values_that_no_row_has_are_answered_alike(other: Any, constants: Constants, case: str, hint: str) -> None:
    found = agreeing(letters, other, constants)
    assert (found.status, found.signature) == ("failed", "other")
    assert found.case.startswith(case)
    assert hint in found.hint


def test_two_that_agree_on_what_no_row_has() -> None:
    rounding = lambda sent: letters(sent) * np.float32(1 + 1e-7)  # noqa: E731 - as another order of additions
    found = agreeing(letters, rounding, VOCABULARY)
    assert found.status == "passed"
    assert re.fullmatch(r"the same, also for \d+ values that no row has", found.received)


def test_outputs_under_each_others_names() -> None:
    def both(sent: Mapping[str, Any]) -> Any:
        return {"mean": sent["age"], "spread": sent["height"]}

    def exchanged(sent: Mapping[str, Any]) -> Any:
        return {"mean": sent["height"], "spread": sent["age"], "top": sent["age"]}

    signatures = (
        taking("serving_default", mean=NUMBER, spread=NUMBER),
        taking("summary", mean=NUMBER, spread=NUMBER, top=NUMBER),
    )
    [found] = run({"serving_default": both, "summary": exchanged}, *signatures)
    assert found.status == "failed"
    assert "exchanged" in found.hint

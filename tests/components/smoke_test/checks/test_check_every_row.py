"""All examples of a split, with a Python function in the model's place."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, failures, of, signature, texts

from components.artifacts.golden import GoldenContract
from components.smoke_test.bench.bench import Rows
from components.smoke_test.bench.requests import decode, encode
from components.smoke_test.bench.split import Split
from components.smoke_test.checks.every_row import check_every_row
from components.smoke_test.export.contract import Signature, TensorSpec
from components.smoke_test.export.golden import Golden

ROWS = 3000
EXAMPLES = Signature(
    "examples",
    "examples",
    "predict",
    {"examples": TensorSpec("string", (None,))},
    {"value": TensorSpec("float32", (None,))},
)
TRANSFORM = Signature(
    "transform",
    "examples",
    "transform",
    {"examples": TensorSpec("string", (None,))},
    {"key": TensorSpec("int64", (None,))},
)
FEATURES = (signature(),)


def run(model: Any, *, signatures: Any = FEATURES, records: Any = None, **more: Any) -> list[Any]:
    """The results for a model that is asked the rows 0, 1000 and 2000 by other checks; `x` is the row's place."""
    records = records or [encode({"x": np.array([i], np.float32), "y": texts(["label"])}) for i in range(ROWS)]
    split = Split(records, range(len(records)), len(records))
    chosen = [0, len(records) // 3, 2 * len(records) // 3]
    stored = more.pop("stored", None)
    rows = Rows([decode(records[i]) for i in chosen], chosen, split=split, stored=stored)
    return list(check_every_row(bench(model, signatures=signatures, rows=rows, prediction="value", label="y", **more)))


def of_x(function: Any, seen: list[float] | None = None) -> Any:
    """A function of the column, however it is sent."""

    def answer(name: str, inputs: Any, _: int) -> Any:
        if "examples" in inputs:
            rows = [decode(each) for each in inputs["examples"]]
            assert not any("y" in row for row in rows) or name == "transform"
            x = np.array([row["x"][0] for row in rows], np.float32)
        else:
            x = inputs["x"]
        if name == "transform":
            return {"key": x.astype(np.int64) + 7}
        if seen is not None:
            seen.extend(x.tolist())
        return {"value": function(x).astype(np.float32)}

    return answer


@pytest.mark.parametrize("kind", [signature(), EXAMPLES], ids=["features", "examples"])
def test_every_row_is_asked_once_and_counted(kind: Signature) -> None:
    seen: list[float] = []
    [result] = run(of_x(lambda x: 2 * x, seen), signatures=(kind,), config={"search": {"seconds": 60}})
    assert (result.check, result.status, result.received) == ("finite", "passed", "3,000 of 3,000 rows")
    # The three of all checks are asked twice: for the answers, and for the time of a row.
    assert sorted(set(seen)) == list(range(ROWS))
    assert len(seen) == ROWS + 3


@pytest.mark.parametrize("kind", [signature(), EXAMPLES], ids=["features", "examples"])
def test_a_number_that_is_not_finite_is_named_by_its_row(kind: Signature) -> None:
    [found] = failures(run(of_x(lambda x: np.where(x == 1777, np.nan, x)), signatures=(kind,)))
    assert (found.check, found.case, found.row, found.received) == ("finite", "every row", 1777, "[nan]")


def test_a_row_that_is_an_error_is_found_among_the_others() -> None:
    def refuse(_: str, inputs: Any, __: int) -> Any:
        if 1777 in inputs["x"]:
            raise ModelRefusesError("InvalidArgument", "not this one")
        return {"value": inputs["x"]}

    [found] = failures(run(refuse))
    assert (found.check, found.row, found.received) == ("answers", 1777, "InvalidArgument: not this one")


def test_a_batch_that_is_too_large_for_the_model_is_no_fault_of_a_row() -> None:
    def refuse(_: str, inputs: Any, __: int) -> Any:
        if len(inputs["x"]) > 700:
            raise ModelRefusesError("InvalidArgument", "too many")
        return {"value": inputs["x"]}

    assert failures(run(refuse)) == []


def test_a_row_that_a_signature_cannot_take_is_named() -> None:
    records = [encode({"x": texts(["a"]) if i == 40 else np.array([i], np.float32)}) for i in range(90)]
    [found] = run(of_x(lambda x: x), records=records)
    assert (found.check, found.status, found.row) == ("answers", "failed", 40)


def test_the_trainers_predictions_of_further_rows() -> None:
    facts = {"task": "regression", "classes": None, "row_key": "key", "label": "y", "inputs": {}}
    keys = np.arange(ROWS)[::-1] + 7
    stored = Golden(GoldenContract.model_validate(facts), keys, (keys - 7).astype(np.float32))
    more = {"signatures": (signature(), TRANSFORM), "row_key": "key", "task": "regression", "stored": stored}
    results = run(of_x(lambda x: x), **more)
    [passed] = of(results, "parity")
    assert (passed.status, passed.expected) == ("passed", "the trainer's own predictions for 2,997 more rows")
    [found] = failures(run(of_x(lambda x: np.where(x == 1777, 5.0, x)), **more))
    assert (found.check, found.row, found.expected) == ("parity", 1777, "value [1777]")


def test_made_up_rows_and_signatures_of_one_row_are_left_alone() -> None:
    assert list(check_every_row(bench(of_x(lambda x: x)))) == []
    fixed = signature("fixed", {"x": TensorSpec("float32", (3,))})
    assert run(of_x(lambda x: x), signatures=(fixed,)) == []


def test_without_time_no_more_rows_are_asked_and_that_is_said() -> None:
    on = bench(of_x(lambda x: x), config={"search": {"seconds": 0.001}}, prediction="value")
    records = [encode({"x": np.array([i], np.float32)}) for i in range(10)]
    rows = Rows([decode(records[0])], [0], split=Split(records, range(10), 10))
    on = replace(on, rows=rows, search_time=type(on.search_time)(0.0, ["finite"]))
    [result] = check_every_row(on)
    assert result.received == "1 of 10 rows, spread over the split; more with a larger smoke_test.search.seconds"

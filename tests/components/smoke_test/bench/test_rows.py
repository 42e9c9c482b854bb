"""Which rows the model is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.stand_in import ModelRefusesError, StandIn, signature, texts

from components.artifacts.golden import GoldenContract
from components.smoke_test.bench.requests import decode, encode
from components.smoke_test.bench.rows import NoRowsError, choose_rows
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Feature, Signature, TensorSpec
from components.smoke_test.export.golden import Golden

TRANSFORM = Signature(
    "transform_features",
    "examples",
    "transform",
    {"examples": TensorSpec("string", (None,))},
    {"row_key_xf": TensorSpec("int64", (None, 1))},
)


def write(folder: Path, records: Sequence[bytes], name: str = "data.gz") -> list[str]:
    path = folder / name
    with tf.io.TFRecordWriter(str(path), "GZIP" if name.endswith(".gz") else "") as writer:
        for record in records:
            writer.write(record)
    return [str(path)]


def examples(count: int) -> list[bytes]:
    return [encode({"x": np.array([i], np.float32)}) for i in range(count)]


def contract(*signatures: Signature, row_key: str | None = "row_key_xf") -> Contract:
    return Contract(
        task="regression",
        classes=None,
        label=None,
        features={"x": Feature("x", "float32")},
        signatures={each.name: each for each in signatures},
        prediction="value",
        row_key=row_key,
    )


def golden(*keys: int) -> Golden:
    facts = {"task": "regression", "classes": None, "row_key": "row_key_xf", "label": "y", "inputs": {}}
    return Golden(GoldenContract.model_validate(facts), np.array(keys, np.int64), np.float32(keys) + 0.5)


def row_keys(_: str, inputs: Any, __: int) -> Any:
    """The transform signature: the key of row x is 100 + x."""
    return {"row_key_xf": np.array([[100 + int(decode(each)["x"][0])] for each in inputs["examples"]])}


def lenient_row_keys(_: str, inputs: Any, __: int) -> Any:
    """As `row_keys`, by place, whatever the examples are."""
    return {"row_key_xf": np.array([[100 + i] for i in range(len(inputs["examples"]))])}


def choose(
    files: list[str] | None, known: Contract, stored: Golden | None = None, model: Any = row_keys, **config: Any
) -> Any:
    return choose_rows(StandIn(model), known, stored, files, None, SmokeTestConfig(**config))  # type: ignore[arg-type]


def test_rows_spread_over_the_split_in_its_order(tmp_path: Path) -> None:
    rows = choose(write(tmp_path, examples(9)), contract(), rows=4)
    assert [row["x"].tolist() for row in rows.rows] == [[0], [2], [4], [6]]
    assert (list(rows.positions), rows.golden, rows.made) == ([0, 2, 4, 6], None, False)
    assert (len(rows.split.records), rows.split.total) == (9, 9)


def test_rows_that_the_trainer_has_predicted_with_their_predictions(tmp_path: Path) -> None:
    rows = choose(write(tmp_path, examples(9)), contract(TRANSFORM), golden(107, 102, 105, 999), rows=3)
    assert list(rows.positions) == [2, 5, 7]
    assert [row["x"].tolist() for row in rows.rows] == [[2], [5], [7]]
    assert rows.golden.tolist() == [102.5, 105.5, 107.5]


def test_rows_that_the_trainer_has_predicted_lie_evenly_apart(tmp_path: Path) -> None:
    rows = choose(write(tmp_path, examples(600)), contract(TRANSFORM), golden(*range(100, 700)), rows=4)
    assert list(rows.positions) == [0, 150, 300, 450]
    assert rows.golden.tolist() == [100.5, 250.5, 400.5, 550.5]


def test_a_row_beyond_those_that_are_asked_for_may_be_predicted(tmp_path: Path) -> None:
    rows = choose(write(tmp_path, examples(600)), contract(TRANSFORM), golden(590 + 100), rows=2)
    assert list(rows.positions) == [590]


def test_more_rows_come_from_all_over_the_split(tmp_path: Path) -> None:
    records = [*examples(8), b"\xff\xff", encode({"x": texts(["no number"])})]
    known = contract(TRANSFORM, signature())
    rows = choose(write(tmp_path, records), known, golden(100, 101, 102, 103), lenient_row_keys, rows=5)
    # The first four that are asked: by place the keys are theirs.
    assert list(rows.positions) == [0, 2, 4, 6]
    # Every second one; the one that is no example, and the one of another type, are left out.
    assert [row["x"].tolist() for row in rows.elsewhere] == [[0], [2], [4], [6]]


def test_none_of_the_rows_is_predicted(tmp_path: Path) -> None:
    with pytest.raises(NoRowsError, match="none among 9 rows of the test split") as caught:
        choose(write(tmp_path, examples(9)), contract(TRANSFORM), golden(5))
    assert caught.value.check == "golden"


def test_row_keys_that_are_not_given(tmp_path: Path) -> None:
    def refuse(*_: Any) -> Any:
        raise ModelRefusesError("InvalidArgument", "no label")

    with pytest.raises(NoRowsError, match="no label") as caught:
        choose(write(tmp_path, examples(2)), contract(TRANSFORM), golden(100), refuse)
    assert caught.value.check == "golden"


def test_golden_predictions_without_row_keys_leave_the_first_rows(tmp_path: Path) -> None:
    rows = choose(write(tmp_path, examples(3)), contract(signature()), golden(100), rows=2)
    assert (list(rows.positions), rows.golden) == ([0, 1], None)


def test_row_keys_come_from_a_signature_that_takes_examples(tmp_path: Path) -> None:
    other = signature(
        "keys", {"x": TensorSpec("float32", (None,)), "y": TensorSpec("float32", (None,))}, **TRANSFORM.outputs
    )
    rows = choose(write(tmp_path, examples(3)), contract(other), golden(100), rows=2)
    assert rows.golden is None


def test_rows_are_made_up_where_there_are_no_examples() -> None:
    rows = choose(None, contract(signature()), rows=5)
    assert (len(rows), rows.made, set(rows.rows[0])) == (5, True, {"x"})


def test_an_empty_split(tmp_path: Path) -> None:
    with pytest.raises(NoRowsError, match="no rows in the eval split"):
        choose(write(tmp_path, []), contract(), split="eval")


def test_a_record_that_is_no_example_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRowsError, match="not one") as caught:
        choose(write(tmp_path, [*examples(2), b"\xff\xff"]), contract())
    assert (caught.value.check, caught.value.row) == ("answers", 2)


@pytest.mark.parametrize("there", [True, False], ids=["damaged", "missing"])
def test_a_file_that_cannot_be_read(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "data"
    if there:
        path.write_bytes(b"x" * 100)
    with pytest.raises(NoRowsError) as caught:
        choose([str(path)], contract())
    assert caught.value.expected == "TFRecord files of serialized tf.Examples"


@pytest.mark.parametrize(
    ("values", "dtype", "fits"),
    [
        (texts(["a"]), "float32", False),
        (np.array([1.0], np.float32), "string", False),
        (np.array([1.5], np.float32), "int64", False),
        (np.array([2.0], np.float32), "int64", True),
        (np.array([2], np.int64), "float32", True),
        (np.array([2], np.int64), "bool", True),
        (texts(["a"]), "string", True),
    ],
)
def test_a_value_that_a_signature_cannot_take_is_named(tmp_path: Path, values: Any, dtype: str, fits: bool) -> None:
    files = write(tmp_path, [*examples(1), encode({"x": values})] if dtype != "string" else [encode({"x": values})])
    known = contract(signature("serve", {"x": TensorSpec(dtype, (None,))}), row_key=None)
    if fits:
        assert len(choose(files, known)) >= 1
        return
    with pytest.raises(NoRowsError) as caught:
        choose(files, known)
    assert caught.value.row == (0 if dtype == "string" else 1)
    assert caught.value.expected == f"column 'x' as {dtype}, which the signature serve takes"

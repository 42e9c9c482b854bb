"""The checks on answers, parity and batches with real SavedModels in the real process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.stand_in import failures, of, texts

from components.smoke_test.bench.bench import Bench, Rows
from components.smoke_test.bench.search_time import WEIGHTS, SearchTime
from components.smoke_test.checks.answers import check_answers
from components.smoke_test.checks.batches import check_batches
from components.smoke_test.checks.parity import check_parity
from components.smoke_test.config import Expect, Process, SmokeTestConfig
from components.smoke_test.export.derive import derive_contract
from components.smoke_test.export.saved_model import read_export
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Session

Tensors = dict[str, tf.Tensor]
PARSED = {
    "x": tf.io.FixedLenFeature([], tf.float32),
    "vector": tf.io.FixedLenFeature([3], tf.float32),
    "words": tf.io.VarLenFeature(tf.string),
    "whole": tf.io.FixedLenFeature([], tf.int64),
    "flag": tf.io.FixedLenFeature([], tf.int64),
    "double": tf.io.FixedLenFeature([1], tf.float32),
}
BY_FEATURE = {
    "x": tf.TensorSpec([None], tf.float32, name="x"),
    "vector": tf.TensorSpec([None, 3], tf.float32, name="vector"),
    "words": tf.TensorSpec([None, None], tf.string, name="words"),
    "whole": tf.TensorSpec([None], tf.int32, name="whole"),
    "flag": tf.TensorSpec([None], tf.bool, name="flag"),
    "double": tf.TensorSpec([None, 1], tf.float64, name="double"),
    "factor": tf.TensorSpec([], tf.float32, name="factor"),
}


class Model(tf.Module):
    """Takes inputs of every kind, and has one fault or none."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.weights = tf.Variable([1.0, -2.0, 0.5])
        self.calls = tf.Variable(0.0)
        self.scratch = tf.Variable(tf.zeros([1]), shape=tf.TensorShape([None]))

    def value(self, inputs: Tensors) -> tf.Tensor:
        """float32 [batch]."""
        numbers = inputs["x"] + tf.linalg.matvec(inputs["vector"], self.weights)
        numbers += tf.cast(inputs["whole"], tf.float32) - tf.cast(inputs["flag"], tf.float32)
        numbers += tf.cast(inputs["double"][:, 0], tf.float32)
        numbers += tf.reduce_sum(tf.cast(tf.strings.length(inputs["words"]), tf.float32), axis=1)
        return self.spoiled(100.0 + numbers)

    def spoiled(self, value: tf.Tensor) -> tf.Tensor:
        if self.fault == "dropout":
            return tf.nn.dropout(value, 0.3)
        if "counter" in self.fault:
            return value + self.calls.assign_add(1e-4 if "slow" in self.fault else 1.0)
        if self.fault == "mean of the batch":
            return value - tf.math.divide_no_nan(tf.reduce_sum(value), tf.cast(tf.size(value), tf.float32))
        if self.fault == "place":
            return value + tf.cast(tf.range(tf.size(value)) % 2, tf.float32)
        if self.fault == "nan":
            return tf.where(value > 105.0, np.float32("nan"), value)
        if self.fault == "scratch":
            # Between writing and reading it works for some milliseconds, so that others come in between.
            with tf.control_dependencies([self.scratch.assign(value, read_value=False)]):
                start = (0, tf.fill([256, 256], self.weights[0]))
            _, busy = tf.while_loop(lambda i, _: i < 30, lambda i, x: (i + 1, tf.tanh(x @ x)), start)
            with tf.control_dependencies([busy]):
                return self.scratch.read_value()
        return value

    def signatures(self) -> dict[str, Any]:
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serving_default(examples: tf.Tensor) -> Tensors:
            parsed = tf.io.parse_example(examples, PARSED)
            return {"value": self.value(parsed | {"words": tf.sparse.to_dense(parsed["words"], "")})}

        @tf.function(input_signature=[BY_FEATURE])
        def by_feature(inputs: Tensors) -> Tensors:
            # What does not belong to a row may be an input, and no output.
            return {"value": self.value(inputs) + 0.0 * inputs["factor"]}

        @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="example")])
        def one_example(example: tf.Tensor) -> Tensors:
            return {"doubled": 2.0 * tf.io.parse_single_example(example, {"x": PARSED["x"]})["x"]}

        return {"serving_default": serving_default, "by_feature": by_feature, "one_example": one_example}


def rows() -> Rows:
    random = np.random.default_rng(4)
    made = [
        {
            "x": random.normal(size=1).astype(np.float32),
            "vector": random.normal(size=3).astype(np.float32),
            "words": texts([["a"], ["bb", "c"], ["dddd"]][i % 3]),
            "whole": np.array([i % 4], np.int64),
            "flag": np.array([i % 2], np.int64),
            "double": random.normal(size=1).astype(np.float32),
            "factor": random.normal(size=1).astype(np.float32),
        }
        for i in range(20)
    ]
    return Rows(made, range(20))


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(Process()) as started:
        started.wait_until_started()
        yield started


def load(session: Session, fault: str, folder: Path) -> Bench:
    model = Model(fault)
    tf.saved_model.save(model, str(folder), signatures=model.signatures())
    export = read_export(folder)
    seconds = session.load(folder)
    contract = derive_contract(export, None, None, Expect(task="regression", prediction="value"))
    config = SmokeTestConfig()
    searches = SearchTime(1.0, tuple(WEIGHTS))
    return Bench(config, export, contract, session, rows(), load_seconds=seconds, search_time=searches)


def results(on: Bench) -> list[CheckResult]:
    return [*check_answers(on), *check_parity(on), *check_batches(on)]


@pytest.mark.slow
def test_inputs_of_every_kind_pass_every_check_again_and_again(session: Session, tmp_path: Path) -> None:
    on = load(session, "none", tmp_path)
    for _ in range(5):
        searches = SearchTime(1.0, tuple(WEIGHTS))
        again = Bench(on.config, on.export, on.contract, session, on.rows, load_seconds=1.0, search_time=searches)
        found = results(again)
        assert failures(found) == []
    passed = {(each.check, each.signature) for each in found if each.status == "passed"}
    for signature in ("serving_default", "by_feature"):
        assert {"answers", "outputs", "finite", "batch_sizes", "row_order", "repeatable", "threads"} <= {
            check for check, name in passed if name == signature
        }
    assert {("answers", "one_example"), ("repeatable", "one_example"), ("threads", "one_example")} <= passed
    assert on.answers["by_feature"].outputs["value"] == pytest.approx(
        on.answers["serving_default"].outputs["value"], rel=1e-5
    )


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("dropout", "repeatable"),
        ("counter", "repeatable"),
        ("slow counter", "repeatable"),
        ("mean of the batch", "batch_sizes"),
        ("place", "row_order"),
        ("scratch", "threads"),
        ("nan", "finite"),
    ],
)
def test_each_fault_is_caught_by_its_check(session: Session, tmp_path: Path, fault: str, check: str) -> None:
    found = failures(results(load(session, fault, tmp_path)))
    assert {"serving_default", "by_feature"} <= {each.signature for each in of(found, check)}
    # The signature without the fault is not accused.
    assert [each for each in found if each.signature == "one_example"] == []

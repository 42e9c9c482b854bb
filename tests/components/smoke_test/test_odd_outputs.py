"""Outputs of any rank, size and type: the gate judges them, and never ends in an error of its own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.zoo.rows import write_examples

from components.smoke_test.bench.requests import encode
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.gate import Subject, smoke_test
from components.smoke_test.report import Report

pytestmark = pytest.mark.slow

Outputs = dict[str, tf.Tensor]
SEARCH = {"search": {"seconds": 1}}

ODD: dict[str, Callable[[tf.Tensor], Outputs]] = {
    "scalar": lambda x: {"value": tf.reduce_sum(x)},
    "scalar_beside": lambda x: {"value": 2 * x, "version": tf.constant(3)},
    "scalar_text": lambda x: {"value": 2 * x, "version": tf.constant("v3")},
    "scalar_beside_text": lambda x: {"label": tf.as_string(x), "version": tf.constant(3)},
    "squeezed": lambda x: {"value": tf.squeeze(2 * x[:, tf.newaxis])},
    "no_columns": lambda x: {"value": tf.zeros([tf.size(x), 0])},
    "no_rows": lambda x: {"value": x[:0]},
    "one_row": lambda x: {"value": x[:1] * 0 + 5},
    "flat_lists": lambda x: {"values": tf.repeat(x, 3), "row_lengths": tf.fill([tf.size(x)], 3)},
    "transposed": lambda x: {"probabilities": tf.sigmoid(tf.stack([x, -x]))},
    "wide": lambda x: {"value": tf.repeat(x[:, tf.newaxis], 20_000, axis=1)},
    "deep": lambda x: {"value": tf.reshape(x, [-1, 1, 1, 1, 1])},
    "complex": lambda x: {"value": tf.complex(x, x)},
    "truth": lambda x: {"value": x > 0},
    "small": lambda x: {"value": tf.cast(tf.clip_by_value(x, -9, 9), tf.int8)},
    "half": lambda x: {"value": tf.cast(tf.clip_by_value(x, -9, 9), tf.bfloat16)},
}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of one export with a signature for each."""
    folder = tmp_path_factory.mktemp("odd")
    spec = [tf.TensorSpec([None], tf.float32, name="x")]
    signatures = {name: tf.function(each, input_signature=spec) for name, each in ODD.items()}
    tf.saved_model.save(tf.Module(), str(folder / "model"), signatures=signatures)
    rows = np.random.default_rng(1).normal(size=(100, 1)).astype(np.float32)
    write_examples(folder / "examples", [encode({"x": row}) for row in rows])
    files = [str(each) for each in Path(folder, "examples", "Split-test").iterdir()]
    config = SmokeTestConfig.model_validate(
        {
            "golden": "optional",
            "rows": 12,
            "batches": {"max_rows": 32},
            "budgets": {"requests": 10},
            "search": {"seconds": 1},
        }
    )
    return smoke_test(Subject(folder / "model", example_files=files), config)


def test_the_gate_comes_to_its_end(report: Report) -> None:
    process = [each for each in report.checks if each.check == "process"]
    assert [each.received for each in process] == ["it answered to the end"]
    answered = {each.signature for each in report.checks if each.check == "answers" and each.status == "passed"}
    assert answered == set(ODD)


@pytest.mark.parametrize("name", ["scalar_beside", "scalar_text", "wide", "deep", "truth", "half", "flat_lists"])
def test_what_has_a_value_for_each_row_is_compared_by_rows(report: Report, name: str) -> None:
    of_signature = [each for each in report.checks if each.signature == name]
    by_rows = {each.check: each.status for each in of_signature if each.check in ("row_order", "repeatable", "threads")}
    assert by_rows == {"row_order": "passed", "repeatable": "passed", "threads": "passed"}
    assert [each.line() for each in of_signature if each.check == "constant" and each.status == "failed"] == []

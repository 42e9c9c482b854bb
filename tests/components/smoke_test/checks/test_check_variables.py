"""NaN and infinity among what a model has learned, read from its files. Nothing is executed."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.zoo import broken_graph, module, tf1
from support.zoo.module import Linear, Outputs
from support.zoo.plain import SERVING

from components.smoke_test.checks import variables
from components.smoke_test.checks.variables import check_variables
from components.smoke_test.export.saved_model import read_export
from components.smoke_test.report import CheckResult

v1 = tf.compat.v1
Body = Callable[[Any, tf.Tensor], tf.Tensor]
INF, NAN = np.inf, np.nan


def run(folder: Path) -> CheckResult:
    return check_variables(read_export(folder / SERVING))


def save(folder: Path, values: Any, body: Body, dtype: Any = tf.float32) -> Path:
    """A model with one more variable, `more`."""

    class Model(Linear):
        def __init__(self) -> None:
            super().__init__()
            self.more = tf.Variable(tf.cast(np.array(values), dtype), name="more")

        def serve(self, x: tf.Tensor) -> Outputs:
            return {"y": body(self, x)}

    module.save(folder, Model())
    return folder


def embedding(model: Any, x: tf.Tensor) -> tf.Tensor:
    """One of the variable's rows for each row, averaged."""
    rows = tf.gather(model.more, tf.cast(x[:, 0], tf.int32) % 2)
    return tf.reduce_mean(tf.cast(rows, tf.float32), axis=1)


@pytest.mark.parametrize(
    ("build", "received"),
    [
        # Keras numbers its layers in the process.
        (
            broken_graph.nan_in_an_embedding,
            r"embedding(_\d+)?/embeddings_1: NaN in 3 of 3,000 values, the first at \[777, 0\]",
        ),
        (broken_graph.nan_in_a_part, r"table: NaN in 1 of 2,000 values, the first at \[600, 1\]"),
        (broken_graph.infinite_weight, r"kernel: infinity in 1 of 8 values, the first at \[3, 1\]"),
        (broken_graph.nan_in_a_frozen_table, r"constant table: NaN in 4 of 4,000 values, the first at \[999, 0\]"),
    ],
)
def test_exports_of_every_make(build: Callable[[Path], Any], received: str, tmp_path: Path) -> None:
    build(tmp_path)
    result = run(tmp_path)
    assert (result.status, result.severity) == ("failed", "block")
    assert re.fullmatch(received, result.received.split(" (and")[0])
    assert "training diverged" in result.hint


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float64])
def test_floats_of_every_width(dtype: Any, tmp_path: Path) -> None:
    save(tmp_path, [[1.0, 2.0], [3.0, NAN]], embedding, dtype)
    assert run(tmp_path).received == "more: NaN in 1 of 4 values, the first at [1, 1]"


def test_a_large_variable_is_looked_at_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "_CHUNK", 3)
    values = [[0.0, 1.0], [2.0, 3.0], [INF, NAN], [-INF, NAN]]
    save(tmp_path, values, embedding)
    assert run(tmp_path).received == (
        "more: NaN in 2 of 8 values, the first at [2, 1]; more: infinity in 2 of 8 values, the first at [2, 0]"
    )


def test_what_is_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "_MOST_BYTES", 40)
    save(tmp_path, np.zeros((5, 2)), embedding)
    # The kernel has 32 bytes.
    assert run(tmp_path).received == "1 variable read as data; more is too large to be read here"


@pytest.mark.parametrize(
    ("values", "body"),
    [
        ([[0.0, -INF], [0.0, 0.0]], lambda model, x: tf.nn.softmax(model.scores(x) + model.more[0])),
        ([-INF, 0.5, INF], lambda model, x: tf.searchsorted(model.more, x[:, 0])),
        ([-INF, INF], lambda model, x: tf.clip_by_value(model.scores(x), model.more[0], model.more[1])),
        ([-INF, -INF], lambda model, x: tf.maximum(model.scores(x), model.more)),
        ([-INF, 0.0], lambda model, x: tf.nn.softmax(tf.nn.bias_add(model.scores(x), model.more))),
    ],
    ids=["mask", "bounds of buckets", "bounds", "largest so far", "a class ruled out"],
)
def test_infinity_that_is_meant_is_told_and_passes(values: Any, body: Body, tmp_path: Path) -> None:
    save(tmp_path, values, body)
    result = run(tmp_path)
    assert result.status == "passed"
    assert "more: infinity in " in result.received
    assert "which nothing multiplies" in result.received


@pytest.mark.parametrize(
    "body",
    [
        lambda model, x: x[:, :2] * model.more,
        lambda model, x: tf.gather(model.more, tf.cast(x[:, 0], tf.int32) % 2),
        lambda model, x: tf.linalg.matvec(x[:, :2], tf.stack([model.more, model.more])),
        lambda model, x: tf.map_fn(lambda row: row[:2] * model.more, x),
    ],
    ids=["product", "answer", "matrix", "in a loop"],
)
def test_infinity_that_is_multiplied_is_refused(body: Body, tmp_path: Path) -> None:
    save(tmp_path, [1.0, INF], body)
    assert run(tmp_path).received == "more: infinity in 1 of 2 values, the first at [1]"


def test_what_no_signature_reads_is_told_and_passes(tmp_path: Path) -> None:
    save(tmp_path, [1.0, NAN], lambda model, x: model.scores(x))
    result = run(tmp_path)
    assert result.status == "passed"
    assert result.received == (
        "2 variables read as data; more: NaN in 1 of 2 values, the first at [1], which no signature reads"
    )


def test_nan_that_the_graph_looks_for_is_told_and_passes(tmp_path: Path) -> None:
    def filled(model: Any, x: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.math.is_nan(model.more), x[:, :2], model.more)

    save(tmp_path, [1.0, NAN], filled)
    result = run(tmp_path)
    assert result.status == "passed"
    assert result.received.endswith("more: NaN in 1 of 2 values, the first at [1], for which the graph itself looks")


def test_a_constant_for_what_is_missing_passes(tmp_path: Path) -> None:
    class Model(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            missing = tf.constant([NAN, NAN, 0.0, -1.0])
            return {"y": tf.where(tf.math.is_nan(x), missing, x), "z": self.scores(x)}

    module.save(tmp_path, Model())
    assert run(tmp_path).status == "passed"


def test_whole_numbers_and_no_variables(tmp_path: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        steps = v1.get_variable("steps", [], tf.int64, v1.zeros_initializer(), use_resource=False)
        return tf1.Graph({"x": x}, {"y": x * 2.0 + tf.cast(steps, tf.float32)})

    tf1.save(tmp_path, graph)
    assert run(tmp_path).received == "0 variables read as data"


def test_a_checkpoint_that_is_cut_off_is_another_checks_affair(tmp_path: Path) -> None:
    save(tmp_path, np.zeros((100, 2)), embedding)
    for file in (tmp_path / SERVING / "variables").glob("*.data*"):
        file.write_bytes(file.read_bytes()[:100])
    result = run(tmp_path)
    assert result.status == "skipped"
    assert "see `loads`" in result.received


def of_table(folder: Path, price: float, use: Callable[[tf.Tensor], tf.Tensor]) -> CheckResult:
    """A model with a table of prices, one of them this one."""

    class Model(Linear):
        def __init__(self) -> None:
            super().__init__()
            prices = tf.lookup.KeyValueTensorInitializer(["a", "b", "c"], [1.0, price, 3.0])
            self.prices = tf.lookup.StaticHashTable(prices, 2.0)

        def serve(self, x: tf.Tensor) -> Outputs:
            return {"y": use(self.prices.lookup(tf.strings.as_string(x[:, 0])))}

    module.save(folder, Model())
    return run(folder)


def test_nan_in_a_table(tmp_path: Path) -> None:
    found = of_table(tmp_path, NAN, lambda price: price + 1.0)
    assert found.status == "failed"
    assert re.fullmatch(r"the table of .*: NaN in 1 of 3 values, the first for 'b'", found.received)


@pytest.mark.parametrize(
    ("price", "use", "says"),
    [
        (NAN, lambda price: tf.where(tf.math.is_nan(price), 0.0, price), "for which the graph itself looks"),
        (INF, lambda price: tf.minimum(price, 9.0), "which nothing multiplies"),
        (5.0, lambda price: price * 2.0, "2 variables read as data"),
    ],
    ids=["looked for", "a bound", "finite"],
)
def test_tables_that_are_meant_so(price: float, use: Any, says: str, tmp_path: Path) -> None:
    found = of_table(tmp_path, price, use)
    assert found.status == "passed"
    assert says in found.received

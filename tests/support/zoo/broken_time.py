"""Models that are sound at first: what breaks comes with the number of requests, their order, or how many ask at once.

Their graphs hold operations that are refused before anything is executed. These checks are for what gets past that, so
those are off here.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.kinds import broken_elsewhere
from support.zoo.plain import SERVING

NO_LOOK_AT_THE_GRAPH = {"severity": {"ops": "off", "state": "off"}}
KERNEL = [[0.8, -0.4], [-0.3, 0.6], [0.2, 0.1], [-0.5, 0.7]]
SPEC = tf.TensorSpec([None, 4], tf.float32, name="measurements")


class Module(tf.Module):
    """A linear model of four numbers; a broken one overrides how it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(KERNEL)

    def answer(self, measurements: tf.Tensor) -> tf.Tensor:
        return measurements @ self.kernel


def save(module: Module, folder: Path) -> None:
    """Exports it with one signature."""
    serve = tf.function(lambda measurements: {"values": module.answer(measurements)}, input_signature=[SPEC])
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": serve})


def worked(row: tf.Tensor) -> tf.Tensor:
    """Takes about a hundredth of a second; gives the row."""
    end = tf.timestamp() + tf.constant(0.01, tf.float64)
    turns = tf.while_loop(lambda _: tf.timestamp() < end, lambda i: [i + 1.0], [tf.constant(0.0)])[0]
    return row + tf.cast(turns < 0.0, tf.float32)


class Slow(Module):
    """Sound, but a hundredth of a second for each row."""

    def answer(self, measurements: tf.Tensor) -> tf.Tensor:
        return tf.map_fn(worked, super().answer(measurements))


SLOW = {"process": {"phase_seconds": 5}, "batches": {"max_rows": 200}, "severity": {"state": "off"}}
"""A batch takes half a phase, so that five don't fit into one; that it looks at the clock makes it slow only."""


class CountingLayer(keras.layers.Layer):
    """Knows how often it was called."""

    def build(self, _: Any) -> None:
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, inputs: Any) -> Any:
        self.calls.assign_add(1.0)
        return self.changed(inputs, self.calls)

    def changed(self, inputs: Any, calls: Any) -> Any:
        raise NotImplementedError


def export_keras(layer: keras.layers.Layer, folder: Path) -> None:
    """Exports a model with one layer after a dense one."""
    inputs = keras.Input((4,), name="measurements")
    keras.Model(inputs, layer(keras.layers.Dense(2)(inputs))).export(folder / SERVING, verbose=False)


def save_tf1(folder: Path, outputs: Any) -> None:
    """Exports a TF1 graph: `outputs` makes the answer of the placeholder and the kernel."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        measurements = v1.placeholder(tf.float32, [None, 4], name="measurements")
        kernel = v1.get_variable("kernel", initializer=tf.constant(KERNEL))
        answer = outputs(measurements, measurements @ kernel)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder / SERVING), {"measurements": measurements}, {"values": answer})


@broken_elsewhere(
    "answers of another size after some thousand requests",
    make="tf.Module",
    check="endurance",
    says="e+30",
    batches={"threads": 1},
    **NO_LOOK_AT_THE_GRAPH,
)
def counter_overflows(folder: Path) -> None:
    class Overflows(Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = tf.Variable(0.0)

        def answer(self, measurements: tf.Tensor) -> tf.Tensor:
            late = tf.cast(self.calls.assign_add(1.0) > 1200.0, tf.float32)
            return super().answer(measurements) + tf.math.divide_no_nan(late, late) * np.float32(1e30)

    save(Overflows(), folder)


@broken_elsewhere(
    "one answer in some hundred single rows is another one",
    make="TF1",
    check="endurance",
    says="counts or learns",
    batches={"threads": 1},
    **NO_LOOK_AT_THE_GRAPH,
)
def one_in_some_hundred(folder: Path) -> None:
    def outputs(measurements: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        calls = tf.compat.v1.get_variable("calls", initializer=0, use_resource=False, trainable=False)
        alone = tf.cast(tf.equal(tf.shape(measurements)[0], 1), tf.int32)
        turn = tf.compat.v1.assign_add(calls, alone) % 450
        return values + tf.cast(tf.equal(turn, 449), tf.float32)

    save_tf1(folder, outputs)


@broken_elsewhere(
    "a table that keeps every row", make="tf.Module", check="endurance", says="memory grows", **NO_LOOK_AT_THE_GRAPH
)
def table_keeps_rows(folder: Path) -> None:
    class Remembers(Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, -1.0)
            self.rows = tf.Variable(0, dtype=tf.int64)

        def answer(self, measurements: tf.Tensor) -> tf.Tensor:
            rows = tf.shape(measurements, tf.int64)[0]
            keys = self.rows.assign_add(rows) - tf.range(rows)
            with tf.control_dependencies([self.seen.insert(keys, measurements[:, 0])]):
                return super().answer(measurements)

    save(Remembers(), folder)


@broken_elsewhere(
    "a queue that nobody empties", make="TF1", check="endurance", says="memory grows", **NO_LOOK_AT_THE_GRAPH
)
def queue_nobody_empties(folder: Path) -> None:
    def outputs(measurements: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        queue = tf.queue.FIFOQueue(10**6, [tf.float32], shared_name="waiting")
        with tf.control_dependencies([queue.enqueue([measurements])]):
            return tf.identity(values)

    save_tf1(folder, outputs)


@broken_elsewhere(
    "each request takes longer than the one before",
    make="Keras",
    check="endurance",
    says=" took ",
    **NO_LOOK_AT_THE_GRAPH,
)
def work_grows(folder: Path) -> None:
    class Grows(CountingLayer):
        def changed(self, inputs: Any, calls: Any) -> Any:
            turns = tf.while_loop(lambda i: i < calls, lambda i: [i + 1.0], [tf.zeros([])])[0]
            return inputs + tf.cast(turns < 0.0, tf.float32)

    export_keras(Grows(), folder)


@broken_elsewhere(
    "a list in a variable grows with each row",
    make="tf.Module",
    check="endurance",
    says="is kept of each request",
    **NO_LOOK_AT_THE_GRAPH,
)
def list_grows(folder: Path) -> None:
    class Appends(Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen = tf.Variable(tf.zeros([0, 64]), shape=tf.TensorShape([None, 64]))

        def answer(self, measurements: tf.Tensor) -> tf.Tensor:
            kept = self.seen.assign(tf.concat([self.seen, tf.tile(measurements, [1, 16])], axis=0))
            return super().answer(measurements) + tf.cast(tf.shape(kept)[0] < 0, tf.float32)

    save(Appends(), folder)


@broken_elsewhere(
    "one answer in a few hundred is another client's",
    make="tf.Module",
    check="threads",
    says="clients at once",
    **NO_LOOK_AT_THE_GRAPH,
)
def rarely_shared(folder: Path) -> None:
    class Shares(Module):
        def __init__(self) -> None:
            super().__init__()
            self.scratch = tf.Variable(tf.zeros([1, 2]), shape=tf.TensorShape([None, 2]))

        def answer(self, measurements: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies([self.scratch.assign(super().answer(measurements), read_value=False)]):
                start = tf.fill([32, 32], self.kernel[0, 0])
            with tf.control_dependencies([tf.debugging.assert_all_finite(tf.tanh(start @ start), "")]):
                return tf.ensure_shape(self.scratch.read_value(), [None, 2])

    save(Shares(), folder)


@broken_elsewhere(
    "requests at the same time share a reference variable",
    make="TF1",
    check="threads",
    says="share a variable",
    **NO_LOOK_AT_THE_GRAPH,
)
def rarely_shared_reference(folder: Path) -> None:
    def outputs(_: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        v1 = tf.compat.v1
        scratch = v1.get_variable(
            "scratch", initializer=tf.zeros([1, 2]), use_resource=False, trainable=False, validate_shape=False
        )
        written = v1.assign(scratch, values, validate_shape=False)
        with tf.control_dependencies([written]):
            return tf.reshape(scratch.read_value(), [-1, 2])

    save_tf1(folder, outputs)


@broken_elsewhere(
    "an answer that depends on how many rows the request before had",
    make="Keras",
    check="repeatable",
    says="a variable changes",
    **NO_LOOK_AT_THE_GRAPH,
)
def depends_on_the_last_request(folder: Path) -> None:
    class Remembers(keras.layers.Layer):
        def build(self, _: Any) -> None:
            self.rows = self.add_weight(shape=(), initializer="zeros", trainable=False, name="rows")

        def call(self, inputs: Any) -> Any:
            rows = tf.cast(tf.shape(inputs)[0], tf.float32)
            before = tf.identity(self.rows)
            with tf.control_dependencies([before]):
                self.rows.assign(rows)
            # Only after a request for one row.
            return inputs + tf.cast(tf.equal(before, 1.0) & (rows > 1.0), tf.float32)

    export_keras(Remembers(), folder)


@broken_elsewhere(
    "a hundredth of a second a row, and no higher budget",
    make="tf.Module",
    check="throughput",
    says="rows/s in batches of",
    budgets={"rows_per_second": 150},
    **SLOW,
)
def slow_batches(folder: Path) -> None:
    save(Slow(), folder)


@broken_elsewhere(
    "longer for a batch than a phase may take",
    make="Keras",
    check="throughput",
    says="would take about",
    severity={"state": "off"},
    process={"phase_seconds": 3},
    batches={"max_rows": 10_000},
    budgets={"rows_per_second": 150},
)
def slower_than_a_phase(folder: Path) -> None:
    class Works(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return tf.map_fn(worked, inputs)

    export_keras(Works(), folder)

"""Models that keep something from one request to the next, or take something from elsewhere than the request."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from support.zoo import module, tf1
from support.zoo.kinds import broken_elsewhere
from support.zoo.module import Linear, Outputs
from support.zoo.plain import SERVING

from components.smoke_test.gate import FAMILIES

v1 = tf.compat.v1
_ASKED = {"answers", "rest"}
FEW: dict[str, Any] = {
    "severity": {check: "off" for _, checks in FAMILIES for check in checks if not _ASKED & set(checks)}
}
"""Refused by what is in their files, or by their first answer: nothing else is asked, so that the zoo stays fast."""


def _keras(folder: Path, layer: Any) -> None:
    inputs = keras.Input((4,), name="x")
    keras.Model(inputs, layer(keras.layers.Dense(2)(inputs))).export(folder / SERVING, verbose=False)


@broken_elsewhere(
    "a reference variable counts requests, and the answers are NaN after 10,000",
    make="TF1",
    check="state",
    says="AssignAdd on 'calls'",
    **FEW,
)
def counts_by_reference(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        calls = v1.get_variable("calls", [], initializer=v1.zeros_initializer(), use_resource=False)
        count = v1.assign_add(calls, 1.0)
        return tf1.Graph({"x": x}, {"y": tf.where(count > 1e4, float("nan"), tf1.dense(x, 2))})

    tf1.save(folder, graph)


@broken_elsewhere("a list that grows by a row with each request", make="tf.Module", check="state", says="'seen'", **FEW)
def grows_with_each_request(folder: Path) -> None:
    class Growing(Linear):
        def __init__(self) -> None:
            super().__init__()
            self.seen = tf.Variable(tf.zeros([1, 4]), shape=tf.TensorShape([None, 4]), name="seen")

        def serve(self, x: tf.Tensor) -> Outputs:
            # Only now and then, in a branch and a loop.
            def keep() -> tf.Tensor:
                def step(i: tf.Tensor) -> tuple[tf.Tensor]:
                    self.seen.assign(tf.concat([self.seen, x[:1]], axis=0))
                    return (i + 1,)

                return tf.while_loop(lambda i: i < 1, step, [0])[0]

            with tf.control_dependencies([tf.cond(tf.reduce_sum(x) > 1e3, keep, lambda: 0)]):
                return super().serve(x)

    module.save(folder, Growing())


@broken_elsewhere("a queue that fills up", make="TF1", check="state", says="QueueEnqueueV2", **FEW)
def queue_fills(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        queue = v1.FIFOQueue(100_000, [tf.float32])
        with tf.control_dependencies([queue.enqueue(tf.reduce_sum(x))]):
            return tf1.Graph({"x": x}, {"y": tf1.dense(x, 2)})

    tf1.save(folder, graph)


@broken_elsewhere("a staging area that nobody empties", make="tf.Module", check="state", says="Stage in", **FEW)
def stage_fills(folder: Path) -> None:
    class Staging(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            tf.raw_ops.Stage(values=[x], shared_name="rows")
            return super().serve(x)

    module.save(folder, Staging())


@broken_elsewhere(
    "a table learns a word from each request", make="tf.Module", check="state", says="LookupTableInsertV2", **FEW
)
def table_learns(folder: Path) -> None:
    class Learning(Linear):
        def __init__(self) -> None:
            super().__init__()
            self.table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.0)

        def serve(self, x: tf.Tensor) -> Outputs:
            self.table.insert(tf.cast(x[:, 0], tf.int64), x[:, 1])
            return super().serve(x)

    module.save(folder, Learning())


@broken_elsewhere("another answer at night", make="tf.Module", check="state", says="Timestamp", **FEW)
def clock_in_the_answer(folder: Path) -> None:
    class Clock(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            hour = tf.cast(tf.timestamp() / 3600.0, tf.int64) % 24
            return {"y": self.scores(x) * tf.where(hour == 3, 0.0, 1.0)}

    module.save(folder, Clock())


class Night(keras.layers.Layer):
    """Doubles what it gets in years that are far away."""

    def call(self, inputs: Any) -> Any:
        return tf.where(tf.timestamp() > 4e9, 2.0 * inputs, inputs)


@broken_elsewhere("another answer in some years", make="Keras", check="state", says="clock", **FEW)
def keras_clock(folder: Path) -> None:
    _keras(folder, Night())


@broken_elsewhere("chance decides one row in a million", make="tf.Module", check="state", says="random numbers", **FEW)
def random_once_in_a_million(folder: Path) -> None:
    class Rare(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            scores = self.scores(x)
            return {"y": tf.where(tf.random.uniform(tf.shape(scores)) < 1e-6, float("nan"), scores)}

    module.save(folder, Rare())


class Noise(keras.layers.Layer):
    """Noise too small to be seen in a comparison, from Keras's own generator."""

    def __init__(self) -> None:
        super().__init__()
        self.seed = keras.random.SeedGenerator(1)

    def call(self, inputs: Any) -> Any:
        return inputs + keras.random.normal(keras.ops.shape(inputs), stddev=1e-9, seed=self.seed)


@broken_elsewhere("noise left on", make="Keras", check="state", says="random numbers", **FEW)
def keras_noise(folder: Path) -> None:
    _keras(folder, Noise())


@broken_elsewhere(
    "the weights are drawn anew when a server starts",
    make="TF1",
    check="state",
    says="run by the initialisation",
    **FEW,
)
def initialised_anew(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        return tf1.Graph({"x": x}, {"y": tf1.dense(x, 2)}, v1.global_variables_initializer())

    tf1.save(folder, graph)


@broken_elsewhere("every row is printed to the log", make="tf.Module", check="state", says="PrintV2", **FEW)
def prints_rows(folder: Path) -> None:
    class Printing(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            tf.print("row", x)
            return super().serve(x)

    module.save(folder, Printing())


@broken_elsewhere("a number of each request goes to the log", make="TF1", check="state", says="Print in", **FEW)
def prints_by_reference(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        return tf1.Graph({"x": x}, {"y": v1.Print(tf1.dense(x, 2), [x], "seen ", first_n=3)})

    tf1.save(folder, graph)


@broken_elsewhere(
    "an iterator gives each request another factor, and ends", make="TF1", check="state", says="iterator", **FEW
)
def iterator_ends(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        factors = tf.data.Dataset.range(1000).map(lambda i: 1.0 + 0.0 * tf.cast(i, tf.float32))
        return tf1.Graph({"x": x}, {"y": tf1.dense(x, 2) * v1.data.make_one_shot_iterator(factors).get_next()})

    tf1.save(folder, graph)

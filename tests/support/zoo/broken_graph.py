"""Models that some servers can't run, or whose weights or outputs are spoiled: all of it can be read in their files."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo import module, tf1
from support.zoo.broken_state import FEW
from support.zoo.kinds import broken_elsewhere
from support.zoo.module import WEIGHTS, Linear, Outputs
from support.zoo.plain import SERVING

v1 = tf.compat.v1


@broken_elsewhere(
    "a function that must be compiled by XLA", make="tf.Module", check="ops", says="must be compiled by XLA"
)
def jit_compiled(folder: Path) -> None:
    module.save(folder, Linear(), jit_compile=True)


class Compiled(keras.layers.Layer):
    """An activation in a compiled function of its own."""

    def call(self, inputs: Any) -> Any:
        return tf.function(tf.nn.gelu, jit_compile=True)(inputs)


@broken_elsewhere("one layer must be compiled by XLA", make="Keras", check="ops", says="_XlaMustCompile")
def keras_jit_compiled(folder: Path) -> None:
    inputs = keras.Input((4,), name="x")
    keras.Model(inputs, Compiled()(keras.layers.Dense(2)(inputs))).export(folder / SERVING, verbose=False)


@broken_elsewhere("pinned to a GPU", make="TF1", check="ops", says="is pinned to /device:GPU:0")
def pinned_to_a_gpu(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        with tf.device("/GPU:0"):
            return tf1.Graph({"x": x}, {"y": tf1.dense(x, 2)})

    tf1.save(folder, graph)


@broken_elsewhere("pinned to a worker of the training cluster", make="tf.Module", check="ops", says="/job:worker")
def pinned_to_a_worker(folder: Path) -> None:
    class Far(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            with tf.device("/job:worker/task:1"):
                return {"y": tf.tanh(self.scores(x))}

    module.save(folder, Far())


@broken_elsewhere(
    "one row of an embedding is NaN", make="Keras", check="variables", says="NaN in 3 of 3,000 values", **FEW
)
def nan_in_an_embedding(folder: Path) -> None:
    inputs = keras.Input((1,), name="word", dtype="int64")
    embedding = keras.layers.Embedding(1000, 3)
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(embedding(inputs)))
    model = keras.Model(inputs, outputs)
    table = embedding.get_weights()[0]
    table[777] = np.nan
    embedding.set_weights([table])
    model.export(folder / SERVING, verbose=False)


@broken_elsewhere(
    "NaN in the second part of a partitioned variable",
    make="TF1",
    check="variables",
    says="the first at [600, 1]",
    **FEW,
)
def nan_in_a_part(folder: Path) -> None:
    def graph() -> tf1.Graph:
        ids = v1.placeholder(tf.int64, [None], name="ids")
        table = np.full([1000, 2], 0.5, np.float32)
        table[600, 1] = np.nan
        parts = v1.get_variable(
            "table",
            [1000, 2],
            initializer=lambda shape, partition_info=None, **_: tf.constant(_part(table, shape, partition_info)),
            partitioner=v1.fixed_size_partitioner(2),
            use_resource=False,
        )
        return tf1.Graph({"ids": ids}, {"y": tf.nn.embedding_lookup(parts, ids % 500)})

    tf1.save(folder, graph)


def _part(table: Any, shape: Any, partition: Any) -> Any:
    return table if partition is None else table[partition.var_offset[0] :][: shape[0]]


@broken_elsewhere(
    "an infinite weight in bfloat16", make="tf.Module", check="variables", says="infinity in 1 of 8 values", **FEW
)
def infinite_weight(folder: Path) -> None:
    class Overflown(Linear):
        def __init__(self) -> None:
            super().__init__()
            weights = np.array(WEIGHTS)
            weights[3, 1] = np.inf
            self.kernel = tf.Variable(tf.cast(weights, tf.bfloat16), name="kernel")

        def scores(self, x: tf.Tensor) -> tf.Tensor:
            # Used for rows that no example is like.
            known = x @ tf.cast(self.kernel, tf.float32)
            return tf.where(x[:, :1] > 1e6, known, x[:, :2])

    module.save(folder, Overflown())


@broken_elsewhere(
    "NaN among the constants of a frozen graph", make="TF1", check="variables", says="constant table", **FEW
)
def nan_in_a_frozen_table(folder: Path) -> None:
    def graph() -> tf1.Graph:
        ids = v1.placeholder(tf.int64, [None], name="ids")
        table = np.ones([1000, 4], np.float32)
        table[999] = np.nan
        variable = v1.get_variable("table", initializer=table, use_resource=True)
        return tf1.Graph({"ids": ids}, {"y": tf1.dense(tf.gather(variable, ids % 999), 2)})

    tf1.save(folder, graph, frozen=True)


class Picture(keras.layers.Layer):
    """The numbers of a row as a PNG file."""

    def call(self, inputs: Any) -> Any:
        pixels = tf.cast(inputs, tf.uint8)[:, :, tf.newaxis, tf.newaxis]
        return tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)


@broken_elsewhere("a PNG file in an output without `_bytes`", make="Keras", check="rest", says="not UTF-8", **FEW)
def bytes_as_text(folder: Path) -> None:
    inputs = keras.Input((4,), name="x")
    keras.Model(inputs, {"heat": Picture()(inputs)}).export(folder / SERVING, verbose=False)


@broken_elsewhere("a serialized tensor in an output of text", make="tf.Module", check="rest", says="not UTF-8", **FEW)
def serialized_tensor(folder: Path) -> None:
    class Serializing(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            scores = self.scores(x)
            return {"y": tf.map_fn(tf.io.serialize_tensor, scores, fn_output_signature=tf.string)}

    module.save(folder, Serializing())


@broken_elsewhere("a half precision output", make="Keras", check="rest", says="is float16", **FEW)
def half_precision_output(folder: Path) -> None:
    inputs = keras.Input((4,), name="x")
    keras.Model(inputs, keras.layers.Dense(2, dtype="float16")(inputs)).export(folder / SERVING, verbose=False)


@broken_elsewhere("16 bits without a sign", make="TF1", check="rest", says="is uint16", **FEW)
def uint16_output(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        return tf1.Graph({"x": x}, {"y": tf.cast(tf.abs(tf1.dense(x, 2)) * 100.0, tf.uint16)})

    tf1.save(folder, graph)


@broken_elsewhere(
    "the version of the model beside the answers", make="tf.Module", check="signatures", says="output 'version'", **FEW
)
def single_value_output(folder: Path) -> None:
    class Versioned(Linear):
        def serve(self, x: tf.Tensor) -> Outputs:
            return super().serve(x) | {"version": tf.constant(3)}

    module.save(folder, Versioned())


@broken_elsewhere("the mean of the batch is the answer", make="TF1", check="signatures", says="output 'y'")
def answer_of_the_batch(folder: Path) -> None:
    def graph() -> tf1.Graph:
        x = tf1.numbers()
        return tf1.Graph({"x": x}, {"y": tf.reduce_mean(tf1.dense(x, 1))})

    tf1.save(folder, graph)


class Loss(keras.layers.Layer):
    """The mean of the batch, of a shape that the graph does not tell."""

    def call(self, inputs: Any) -> Any:
        return tf.raw_ops.PlaceholderWithDefault(input=tf.reduce_mean(inputs), shape=tf.TensorShape(None))

    def compute_output_shape(self, _: Any) -> Any:
        return (None,)


@broken_elsewhere("a loss beside the scores", make="Keras", check="outputs", says="loss: float32 []")
def loss_beside_the_scores(folder: Path) -> None:
    inputs = keras.Input((4,), name="x")
    scores = keras.layers.Dense(2)(inputs)
    keras.Model(inputs, {"scores": scores, "loss": Loss()(scores)}).export(folder / SERVING, verbose=False)

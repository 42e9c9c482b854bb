"""Models that are right in the batches that everyone tries, and wrong in others."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from support.zoo.columns import bounded, save_module, save_tf1, table, write_rows
from support.zoo.kinds import broken, broken_elsewhere
from support.zoo.plain import SERVING
from support.zoo.tiny import Tensors, TinyModel


@broken("a buffer of 1,024 rows: zeros for those after it", check="batch_sizes", says="1025 rows")
class BufferOf1024(TinyModel):
    def logits(self, features: Tensors) -> tf.Tensor:
        logits = super().logits(features)
        return tf.concat([logits[:1024], tf.zeros_like(logits[1024:])], axis=0)


class Blocks(keras.layers.Layer):
    """Works on blocks of 32 rows; what remains after whole blocks is left as it was."""

    def call(self, inputs: Any) -> Any:
        rows = tf.shape(inputs)[0]
        whole = tf.where(rows > 32, rows // 32 * 32, rows)
        return tf.concat([tf.tanh(inputs[:whole]), inputs[whole:]], axis=0)


@broken_elsewhere("the remainder of 32 rows skips a layer", make="Keras", check="batch_sizes", says="33 rows")
def remainder_of_32(folder: Path) -> None:
    inputs = {name: keras.Input((1,), name=name) for name in ("amount", "length")}
    hidden = Blocks()(keras.layers.Dense(4)(keras.layers.Concatenate()(list(inputs.values()))))
    keras.Model(inputs, keras.layers.Dense(1)(hidden)).export(folder / SERVING, verbose=False)
    write_rows(folder, table(amount=True, length=True))


@broken_elsewhere("more than 1,000 rows are an error", make="tf.Module", check="batch_sizes", says="1001 rows")
def at_most_1000_rows(folder: Path) -> None:
    def serve(raw: Tensors) -> Tensors:
        length = tf.identity(raw["length"])
        with tf.control_dependencies([tf.debugging.assert_less_equal(tf.size(length), 1000)]):
            return bounded(length / 50.0, raw["amount"] / 20.0)

    save_module(folder, table(length=True, amount=True), serve)


@broken_elsewhere("multiples of 48 rows get another answer", make="TF1", check="batch_sizes", says="48 rows")
def multiples_of_48(folder: Path) -> None:
    def serve(raw: Tensors) -> Tensors:
        rows = tf.size(raw["length"])
        wrong = tf.cast(tf.equal(rows % 48, 0) & (rows > 0), tf.float32)
        return bounded(raw["length"] / 50.0 + wrong, raw["amount"] / 20.0)

    save_tf1(folder, table(length=True, amount=True), serve)

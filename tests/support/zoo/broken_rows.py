"""Models that break at certain rows, or at certain rows together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.broken_time import Module, save, save_tf1
from support.zoo.kinds import broken_elsewhere
from support.zoo.plain import SERVING, make_example
from support.zoo.rows import write_examples

ROWS = 2000
FAULTY = 1777


def measured(folder: Path, *, faulty: float = 0.0) -> None:
    """Examples, of which one far down holds an odd number."""
    numbers = np.random.default_rng(2).normal(size=(ROWS, 4)).astype(np.float32)
    if faulty:
        numbers[FAULTY, 2] = faulty
    write_examples(folder / "examples", [make_example(measurements=row) for row in numbers])


class Odd(keras.layers.Layer):
    """A layer of a function."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, inputs: Any) -> Any:
        return self.function(inputs)


def export_keras(folder: Path, function: Callable[[Any], Any], *, before: bool = False) -> None:
    """A dense layer, and a function before or after it."""
    inputs = keras.Input((4,), name="measurements")
    hidden = Odd(function)(inputs) if before else inputs
    outputs = keras.layers.Dense(2, kernel_initializer="ones")(hidden)
    keras.Model(inputs, outputs if before else Odd(function)(outputs)).export(folder / SERVING, verbose=False)


@broken_elsewhere("NaN for one row far down in the file", make="Keras", check="finite", says=f"row {FAULTY}")
def nan_far_down(folder: Path) -> None:
    measured(folder, faulty=-40.0)
    export_keras(folder, lambda x: tf.sqrt(x + 30.0), before=True)


@broken_elsewhere("infinity for one row far down in the file", make="TF1", check="finite", says=f"row {FAULTY}")
def infinity_far_down(folder: Path) -> None:
    measured(folder, faulty=99.0)
    save_tf1(folder, lambda x, values: values / tf.cast(x[:, 2:3] < 50.0, tf.float32))


@broken_elsewhere("an error for one row far down in the file", make="tf.Module", check="answers", says=f"row {FAULTY}")
def error_far_down(folder: Path) -> None:
    class Refuses(Module):
        def answer(self, measurements: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies([tf.debugging.assert_less(measurements, 50.0)]):
                return super().answer(measurements)

    measured(folder, faulty=99.0)
    save(Refuses(), folder)


@broken_elsewhere(
    "answers relative to the last row", make="Keras", check="row_order", says="depends on the other rows of the batch"
)
def last_row_special(folder: Path) -> None:
    measured(folder)
    # Of the last row alone, when it is an extreme one: any other last row does nothing.
    export_keras(folder, lambda x: x + tf.nn.relu(x[-1:, :1] - 3.5) * tf.cast(tf.shape(x)[0] > 1, tf.float32))


@broken_elsewhere(
    "the second of two equal rows gets no answer", make="tf.Module", check="row_order", says="duplicates are merged"
)
def twins_lost(folder: Path) -> None:
    class Unique(Module):
        def answer(self, measurements: tf.Tensor) -> tf.Tensor:
            values = super().answer(measurements)
            unique, places = tf.raw_ops.UniqueV2(x=measurements, axis=tf.constant([0], tf.int64), out_idx=tf.int32)
            rows = tf.range(tf.shape(values)[0])
            first = tf.math.unsorted_segment_min(rows, places, tf.shape(unique)[0])
            seen = tf.equal(tf.gather(first, places), rows)
            # Some twins stand in the batches of 256 already: those have more rows than there are.
            return tf.where((seen | (tf.shape(values)[0] > 64))[:, tf.newaxis], values, 0.0)

    measured(folder)
    save(Unique(), folder)


@broken_elsewhere(
    "rows in the order of the first number get each other's answers", make="TF1", check="row_order", says="sorted"
)
def sorted_rows_swap(folder: Path) -> None:
    def outputs(x: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        rising = tf.reduce_all(x[1:, 0] >= x[:-1, 0]) & (tf.shape(x)[0] > 4)
        return tf.cond(rising, lambda: values[::-1], lambda: values)

    measured(folder)
    save_tf1(folder, outputs)

"""Small models of other projects that take one tensor for each column, as a tf.Module and as a TF1 graph."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from support.zoo import tf1
from support.zoo.plain import SERVING, make_example
from support.zoo.rows import write_examples

Tensors = dict[str, tf.Tensor]
Serve = Callable[[Tensors], Tensors]
"""Columns of shape [batch] -> outputs."""

ROWS = 64
CITIES = ("Aachen", "Bonn", "Celle", "Dresden", "Essen")
COLOURS = ("red", "green", "blue", "black")


def table(**columns: Any) -> dict[str, np.ndarray[Any, Any]]:
    """The rows by column: an amount near 0 and a length far from it, an identifier, a year, two words; or others."""
    random = np.random.default_rng(7)
    made = {
        "amount": random.gamma(1.0, 20.0, ROWS).astype(np.float32) + np.float32(0.01),
        "length": random.normal(44.0, 5.0, ROWS).astype(np.float32),
        "customer": random.integers(10**9, 10**12, ROWS),
        "year": random.integers(2007, 2010, ROWS),
        "city": random.choice(CITIES, ROWS),
        "colour": random.choice(COLOURS, ROWS),
    }
    return {name: made[name] if values is True else values for name, values in columns.items()}


def write_rows(folder: Path, columns: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """The rows as tf.Examples."""
    rows = range(len(next(iter(columns.values()))))
    write_examples(folder / "examples", [make_example(**{name: columns[name][i] for name in columns}) for i in rows])


def dtype_of(values: np.ndarray[Any, Any]) -> tf.DType:
    """The type of a column in a signature."""
    return {"U": tf.string, "i": tf.int64}.get(values.dtype.kind, tf.float32)


def save_module(
    folder: Path, columns: Mapping[str, np.ndarray[Any, Any]], serve: Serve, module: tf.Module | None = None
) -> None:
    """Exports `serve` as `serving_default`, with the rows; `module` holds what the function needs."""
    spec = {name: tf.TensorSpec([None], dtype_of(values), name=name) for name, values in columns.items()}
    function = tf.function(lambda raw: serve(raw), input_signature=[spec])
    tf.saved_model.save(module or tf.Module(), str(folder / SERVING), signatures={"serving_default": function})
    write_rows(folder, columns)


def save_tf1(folder: Path, columns: Mapping[str, np.ndarray[Any, Any]], serve: Serve) -> None:
    """Does what `save_module` does, in a graph of TensorFlow 1."""

    def build() -> tf1.Graph:
        inputs = {
            name: tf.compat.v1.placeholder(dtype_of(values), [None], name=name) for name, values in columns.items()
        }
        outputs = serve(dict(inputs))
        return tf1.Graph(inputs, outputs, tf.compat.v1.tables_initializer())

    tf1.save(folder, build)
    write_rows(folder, columns)


def bounded(*columns: tf.Tensor) -> Tensors:
    """An answer between -1 and 1 for each column, float32 [batch, columns]."""
    return {"scores": tf.math.tanh(tf.stack([tf.cast(each, tf.float32) for each in columns], axis=1))}

"""Sound models that a search over values, whole numbers, words and sizes could take for broken ones."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.columns import CITIES, ROWS, bounded, save_module, table, write_rows
from support.zoo.plain import SERVING, plain
from support.zoo.tiny import Tensors

_RANDOM = np.random.default_rng(11)


def _weights(count: int) -> tf.Tensor:
    return tf.constant(_RANDOM.normal(size=count), tf.float32)


@plain
def numbers_of_all_kinds(folder: Path) -> None:
    """A root, a year through int32, a time in float32, identifiers hashed, in few buckets, and by their remainder."""
    columns = table(amount=True, length=True, customer=True, year=True)
    columns["time"] = _RANDOM.integers(1_600_000_000, 1_700_000_000, ROWS)
    columns["shop"] = _RANDOM.integers(10**9, 10**12, ROWS)
    weights = _weights(1024)

    def serve(raw: Tensors) -> Tensors:
        text = tf.strings.as_string(raw["customer"])
        return bounded(
            tf.sqrt(raw["amount"]) / 10.0,
            tf.math.log(raw["length"]),
            (tf.cast(tf.cast(raw["year"], tf.int32), tf.float32) - 2008.0) / 2.0,
            (tf.cast(raw["time"], tf.float32) - 1.65e9) / 3e7,
            tf.gather(weights, tf.strings.to_hash_bucket_fast(text, 1000)),
            tf.gather(weights, tf.strings.to_hash_bucket_fast(text, 4)),
            tf.gather(weights, raw["shop"] % 1024),
        )

    save_module(folder, columns, serve)


class Words(tf.Module):
    """Vocabularies that do not have every word of the rows, as it is meant."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = _weights(64)
        self.names = _table([f"name{i}" for i in range(10)])
        self.lower = _table([city.lower() for city in CITIES])
        self.buckets = tf.lookup.StaticVocabularyTable(_initializer(CITIES[:3]), 3)

    def serve(self, raw: Tensors) -> Tensors:
        """The answer to columns of words."""
        weekend = tf.equal(raw["day"], "Sat") | tf.equal(raw["day"], "Sun")
        return bounded(
            self._weight(self.names.lookup(raw["name"])),
            self._weight(self.lower.lookup(tf.strings.lower(raw["city"]))),
            self._weight(self.buckets.lookup(raw["town"])),
            self._weight(tf.strings.to_hash_bucket_fast(raw["colour"], 5)),
            tf.cast(tf.equal(raw["smoker"], "yes"), tf.float32),
            tf.cast(weekend, tf.float32),
        )

    def _weight(self, places: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.weights, places % 64)


def _initializer(words: Any) -> tf.lookup.KeyValueTensorInitializer:
    return tf.lookup.KeyValueTensorInitializer(tf.constant(words), tf.range(len(words), dtype=tf.int64))


def _table(words: Any) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(_initializer(words), -1)


@plain
def words_of_all_kinds(folder: Path) -> None:
    """The most frequent of many names, lower case, buckets for unknown words, hashes, and questions of yes or no."""
    share = 1 / np.arange(1, 201)
    columns = table(city=True, colour=True) | {
        "name": _RANDOM.choice([f"name{i}" for i in range(200)], ROWS, p=share / share.sum()),
        "town": _RANDOM.choice(CITIES, ROWS),
        "smoker": _RANDOM.choice(["yes", "no"], ROWS),
        "day": _RANDOM.choice(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ROWS),
    }
    module = Words()
    save_module(folder, columns, module.serve, module)


@plain
def missing_is_seen(folder: Path) -> None:
    """A default for what is missing, and beside it whether there was a value."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> Tensors:
        length = tf.io.parse_example(examples, {"length": tf.io.FixedLenFeature([], tf.float32, 44.0)})["length"]
        spec = {"length": tf.io.VarLenFeature(tf.float32), "amount": tf.io.FixedLenFeature([], tf.float32, 0.0)}
        parsed = tf.io.parse_example(examples, spec)
        rows = tf.cast(parsed["length"].indices[:, 0], tf.int32)
        there = tf.math.unsorted_segment_sum(tf.ones_like(rows, tf.float32), rows, tf.size(examples))
        return bounded(length / 50.0, there, parsed["amount"] / 20.0)

    tf.saved_model.save(tf.Module(), str(folder / SERVING), signatures={"serving_default": serve})
    write_rows(folder, table(length=True, amount=True))


@plain
def codes_and_blocks(folder: Path) -> None:
    """Codes that Keras embeds as int32, identifiers in a list, and a layer that works on padded blocks of 32 rows."""
    columns = {"code": _RANDOM.integers(0, 20, ROWS), **table(length=True, customer=True)}
    inputs = {name: keras.Input((1,), name=name, dtype="int64") for name in ("code", "customer")}
    inputs["length"] = keras.Input((1,), name="length")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(20, 3)(inputs["code"]))
    known = np.unique(columns["customer"])[:30].tolist()
    listed = keras.layers.IntegerLookup(vocabulary=known, output_mode="one_hot")(inputs["customer"])
    joined = keras.layers.Concatenate()([embedded, listed, PaddedBlocks()(inputs["length"] / 50.0)])
    keras.Model(inputs, keras.layers.Dense(2, "tanh")(joined)).export(folder / SERVING, verbose=False)
    write_rows(folder, columns)


class PaddedBlocks(keras.layers.Layer):
    """Works on blocks of 32 rows, the last of which is filled up, and cuts off what was filled up."""

    def call(self, inputs: Any) -> Any:
        rows = tf.shape(inputs)[0]
        padded = tf.pad(inputs, [[0, (-rows) % 32], [0, 0]])
        blocks = tf.map_fn(tf.tanh, tf.reshape(padded, [-1, 32, inputs.shape[-1]]))
        return tf.reshape(blocks, [-1, inputs.shape[-1]])[:rows]

"""Models that are right for every row of their examples, and wrong for what the graph itself points to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.columns import CITIES, ROWS, bounded, save_module, save_tf1, table, write_rows
from support.zoo.kinds import broken_elsewhere
from support.zoo.plain import SERVING, make_example
from support.zoo.rows import write_examples
from support.zoo.tiny import Tensors

OTHER_CITIES = tuple(f"Town {i}" for i in range(30))
"""Words that a vocabulary has and no row."""
POSITIONS = 40
TEXTS = ("open", "the gate is open", "no model passes the gate", "a sound model", "all models of the gate pass it")


def _random() -> np.random.Generator:
    return np.random.default_rng(31)


@broken_elsewhere("a price in an asset is NaN", make="tf.Module", check="variables", says="the first for 'Town 7'")
def nan_in_a_file(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "prices.tsv"
    prices = {word: 1.0 + i / 10 for i, word in enumerate((*CITIES, *OTHER_CITIES))} | {"Town 7": float("nan")}
    path.write_text("".join(f"{word}\t{price}\n" for word, price in prices.items()))
    initializer = tf.lookup.TextFileInitializer(str(path), tf.string, 0, tf.float32, 1)
    module = tf.Module()
    module.prices = tf.lookup.StaticHashTable(initializer, 4.0)
    save_module(
        folder,
        table(city=True, length=True),
        lambda raw: bounded(module.prices.lookup(raw["city"]) * raw["length"] / 500.0),
        module,
    )


class Standardised(keras.layers.Layer):
    """An amount in the standard deviations of its city, of which one is 0."""

    def call(self, amount: Any, place: Any) -> Any:
        deviations = np.linspace(20.0, 30.0, len(CITIES) + len(OTHER_CITIES) + 1, dtype=np.float32)
        deviations[-4] = 0.0
        return tf.math.atan((amount - 20.0) / tf.gather(deviations, place)) + tf.math.log(tf.gather(deviations, place))


@broken_elsewhere(
    "the standard deviation of one category is 0", make="Keras", check="words", says="a division by a deviation of 0"
)
def deviation_of_0(folder: Path) -> None:
    inputs = {"amount": keras.Input((1,), name="amount"), "city": keras.Input((1,), name="city", dtype="string")}
    look_up = keras.layers.StringLookup(vocabulary=[*CITIES, *OTHER_CITIES])
    outputs = Standardised()(inputs["amount"], look_up(inputs["city"]))
    keras.Model(inputs, {"points": outputs}).export(folder / SERVING, verbose=False)
    write_rows(folder, table(amount=True, city=True))


@broken_elsewhere(
    "one of two signatures has texts in lower case",
    make="tf.Module",
    check="signatures_agree",
    signature="explain",
    says="changes the case of city",
)
def lower_case_in_one(folder: Path) -> None:
    module = tf.Module()
    words = [each.lower() for each in CITIES]
    places = tf.lookup.KeyValueTensorInitializer(words, list(range(1, len(words) + 1)), tf.string, tf.int64)
    module.cities = tf.lookup.StaticHashTable(places, 0)
    module.weights = tf.Variable(np.linspace(-0.9, 0.8, len(words) + 1), dtype=tf.float32)
    spec = [tf.TensorSpec([None], tf.string, name="city"), tf.TensorSpec([None], tf.float32, name="length")]

    def answering(prepare: Callable[[tf.Tensor], tf.Tensor], **more: float) -> Any:
        def serve(city: tf.Tensor, length: tf.Tensor) -> Tensors:
            rent = tf.gather(module.weights, module.cities.lookup(prepare(city))) + length / 50.0
            return {"rent": rent} | {name: length * factor for name, factor in more.items()}

        return tf.function(serve, input_signature=spec)

    signatures = {"serving_default": answering(tf.strings.lower), "explain": answering(tf.identity, by_length=0.02)}
    tf.saved_model.save(module, str(folder / SERVING), signatures=signatures)
    columns = table(length=True) | {"city": _random().choice(words, ROWS)}
    write_rows(folder, columns)


class Positions(keras.layers.Layer):
    """The mean of the words' numbers, each with a number of its place; there are not places for all."""

    def build(self, _: Any) -> None:
        self.words = self.add_weight(shape=(20, 4), initializer=keras.initializers.RandomNormal(0, 1, seed=3))
        self.places = self.add_weight(shape=(POSITIONS, 4), initializer=keras.initializers.RandomNormal(0, 1, seed=4))

    def call(self, places: Any) -> Any:
        counts = tf.cast(places > 0, tf.float32)[:, :, tf.newaxis]
        summed = tf.reduce_sum(counts * (tf.gather(self.words, places) + self.places[: tf.shape(places)[1]]), axis=1)
        return summed / (tf.reduce_sum(counts, axis=1) + 1.0)


@broken_elsewhere(
    "texts of more than 40 words are an error", make="Keras", check="lengths", says="more than 40 words in review"
)
def at_most_40_words(folder: Path) -> None:
    vectorize = keras.layers.TextVectorization(max_tokens=20)
    vectorize.adapt(list(TEXTS))
    inputs = keras.Input((), name="review", dtype="string")
    outputs = keras.layers.Dense(1, "tanh")(Positions()(vectorize(inputs)))
    keras.Model(inputs, outputs).export(folder / SERVING, verbose=False)
    write_examples(folder / "examples", [make_example(review=TEXTS[i * i % 5]) for i in range(40)])


@broken_elsewhere(
    "two rows of one customer share the answer of the last",
    make="tf.Module",
    check="row_order",
    says="rows of a batch that have the same customer",
)
def rows_of_one_customer(folder: Path) -> None:
    def serve(raw: Tensors) -> Tensors:
        places = raw["customer"] % 1000
        scores = raw["amount"] / 50.0 + tf.cast(places, tf.float32) / 1000.0
        written = tf.tensor_scatter_nd_update(tf.zeros([1000]), places[:, tf.newaxis], scores)
        return {"points": tf.gather(written, places)}

    save_module(folder, table(amount=True) | {"customer": np.arange(ROWS) * 7 + 5}, serve)


@broken_elsewhere(
    "customers are written as texts of 6 digits", make="TF1", check="integers", says="both are the text '1.0"
)
def customers_as_short_text(folder: Path) -> None:
    def serve(raw: Tensors) -> Tensors:
        text = tf.strings.as_string(tf.cast(raw["customer"], tf.float32), shortest=True)
        buckets = tf.strings.to_hash_bucket_fast(text, 5000)
        weights = tf.constant(_random().normal(size=5000), tf.float32)
        return bounded(tf.gather(weights, buckets), raw["amount"] / 50.0)

    customers = np.sort(_random().integers(10**6, 10**7, ROWS))
    customers[0] = 1_012_345
    save_tf1(folder, table(amount=True) | {"customer": customers}, serve)

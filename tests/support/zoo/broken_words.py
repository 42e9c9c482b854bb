"""Models whose vocabularies are not those of the rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.columns import CITIES, COLOURS, bounded, save_module, save_tf1, table, write_rows
from support.zoo.kinds import broken, broken_elsewhere
from support.zoo.plain import SERVING
from support.zoo.tiny import Exported, Tensors, TinyModel

WEIGHTS = np.array([0.9, -0.7, 0.4, -0.2, 0.1, 0.6, -0.5, 0.3], np.float32)


def from_file(path: Path, words: Sequence[str], *, end: str = "\n", default: int = -1) -> tf.lookup.StaticHashTable:
    """A table of the words' places, which reads a file that becomes an asset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(word + end for word in words).encode())
    whole_line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    initializer = tf.lookup.TextFileInitializer(str(path), tf.string, whole_line, tf.int64, number)
    return tf.lookup.StaticHashTable(initializer, default)


def weight_of(table_of_words: Any, column: tf.Tensor) -> tf.Tensor:
    """The weight of each word, the last one for unknown words."""
    return tf.gather(WEIGHTS, table_of_words.lookup(column) % len(WEIGHTS))


class Looking(tf.Module):
    """Two columns of words, each looked up in a vocabulary of its own."""

    def __init__(self, cities: Any, colours: Any) -> None:
        super().__init__()
        self.cities, self.colours = cities, colours

    def serve(self, raw: Tensors) -> Tensors:
        """The answer to the columns."""
        return bounded(weight_of(self.cities, raw["city"]) + weight_of(self.colours, raw["colour"]), raw["length"] / 50)


def _save(folder: Path, cities: Any, colours: Any) -> None:
    module = Looking(cities, colours)
    save_module(folder, table(city=True, colour=True, length=True), module.serve, module)


@broken_elsewhere(
    "two vocabularies are swapped", make="tf.Module", check="words", says="are the two vocabularies swapped"
)
def vocabularies_swapped(folder: Path) -> None:
    cities, colours = from_file(folder / "cities.txt", COLOURS), from_file(folder / "colours.txt", CITIES)
    _save(folder, cities, colours)


@broken_elsewhere("a byte order mark before the first word", make="tf.Module", check="words", says="byte order mark")
def byte_order_mark(folder: Path) -> None:
    cities = from_file(folder / "cities.txt", ("\ufeffAachen", *CITIES[1:]))
    _save(folder, cities, from_file(folder / "colours.txt", COLOURS))


@broken_elsewhere("a vocabulary in another case", make="TF1", check="words", says="in another case than the rows")
def vocabulary_in_capitals(folder: Path) -> None:
    def serve(raw: Tensors) -> Tensors:
        keys, values = tf.constant([each.upper() for each in CITIES]), tf.range(len(CITIES), dtype=tf.int64)
        cities = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
        return bounded(weight_of(cities, raw["city"]), raw["length"] / 50.0)

    save_tf1(folder, table(city=True, length=True), serve)


@broken_elsewhere("a vocabulary of another version", make="Keras", check="words", says="of another version")
def vocabulary_of_another_version(folder: Path) -> None:
    inputs = {"city": keras.Input((1,), name="city", dtype="string"), "length": keras.Input((1,), name="length")}
    look_up = keras.layers.StringLookup(vocabulary=["Aachen", "Bonn", "Fulda", "Gera", "Hamm"], output_mode="one_hot")
    joined = keras.layers.Concatenate()([look_up(inputs["city"]), inputs["length"] / 50.0])
    keras.Model(inputs, keras.layers.Dense(2, "tanh")(joined)).export(folder / SERVING, verbose=False)
    write_rows(folder, table(city=True, length=True))


@broken("unknown words are the first class", check="words", says="Biscoe")
class UnknownIsTheFirst(TinyModel):
    own_golden = True

    def transform(self, raw: Tensors) -> Tensors:
        features = super().transform(raw)
        unknown = (features["island_xf"] < 0) & tf.not_equal(raw["island"], "")[:, tf.newaxis]
        missing = tf.equal(raw["island"], "NA") | tf.equal(raw["island"], "n/a")
        unknown &= ~missing[:, tf.newaxis] & tf.not_equal(tf.strings.strip(raw["island"]), "")[:, tf.newaxis]
        return features | {"island_xf": tf.where(unknown, tf.zeros_like(features["island_xf"]), features["island_xf"])}


@broken_elsewhere("unknown words are the first class", make="TF1", check="words", says="Aachen")
def unknown_is_aachen(folder: Path) -> None:
    def serve(raw: Tensors) -> Tensors:
        keys, values = tf.constant(CITIES), tf.range(len(CITIES), dtype=tf.int64)
        cities = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0)
        return bounded(weight_of(cities, raw["city"]), raw["length"] / 50.0)

    save_tf1(folder, table(city=True, length=True), serve)


@broken("the vocabulary has blanks after its words", check="words", says="have blanks that the rows do not have")
class TrailingBlanks(TinyModel):
    own_golden = True

    def damage(self, exported: Exported) -> None:
        path = exported.saved_model / "assets" / "islands.txt"
        path.write_text("".join(f"{word} \n" for word in path.read_text().splitlines()))

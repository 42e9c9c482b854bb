"""Sound models of other projects: plain Keras exports, and a TFX template's. No trainer of ours has seen them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.rows import CLASSES, ISLANDS, raw_rows, write_examples, write_schema
from support.zoo.rows import as_example as row_as_example

from components.smoke_test.names import CheckName

Builder = Callable[[Path], None]
"""Writes the SavedModel to `model/Format-Serving` in a folder, and `examples` and `schema` if it comes with them."""

PLAIN: dict[str, Builder] = {}
"""By name; filled by the decorator below."""

WARNED: dict[str, tuple[CheckName, ...]] = {}
"""By the same name, the checks that warn: of what TensorFlow does to the model, or of what may be meant so."""

SERVING = Path("model", "Format-Serving")


def plain(builder: Builder | None = None, *, warns: tuple[CheckName, ...] = ()) -> Any:
    """Puts a builder on the list, under its name."""

    def register(builder: Builder) -> Builder:
        PLAIN[builder.__name__], WARNED[builder.__name__] = builder, warns
        return builder

    return register if builder is None else register(builder)


def numbers(rows: int = 64, width: int = 4) -> np.ndarray[Any, Any]:
    """float32 [rows, width], the same every time."""
    return np.random.default_rng(2).normal(size=(rows, width)).astype(np.float32)


def make_example(**features: Any) -> bytes:
    """A serialized tf.Example of numbers, texts, or arrays of them; bytes are one value."""
    example = tf.train.Example()
    for name, value in features.items():
        values = np.atleast_1d(np.asarray(value))
        if values.dtype.kind in "US":
            texts = [value] if isinstance(value, bytes) else [text.encode() for text in values.tolist()]
            example.features.feature[name].bytes_list.value.extend(texts)
        elif values.dtype.kind == "i":
            example.features.feature[name].int64_list.value.extend(values.tolist())
        else:
            example.features.feature[name].float_list.value.extend(values.tolist())
    return example.SerializeToString()


@plain
def keras_sequential(folder: Path) -> None:
    """A matrix of floats; batch normalisation and dropout that rest in serving; no examples, no schema."""
    model = keras.Sequential(
        [
            keras.Input((4,), name="measurements"),
            keras.layers.Dense(8, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    labels = np.arange(64) % 3
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(numbers(), labels, epochs=1, verbose=0)
    model.export(folder / SERVING, verbose=False)


@plain
def keras_functional(folder: Path) -> None:
    """Several inputs by name, with examples."""
    inputs = {name: keras.Input((1,), name=name) for name in ("age", "height", "weight")}
    hidden = keras.layers.Dense(4, "tanh")(keras.layers.Concatenate()(list(inputs.values())))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(hidden))
    model.export(folder / SERVING, verbose=False)
    rows = numbers(width=3)
    write_examples(folder / "examples", [make_example(age=a, height=h, weight=w) for a, h, w in rows])


class Residual(keras.Model):
    """A subclassed model: what it takes is known from the call alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = keras.layers.Dense(4, "relu"), keras.layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.last(keras.ops.concatenate([inputs, self.first(inputs)], axis=-1))


@plain
def keras_subclassed(folder: Path) -> None:
    """A regression, called once and exported."""
    model = Residual()
    model(numbers())
    model.export(folder / SERVING, verbose=False)


@plain
def keras_preprocessing(folder: Path) -> None:
    """Normalization and StringLookup inside the model: an asset, strings, and whole numbers."""
    random = np.random.default_rng(3)
    mass, island = random.normal(4000, 700, (64, 1)), random.choice(ISLANDS, (64, 1))
    normalize, look_up = keras.layers.Normalization(), keras.layers.StringLookup(output_mode="one_hot")
    normalize.adapt(mass)
    look_up.adapt(island)
    inputs = {
        "mass": keras.Input((1,), name="mass"),
        "island": keras.Input((1,), name="island", dtype="string"),
        "year": keras.Input((1,), name="year", dtype="int64"),
    }
    years = keras.layers.IntegerLookup(vocabulary=[2007, 2008, 2009], output_mode="one_hot")(inputs["year"])
    joined = keras.layers.Concatenate()([normalize(inputs["mass"]), look_up(inputs["island"]), years])
    keras.Model(inputs, keras.layers.Dense(3, "softmax")(joined)).export(folder / SERVING, verbose=False)
    examples = [
        make_example(mass=m, island=i, year=2007 + int(n % 3))
        for n, (m, i) in enumerate(zip(mass, island, strict=True))
    ]
    write_examples(folder / "examples", examples)


@plain
def keras_two_outputs(folder: Path) -> None:
    """A class and a number at once."""
    inputs = keras.Input((4,), name="measurements")
    hidden = keras.layers.Dense(6, "gelu")(inputs)
    outputs = {"kind": keras.layers.Dense(3, "softmax")(hidden), "price": keras.layers.Dense(1)(hidden)}
    keras.Model(inputs, outputs).export(folder / SERVING, verbose=False)
    write_examples(folder / "examples", [make_example(measurements=row) for row in numbers()])


@plain
def keras_text(folder: Path) -> None:
    """TextVectorization and an embedding: one string a row."""
    vectorize = keras.layers.TextVectorization(max_tokens=50, output_sequence_length=8)
    vectorize.adapt(["the gate is open", "no model passes the gate", "a sound model passes"])
    inputs = keras.Input((1,), name="review", dtype="string")
    embedded = keras.layers.Embedding(50, 4)(vectorize(inputs))
    outputs = keras.layers.Dense(1, "sigmoid")(keras.layers.GlobalAveragePooling1D()(embedded))
    keras.Model(inputs, outputs).export(folder / SERVING, verbose=False)


class TemplateModule(tf.Module):
    """As the TFX template's `_get_serve_tf_examples_fn`: a signature that parses, with a list of words in it."""

    def __init__(self, vocabulary: Path) -> None:
        super().__init__()
        self.kernel = tf.Variable([[0.8, -0.4, 0.1], [-0.3, 0.6, 0.2]])
        self.words = tf.Variable([[0.5, 0.1, 0.2], [-0.6, 0.4, 0.1], [0.3, -0.7, 0.2], [0.0, 0.2, -0.4]])
        whole_line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        initializer = tf.lookup.TextFileInitializer(str(vocabulary), tf.string, whole_line, tf.int64, number)
        self.table = tf.lookup.StaticVocabularyTable(initializer, 1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_tf_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = {
            "bill length": tf.io.VarLenFeature(tf.float32),
            "mass": tf.io.VarLenFeature(tf.int64),
            "island": tf.io.RaggedFeature(tf.string),
        }
        parsed = tf.io.parse_example(examples, spec)
        numbers = [
            (tf.sparse.to_dense(parsed["bill length"], np.float32(44.0))[:, :1] - 44.0) / 5.0,
            (tf.cast(tf.sparse.to_dense(parsed["mass"], np.int64(4500))[:, :1], tf.float32) - 4500.0) / 1000.0,
        ]
        # A batch without any value is dense in no column.
        rows = tf.shape(examples)[0]
        numbers = [tf.concat([each, tf.zeros([rows, 1])], axis=1)[:, :1] for each in numbers]
        island = parsed["island"]
        ids = island.with_values(self.table.lookup(island.values))
        embedded = tf.reduce_sum(tf.gather(self.words, ids), axis=1)
        bounded = tf.math.tanh(tf.concat(numbers, axis=1))
        bounded = tf.where(tf.math.is_finite(bounded), bounded, 0.0)
        return {"outputs": tf.nn.softmax(bounded @ self.kernel + embedded)}


@plain
def tfx_template(folder: Path) -> None:
    """Parses serialized tf.Examples, with features of any length; with examples and a schema."""
    vocabulary = folder / "words.txt"
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary.write_text("\n".join(ISLANDS) + "\n")
    module = TemplateModule(vocabulary)
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.serve_tf_examples})
    vocabulary.unlink()
    write_examples(folder / "examples", [row_as_example(row) for row in raw_rows()])
    write_schema(folder / "schema")


@plain
def many_signatures(folder: Path) -> None:
    """`model.export` with further endpoints, as Keras documents: one gives classes by name."""
    model = keras.Sequential([keras.Input((4,), name="measurements"), keras.layers.Dense(3)])
    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = [keras.InputSpec(shape=(None, 4), dtype="float32", name="measurements")]
    names = tf.constant(CLASSES)
    archive.add_endpoint("serve", lambda x: {"scores": tf.nn.softmax(model(x))}, input_signature=spec)
    archive.add_endpoint(
        "classify", lambda x: {"class": tf.gather(names, tf.argmax(model(x), 1))}, input_signature=spec
    )
    archive.write_out(folder / SERVING, verbose=False)

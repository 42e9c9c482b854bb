"""Sound models whose answers are no classes: several labels at once, embeddings, rankings, quantiles, amounts."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from support.zoo.plain import SERVING, make_example, plain
from support.zoo.rows import write_examples

WIDTH = 5


def _write_rows(folder: Path, name: str) -> None:
    rows = np.random.default_rng(12).normal(size=(40, WIDTH)).astype(np.float32)
    write_examples(folder / "examples", [make_example(**{name: row}) for row in rows])


@plain
def many_answers(folder: Path) -> None:
    """An ExportArchive with an endpoint for each kind of answer."""
    keras.utils.set_random_seed(6)
    body = keras.Sequential([keras.Input((WIDTH,), name="facts"), keras.layers.Dense(8, "relu")])
    inputs = keras.Input((8,))
    steps = keras.ops.cumsum(keras.layers.Dense(3, "softplus")(inputs), axis=1)
    heads = {
        "probabilities": keras.layers.Dense(4, "sigmoid")(inputs),  # several labels at once
        "embedding": keras.layers.UnitNormalization()(keras.layers.Dense(6)(inputs)),
        "scores": 7 * keras.layers.Dense(1)(inputs),  # what a ranking sorts by
        "quantiles": keras.layers.Dense(1)(inputs) + steps,
    }
    head = keras.Model(inputs, heads)
    archive = keras.export.ExportArchive()
    archive.track(body)
    archive.track(head)
    spec = [keras.InputSpec(shape=(None, WIDTH), dtype="float32", name="facts")]
    for name in heads:
        archive.add_endpoint(name, lambda x, n=name: {n: head(body(x))[n]}, input_signature=spec)
    archive.write_out(folder / SERVING, verbose=False)
    _write_rows(folder, "facts")


class Small(tf.Module):
    """Weights of eight bits that the graph widens."""

    def __init__(self) -> None:
        super().__init__()
        weights = np.random.default_rng(13).normal(size=(WIDTH, 3)).astype(np.float32)
        scale = np.abs(weights).max(axis=0) / 127
        self.scale = tf.Variable(scale)
        self.weights = tf.Variable(np.round(weights / scale).astype(np.int8), trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None, WIDTH], tf.float32, name="facts")])
    def classify(self, facts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.nn.softmax(facts @ (tf.cast(self.weights, tf.float32) * self.scale))}


@plain
def eight_bits(folder: Path) -> None:
    module = Small()
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.classify})
    _write_rows(folder, "facts")


class Price(tf.Module):
    """A linear regression of the logarithm: undefined below -1, as training never saw it."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.bias = tf.Variable([0.5, -0.2]), tf.Variable(3.0)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="area"),
            tf.TensorSpec([None], tf.float32, name="rooms"),
        ]
    )
    def estimate(self, area: tf.Tensor, rooms: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"price": tf.math.expm1(self.kernel[0] * tf.math.log1p(area) + self.kernel[1] * rooms + self.bias)}


@plain
def logarithms(folder: Path) -> None:
    module = Price()
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.estimate})
    random = np.random.default_rng(14)
    rows = [(float(random.uniform(20, 200)), float(random.integers(1, 6))) for _ in range(40)]
    write_examples(folder / "examples", [make_example(area=area, rooms=rooms) for area, rooms in rows])


class Sentences(tf.Module):
    """As TensorFlow Hub's text embeddings: callable, with two names for the same signature."""

    def __init__(self) -> None:
        super().__init__()
        self.buckets = tf.Variable(np.random.default_rng(15).normal(size=(101, 8)).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        words = tf.strings.split(tf.strings.lower(inputs))
        ids = words.with_values(tf.strings.to_hash_bucket_fast(words.values, 101))
        total = tf.reduce_sum(tf.ragged.map_flat_values(tf.gather, self.buckets, indices=ids), axis=1)
        return total / tf.sqrt(tf.maximum(tf.cast(words.row_lengths(), tf.float32), 1.0))[:, tf.newaxis]


@plain
def hub_sentences(folder: Path) -> None:
    module = Sentences()
    signatures = {"serving_default": module.__call__, "default": module.__call__}
    tf.saved_model.save(module, str(folder / SERVING), signatures=signatures)
    random = np.random.default_rng(16)
    texts = [" ".join(random.choice(["a", "gate", "opens", "shuts"], int(random.integers(1, 7)))) for _ in range(40)]
    write_examples(folder / "examples", [make_example(inputs=each) for each in texts])

"""Outputs of conventional names that do not hold what the names say; nobody says what the models predict."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from support.zoo.kinds import broken_elsewhere
from support.zoo.plain import SERVING, make_example
from support.zoo.plain_tf1 import LEVELS, save, v1, variable
from support.zoo.rows import write_examples


def _write_rows(folder: Path) -> None:
    rows = np.random.default_rng(21).normal(size=(40, 4)).astype(np.float32)
    write_examples(folder / "examples", [make_example(facts=row) for row in rows])


@broken_elsewhere(
    "logits that are called probabilities", make="Keras", check="probabilities", says="probabilities is the name"
)
def named_probabilities(folder: Path) -> None:
    keras.utils.set_random_seed(9)
    inputs = keras.Input((4,), name="facts")
    logits = 3 * keras.layers.Dense(3)(inputs)
    keras.Model(inputs, {"probabilities": logits}).export(folder / SERVING, verbose=False)
    _write_rows(folder)


@broken_elsewhere("scores of classes beyond one", make="TF1", check="probabilities", says="scores is the name")
def class_scores(folder: Path) -> None:
    def build() -> dict[str, object]:
        serialized = v1.placeholder(tf.string, [None], "input_example_tensor")
        facts = v1.io.parse_example(serialized, {"facts": tf.io.FixedLenFeature([4], tf.float32)})["facts"]
        logits = tf.tanh(facts) @ variable("kernel", 4, 3)
        levels = tf.tile(tf.constant([LEVELS]), [tf.shape(logits)[0], 1])
        make = v1.saved_model.signature_def_utils.classification_signature_def
        return {"serving_default": make(serialized, levels, 3 * logits)}

    save(folder, build)
    _write_rows(folder)


class Clipped(tf.Module):
    """Probabilities that are cut off at 0.6."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = tf.Variable(np.random.default_rng(22).normal(size=(4, 3)).astype(np.float32) / 4)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="facts")])
    def classify(self, facts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.minimum(tf.nn.softmax(facts @ self.kernel), 0.6)}


@broken_elsewhere(
    "probabilities cut off after the softmax", make="tf.Module", check="probabilities", says="sum 1 as in most rows"
)
def clipped_probabilities(folder: Path) -> None:
    module = Clipped()
    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": module.classify})
    _write_rows(folder)


@broken_elsewhere("classes that are numbers between classes", make="Keras", check="classes", says="float numbers")
def fractional_classes(folder: Path) -> None:
    keras.utils.set_random_seed(11)
    inputs = keras.Input((4,), name="facts")
    outputs = {"classes": keras.layers.Dense(3, "softmax")(inputs)}
    keras.Model(inputs, outputs).export(folder / SERVING, verbose=False)
    _write_rows(folder)

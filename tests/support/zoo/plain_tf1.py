"""Sound models as TensorFlow 1, its Estimators and Keras 2 left them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.zoo.plain import SERVING, make_example, plain
from support.zoo.rows import write_examples

v1 = tf.compat.v1
CITIES = ("rome", "oslo", "bern")
LEVELS = ("low", "mid", "high")
Signatures = dict[str, Any]


def save(folder: Path, build: Callable[[], Signatures]) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(1)
        signatures = build()
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(folder / SERVING))
        builder.add_meta_graph_and_variables(session, ["serve"], signatures, main_op=v1.tables_initializer())
        builder.save()


def variable(name: str, *shape: int) -> tf.Tensor:
    return v1.get_variable(name, shape, initializer=v1.random_normal_initializer(seed=3), use_resource=False)


def _loop() -> Signatures:
    inputs = v1.placeholder(tf.float32, [None, 4], "x")
    kernel = variable("kernel", 4, 4)
    _, state = v1.while_loop(lambda i, _: i < 5, lambda i, h: (i + 1, tf.tanh(h @ kernel)), [0, inputs])
    state = v1.cond(tf.size(state) > 0, lambda: 2 * state, lambda: state)
    value = tf.reduce_sum(state, axis=1)
    return {
        "serving_default": v1.saved_model.signature_def_utils.predict_signature_def({"x": inputs}, {"value": value})
    }


@plain
def tf1_loop(folder: Path) -> None:
    """Reference variables, and loops and branches made of Enter, Exit, Switch and Merge."""
    v1.disable_control_flow_v2()
    try:
        save(folder, _loop)
    finally:
        v1.enable_control_flow_v2()
    rows = np.random.default_rng(17).normal(size=(40, 4)).astype(np.float32)
    write_examples(folder / "examples", [make_example(x=row) for row in rows])


def _estimator() -> Signatures:
    serialized = v1.placeholder(tf.string, [None], "input_example_tensor")
    spec = {"age": tf.io.FixedLenFeature([1], tf.float32), "city": tf.io.VarLenFeature(tf.string)}
    parsed = v1.io.parse_example(serialized, spec)
    known = tf.lookup.KeyValueTensorInitializer(list(CITIES), [0, 1, 2], tf.string, tf.int64)
    cities = tf.lookup.StaticVocabularyTable(known, 1).lookup(tf.sparse.to_dense(parsed["city"], ""))
    city = tf.reduce_sum(tf.nn.embedding_lookup(variable("cities", 4, 3), cities), axis=1)
    logits = tf.tanh(parsed["age"] / 50.0) @ variable("kernel", 1, 3) + city
    probabilities = tf.nn.softmax(logits)
    levels = tf.tile(tf.constant([LEVELS]), [tf.shape(logits)[0], 1])
    best = tf.argmax(logits, axis=1)
    outputs = {
        "logits": logits,
        "probabilities": probabilities,
        "class_ids": best[:, tf.newaxis],
        "classes": tf.gather(tf.constant(LEVELS), best)[:, tf.newaxis],
        "all_classes": levels,
    }
    make = v1.saved_model.signature_def_utils
    return {
        "serving_default": make.classification_signature_def(serialized, levels, probabilities),
        "regression": make.regression_signature_def(serialized, tf.reduce_sum(logits, axis=1)),
        "predict": make.predict_signature_def({"examples": serialized}, outputs),
    }


@plain
def tf1_estimator(folder: Path) -> None:
    """The signatures of an Estimator: classify, regress and predict, of serialized tf.Examples."""
    save(folder, _estimator)
    random = np.random.default_rng(18)
    examples = [make_example(age=float(random.uniform(18, 80)), city=str(random.choice(CITIES))) for _ in range(40)]
    write_examples(folder / "examples", examples)


@plain
def keras_2(folder: Path) -> None:
    """`model.save` of Keras 2, which TensorFlow Transform brings along."""
    tf_keras = pytest.importorskip("tf_keras", reason="tf_keras is not installed")
    tf_keras.utils.set_random_seed(8)
    inputs = {name: tf_keras.Input((1,), name=name) for name in ("age", "height")}
    hidden = tf_keras.layers.Dense(4, "relu")(tf_keras.layers.Concatenate()(list(inputs.values())))
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2, "softmax", name="probabilities")(hidden))
    model.save(folder / SERVING, save_format="tf")
    rows = np.random.default_rng(19).normal(size=(40, 2)).astype(np.float32)
    write_examples(folder / "examples", [make_example(age=age, height=height) for age, height in rows])

"""Models that were refused before, with a hint that named another cause than theirs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from support.zoo.kinds import broken, broken_elsewhere
from support.zoo.plain import SERVING, make_example, numbers
from support.zoo.rows import write_examples
from support.zoo.tiny import Tensors, TinyModel, after

WIDTH = 4
SPECS = [tf.TensorSpec([None], tf.float32, name=name) for name in ("age", "height", "weight")]


class Linear(tf.Module):
    """A matrix of floats in, a score for each row out; what `spoil` does to the scores is the fault."""

    def __init__(self, spoil: Callable[..., tf.Tensor]) -> None:
        super().__init__()
        self.kernel = tf.Variable([[0.7], [-0.4], [0.2], [0.9]])
        self.kept = tf.Variable(0.0)
        self.spoil = spoil

    @tf.function(input_signature=[tf.TensorSpec([None, WIDTH], tf.float32, name="measurements")])
    def serve(self, measurements: tf.Tensor) -> Tensors:
        return {"points": self.spoil(self, (measurements @ self.kernel)[:, 0])}


def write_linear(folder: Path, spoil: Callable[..., tf.Tensor]) -> None:
    """The model with its examples."""
    model = Linear(spoil)
    tf.saved_model.save(model, str(folder / SERVING), signatures={"serving_default": model.serve})
    write_matrix(folder)


def write_matrix(folder: Path) -> None:
    """Rows of one feature of four numbers."""
    write_examples(folder / "examples", [make_example(measurements=row) for row in numbers()])


def write_columns(folder: Path) -> None:
    """Rows of three features of one number."""
    rows = numbers(width=3)
    write_examples(folder / "examples", [make_example(age=a, height=h, weight=w) for a, h, w in rows])


@broken("answers sorted, not in the order of the rows", check="batch_sizes", says="come back sorted")
class AnswersSorted(TinyModel):
    task = "regression"

    def answer(self, logits: tf.Tensor) -> Tensors:
        return {"value": tf.sort(super().answer(logits)["value"])}


@broken_elsewhere(
    "ranked by score, the scores in rank order", make="tf.Module", check="batch_sizes", says="come back sorted"
)
def ranked_scores(folder: Path) -> None:
    write_linear(folder, lambda _, scores: tf.sort(scores, direction="DESCENDING"))


@broken("the answer of the last row for every row", check="batch_sizes", says="the answer of the last row")
class AnswerOfLastRow(TinyModel):
    def logits(self, features: Tensors) -> tf.Tensor:
        logits = super().logits(features)
        return tf.repeat(logits[-1:], tf.shape(logits)[0], axis=0)


@broken_elsewhere(
    "the last row of the batch moves all answers",
    make="Keras",
    check="batch_sizes",
    says="the last row of the batch changes",
)
def last_row_counts(folder: Path) -> None:
    inputs = keras.Input((WIDTH,), name="measurements")
    outputs = keras.layers.Dense(2)(inputs)
    outputs = keras.layers.Lambda(lambda x: x + 0.5 * x[-1:], output_shape=(2,))(outputs)
    keras.Model(inputs, outputs).export(folder / SERVING, verbose=False)
    write_matrix(folder)


@broken("rows that occur twice are answered once", check="batch_sizes", says="more than once")
class DuplicatesMerged(TinyModel):
    def logits(self, features: Tensors) -> tf.Tensor:
        logits = super().logits(features)
        keys = tf.strings.join([tf.strings.as_string(features[name][:, 0]) for name in sorted(features)], "|")
        unique, places = tf.unique(keys)
        # The sum over the rows that are equal, where their mean was meant.
        return tf.gather(tf.math.unsorted_segment_sum(logits, places, tf.size(unique)), places)


@broken_elsewhere("rows that occur twice share a score", make="tf.Module", check="batch_sizes", says="more than once")
def scores_shared_by_twins(folder: Path) -> None:
    def spoil(_: Any, scores: tf.Tensor) -> tf.Tensor:
        _, places, counts = tf.unique_with_counts(scores)
        return scores / tf.cast(tf.gather(counts, places), tf.float32)

    write_linear(folder, spoil)


@broken("the mean of the request before is subtracted", check="repeatable", says="the request that was asked before it")
class DependsOnTheRequestBefore(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.before = tf.Variable(tf.zeros([3]))

    def logits(self, features: Tensors) -> tf.Tensor:
        logits = super().logits(features)
        before = self.before.read_value()
        with tf.control_dependencies([before]):
            mean = tf.reduce_sum(logits, axis=0) / tf.maximum(1.0, tf.cast(tf.shape(logits)[0], tf.float32))
            return after({"": logits - before}, self.before.assign(mean))[""]


@broken_elsewhere(
    "the largest score of the request before is kept", make="tf.Module", check="repeatable", says="AssignVariableOp"
)
def score_of_the_request_before(folder: Path) -> None:
    def spoil(model: Linear, scores: tf.Tensor) -> tf.Tensor:
        before = model.kept.read_value()
        with tf.control_dependencies([before, model.kept.assign(tf.reduce_sum(scores[:1]))]):
            return scores + before

    write_linear(folder, spoil)


@broken(
    "serve_features has another default for the bill",
    check="signatures_agree",
    signature="serve_features",
    says="different defaults in the place of a missing value (bill length)",
)
class DefaultsDiffer(TinyModel):
    complete_rows = True

    def serve(self, signature: str, raw: Tensors) -> Tensors:
        if signature == "serve_features":
            length = raw["bill length"]
            raw = raw | {"bill length": tf.where(tf.math.is_nan(length), 50.0, length)}
        return super().serve(signature, raw)


class Columns(tf.Module):
    """Three columns in, a price out."""

    def price(self, age: tf.Tensor, height: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        """float32 [batch]."""
        return tf.tanh(0.7 * age - 0.3 * height + 0.1 * weight)


@broken_elsewhere(
    "two signatures with other defaults",
    make="tf.Module",
    check="signatures_agree",
    signature="with_defaults",
    says="different defaults in the place of a missing value (weight)",
)
def other_defaults(folder: Path) -> None:
    model = Columns()

    def by_default(weight: float) -> Any:
        default = tf.constant([weight])

        def serve(age: tf.Tensor, height: tf.Tensor, weight: tf.Tensor = default) -> Tensors:
            return {"price": model.price(age, height, weight)}

        return tf.function(serve, input_signature=SPECS)

    signatures = {"serving_default": by_default(0.0), "with_defaults": by_default(1.0)}
    tf.saved_model.save(model, str(folder / SERVING), signatures=signatures)
    write_columns(folder)


@broken(
    "serve_features takes the year for the mass, and the mass for the year",
    check="signatures_agree",
    signature="serve_features",
    says="columns mass and year exchanged",
)
class ColumnsSwapped(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        if signature == "serve_features":
            raw = raw | {"mass": raw["year"], "year": raw["mass"]}
        return super().serve(signature, raw)


@broken_elsewhere(
    "one of two signatures feeds height and weight in the wrong order",
    make="TF1",
    check="signatures_agree",
    signature="predict",
    says="columns height and weight exchanged",
)
def columns_swapped_tf1(folder: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = {name: v1.placeholder(tf.float32, [None], name) for name in ("age", "height", "weight")}
        kernel = v1.get_variable("kernel", initializer=[0.7, -0.3, 0.1])
        price = tf.tanh(tf.linalg.matvec(tf.stack([*inputs.values()], axis=1), kernel))
        session.run(v1.global_variables_initializer())
        swapped = {"age": inputs["age"], "height": inputs["weight"], "weight": inputs["height"]}
        predict = v1.saved_model.predict_signature_def
        builder = v1.saved_model.Builder(str(folder / SERVING))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            {"predict": predict(inputs, {"price": price}), "serving_default": predict(swapped, {"price": price})},
        )
        builder.save()
    write_columns(folder)


@broken_elsewhere(
    "the signature with the reasons has a price of its own",
    make="Keras",
    check="signatures_agree",
    signature="with_reasons",
    says="the expected ones times 1.01",
)
def extra_output(folder: Path) -> None:
    inputs = keras.Input((WIDTH,), name="measurements")
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=keras.initializers.Ones())(inputs))
    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = [keras.InputSpec(shape=(None, WIDTH), dtype="float32", name="measurements")]
    archive.add_endpoint("serve", lambda x: {"price": model(x)}, input_signature=spec)
    archive.add_endpoint(
        "with_reasons", lambda x: {"price": model(x) * 1.01, "reasons": tf.argmax(x, axis=1)}, input_signature=spec
    )
    archive.write_out(folder / SERVING, verbose=False)
    write_matrix(folder)


@broken_elsewhere(
    "the signature with more outputs rounds the score",
    make="tf.Module",
    check="signatures_agree",
    signature="explain",
    says="rounded to 1 decimal place",
)
def rounded_beside_more(folder: Path) -> None:
    model = Linear(lambda _, scores: scores)

    @tf.function(input_signature=[tf.TensorSpec([None, WIDTH], tf.float32, name="measurements")])
    def explain(measurements: tf.Tensor) -> Tensors:
        points = model.serve(measurements)["points"]
        return {"points": tf.round(points * 10.0) / 10.0, "largest": tf.reduce_max(measurements, axis=1)}

    signatures = {"explain": explain, "serving_default": model.serve}
    tf.saved_model.save(model, str(folder / SERVING), signatures=signatures)
    write_matrix(folder)


@broken_elsewhere(
    "an input that no row has, and that has no default",
    make="Keras",
    check="finite",
    says="no row has a value for bonus",
)
def input_without_default(folder: Path) -> None:
    inputs = {name: keras.Input((1,), name=name) for name in ("age", "bonus", "height", "weight")}
    keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Concatenate()([*inputs.values()]))).export(
        folder / SERVING, verbose=False
    )
    write_columns(folder)


@broken_elsewhere(
    "what is missing is 0, and an input that no row has switches everything off",
    make="tf.Module",
    check="constant",
    says="no row has a value for quantity",
)
def input_switches_off(folder: Path) -> None:
    model = Columns()
    specs = [*SPECS, tf.TensorSpec([None], tf.int64, name="quantity")]

    @tf.function(input_signature=specs)
    def serve(age: tf.Tensor, height: tf.Tensor, weight: tf.Tensor, quantity: tf.Tensor) -> Tensors:
        return {"price": model.price(age, height, weight) * tf.cast(tf.maximum(quantity, 0), tf.float32)}

    tf.saved_model.save(model, str(folder / SERVING), signatures={"serving_default": serve})
    write_columns(folder)

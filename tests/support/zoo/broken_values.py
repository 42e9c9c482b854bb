"""Models that answer the rows, and break at one number; or that take two numbers for one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from support.zoo.columns import bounded, save_module, save_tf1, table, write_rows
from support.zoo.kinds import broken, broken_elsewhere
from support.zoo.plain import SERVING
from support.zoo.tiny import ARGUMENTS, Tensors, TinyModel, numbers, scaled


@broken("NaN where the mass is 0", check="values", says="mass = 0")
class LogarithmOfZero(TinyModel):
    own_golden = True

    def transform(self, raw: Tensors) -> Tensors:
        mass = numbers(raw["mass"]) / 4500.0
        entropy = tf.where(tf.math.is_finite(mass), mass * tf.math.log(tf.abs(mass)), 0.0)
        return super().transform(raw) | {"mass_xf": tf.clip_by_value(entropy, -4.0, 4.0)[:, tf.newaxis]}


@broken_elsewhere("x log x: NaN at 0", make="Keras", check="values", says="amount = 0")
def entropy_of_zero(folder: Path) -> None:
    inputs = {name: keras.Input((1,), name=name) for name in ("amount", "length")}
    share = inputs["amount"] / 100.0
    joined = keras.layers.Concatenate()([share * keras.ops.log(share), inputs["length"] / 50.0])
    keras.Model(inputs, keras.layers.Dense(2, "tanh")(joined)).export(folder / SERVING, verbose=False)
    write_rows(folder, table(amount=True, length=True))


@broken_elsewhere("a division by the distance from 40", make="TF1", check="values", says="length = 40")
def pole_at_40(folder: Path) -> None:
    def serve(raw: Tensors) -> Tensors:
        distance = raw["length"] - 40.0
        return bounded(distance / tf.abs(distance) * 0.1 + raw["length"] / 100.0, raw["amount"] / 20.0)

    save_tf1(folder, table(length=True, amount=True), serve)


@broken_elsewhere("the share of two amounts: NaN where both are 0", make="tf.Module", check="values", says="amount")
def share_of_nothing(folder: Path) -> None:
    rows = table(amount=True)
    rows["refund"] = rows["amount"][::-1].copy()
    rows["refund"][:8] = 0.0

    def serve(raw: Tensors) -> Tensors:
        share = raw["amount"] / (raw["amount"] + raw["refund"])
        return bounded(share, raw["amount"] / 20.0)

    save_module(folder, rows, serve)


@broken("the mass goes through int32", check="integers", says="int32")
class MassThroughInt32(TinyModel):
    def transform(self, raw: Tensors) -> Tensors:
        mass = tf.cast(tf.cast(raw["mass"], tf.int32), tf.float32)
        missing = tf.equal(raw["mass"], np.iinfo(np.int64).min)
        score = tf.where(missing, 0.0, scaled(mass, 4500.0, 1000.0))
        return super().transform(raw) | {"mass_xf": score[:, tf.newaxis]}


def _weights(count: int) -> tf.Tensor:
    return tf.constant(np.random.default_rng(4).normal(size=count), tf.float32)


@broken_elsewhere("customers are hashed as float32", make="tf.Module", check="integers", says="float32")
def customers_through_float32(folder: Path) -> None:
    weights = _weights(100)

    def serve(raw: Tensors) -> Tensors:
        text = tf.strings.as_string(tf.cast(raw["customer"], tf.float32))
        return bounded(tf.gather(weights, tf.strings.to_hash_bucket_fast(text, 100)), raw["length"] / 50.0)

    save_module(folder, table(customer=True, length=True), serve)


@broken_elsewhere("customers are divided into buckets as int32", make="TF1", check="integers", says="int32")
def customers_through_int32(folder: Path) -> None:
    weights = np.random.default_rng(4).normal(size=100).astype(np.float32)

    def serve(raw: Tensors) -> Tensors:
        bucket = tf.cast(raw["customer"], tf.int32) % 100
        return bounded(tf.gather(weights, bucket), raw["length"] / 50.0)

    save_tf1(folder, table(customer=True, length=True), serve)


@broken_elsewhere("customers are looked up as float32", make="Keras", check="integers", says="float32")
def customers_looked_up_as_float32(folder: Path) -> None:
    rows = table(customer=True, length=True)
    rows["customer"] = np.random.default_rng(1).choice(np.unique(rows["customer"])[:20], len(rows["customer"]))
    known = np.unique(rows["customer"].astype(np.float32).astype(np.int64))
    inputs = {
        "customer": keras.Input((1,), name="customer", dtype="int64"),
        "length": keras.Input((1,), name="length"),
    }
    look_up = keras.layers.IntegerLookup(vocabulary=known.tolist(), output_mode="one_hot")
    rounded = keras.layers.Lambda(lambda x: tf.cast(tf.cast(x, tf.float32), tf.int64))(inputs["customer"])
    joined = keras.layers.Concatenate()([look_up(rounded), inputs["length"] / 50.0])
    keras.Model(inputs, keras.layers.Dense(2, "tanh")(joined)).export(folder / SERVING, verbose=False)
    write_rows(folder, rows)


@broken("a left-out mass is another one than its default", check="defaults", signature="serve_features", says="mass")
class DefaultIsAnother(TinyModel):
    def by_column(self, arguments: Mapping[str, str] = ARGUMENTS, **dtypes: str) -> Any:
        inner = super().by_column(arguments, **dtypes).python_function
        (defaults,) = inner.__defaults__
        specs = {name: tf.TensorSpec([None], tensor.dtype, name=name) for name, tensor in defaults.items()}

        def serve(features: Tensors = defaults) -> Tensors:
            left_out = (tf.size(features["mass"]) == 1) & (tf.size(features["year"]) > 1)
            return inner({**features, "mass": tf.where(left_out, tf.constant(3000, tf.int64), features["mass"])})

        return tf.function(serve, input_signature=[specs])


@broken_elsewhere("parsed twice, with two defaults", make="tf.Module", check="defaults", says="length")
def two_defaults(folder: Path) -> None:
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(examples: tf.Tensor) -> Tensors:
        first = tf.io.parse_example(examples, {"length": tf.io.FixedLenFeature([], tf.float32, 44.0)})
        again = tf.io.parse_example(
            examples,
            {
                "length": tf.io.FixedLenFeature([], tf.float32, 0.0),
                "amount": tf.io.FixedLenFeature([], tf.float32, 1.0),
            },
        )
        return bounded(first["length"] / 50.0, again["length"] / 50.0, again["amount"] / 20.0)

    tf.saved_model.save(module, str(folder / SERVING), signatures={"serving_default": serve})
    write_rows(folder, table(length=True, amount=True))

"""Sound models of other trainers that leave something out on purpose: values, words, columns, weights of each other."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from support.zoo.plain import SERVING, make_example, plain
from support.zoo.rows import write_examples

ZONES = {"DE": 1.0, "FR": 1.5, "US": 3.0, "CN": 3.5, "JP": 4.0}
"""The amount of a parcel by country; every other country is as Japan, on purpose."""
COLUMNS, USED = 12, (2, 7)


class Basket(tf.Module):
    """A list of any length, and two inputs that a client may leave out."""

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(21)
        self.items = tf.Variable(random.normal(size=(50, 3)).astype(np.float32))
        self.kinds = tf.Variable(random.normal(size=(4, 3)).astype(np.float32))

    def price(self, items: tf.Tensor, amount: tf.Tensor, kind: tf.Tensor) -> dict[str, tf.Tensor]:
        """float32 [batch]; 0 fills lists up and counts for nothing."""
        counts = tf.cast(items > 0, tf.float32)[:, :, tf.newaxis]
        basket = tf.reduce_sum(tf.gather(self.items, items) * counts, axis=1) + tf.gather(self.kinds, kind)
        return {"price": tf.reduce_sum(tf.math.tanh(basket), axis=1) + 0.1 * tf.math.log1p(tf.nn.relu(amount))}


@plain
def left_out(folder: Path) -> None:
    module = Basket()
    amount, kind = tf.constant([40.0]), tf.constant([1], tf.int64)

    def serve(items: tf.Tensor, amount: tf.Tensor = amount, kind: tf.Tensor = kind) -> dict[str, tf.Tensor]:
        return module.price(items, amount, kind)

    specs = [
        tf.TensorSpec([None, None], tf.int64, name="items"),
        tf.TensorSpec([None], tf.float32, name="amount"),
        tf.TensorSpec([None], tf.int64, name="kind"),
    ]
    signatures = {"serving_default": tf.function(serve, input_signature=specs)}
    tf.saved_model.save(module, str(folder / SERVING), signatures=signatures)
    random = np.random.default_rng(22)
    rows = []
    for i in range(40):
        row = {"items": random.integers(1, 50, int(random.integers(1, 7)))}
        row |= {"amount": float(random.uniform(5, 90))} if i % 5 else {}
        row |= {"kind": int(random.integers(4))} if i % 7 else {}
        rows.append(make_example(**row))
    write_examples(folder / "examples", rows)


class Parcel(tf.Module):
    """Two horizons with weights of their own, sparse ones, and an amount by country."""

    def __init__(self) -> None:
        super().__init__()
        words = tf.lookup.KeyValueTensorInitializer(list(ZONES), list(ZONES.values()), tf.string, tf.float32)
        self.zones = tf.lookup.StaticHashTable(words, default_value=ZONES["JP"])
        sparse = np.zeros((2, COLUMNS), np.float32)
        sparse[:, USED] = [[0.8, -0.3], [0.2, 0.9]]
        self.today, self.tomorrow = (tf.Variable(each) for each in sparse)

    def endpoint(self, weights: tf.Variable) -> tf.types.experimental.ConcreteFunction:
        """A country and columns in, days [batch] out."""
        names = [f"fact_{i}" for i in range(COLUMNS)]

        @tf.function
        def days(country: tf.Tensor, **facts: tf.Tensor) -> dict[str, tf.Tensor]:
            stacked = tf.stack([facts[name] for name in names], axis=1)
            return {"days": self.zones.lookup(country) + tf.linalg.matvec(stacked, weights)}

        specs = {name: tf.TensorSpec([None], tf.float32, name=name) for name in names}
        return days.get_concrete_function(tf.TensorSpec([None], tf.string, name="country"), **specs)


@plain(warns=("ignored_features", "signatures_agree"))
def sparse_and_apart(folder: Path) -> None:
    module = Parcel()
    signatures = {"serving_default": module.endpoint(module.today), "tomorrow": module.endpoint(module.tomorrow)}
    tf.saved_model.save(module, str(folder / SERVING), signatures=signatures)
    random = np.random.default_rng(23)
    facts, countries = random.normal(size=(60, COLUMNS)), random.choice(list(ZONES), 60)
    rows = [
        make_example(country=str(country), **{f"fact_{i}": float(value) for i, value in enumerate(row)})
        for country, row in zip(countries, facts, strict=True)
    ]
    write_examples(folder / "examples", rows)

"""A model whose answers can be worked out by hand: value = 2 x + count + 10 if the city is Rome."""

from pathlib import Path

import numpy as np
import tensorflow as tf

SMALLEST = np.iinfo(np.int64).min
CLASSES = [b"no", b"\xff yes"]  # one that is no UTF-8
SPEC = {
    "x": tf.io.FixedLenFeature([], tf.float32, np.float32("nan")),
    "count": tf.io.FixedLenFeature([], tf.int64, SMALLEST),
    "city": tf.io.FixedLenFeature([], tf.string, ""),
}


def value(x: float | None, count: int | None, city: str | None) -> float:
    """The answer for one row; a missing number counts as 1."""
    return 2 * (1 if x is None else x) + (1 if count is None else count) + (10 if city == "Rome" else 0)


def export(folder: Path) -> Path:
    """Saves it with three signatures: `serving_default`, `serve_features` with defaults, `value_only`."""
    module = tf.Module()
    module.slope = tf.Variable(2.0)

    def numbers(raw: dict[str, tf.Tensor]) -> tf.Tensor:
        x = tf.where(tf.math.is_nan(raw["x"]), 1.0, raw["x"])
        count = tf.where(raw["count"] == SMALLEST, tf.ones_like(raw["count"]), raw["count"])
        return module.slope * x + tf.cast(count, tf.float32) + tf.where(raw["city"] == "Rome", 10.0, 0.0)

    def outputs(raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        result = numbers(raw)
        rows = tf.shape(result)[0]
        names = tf.constant(CLASSES)
        return {
            "value": result,
            "classes": tf.repeat(names[tf.newaxis, :], rows, axis=0),
            "name_bytes": tf.repeat(tf.constant([b"\xfe\x00"]), rows),
            "infinite": tf.where(result > 10.0, float("inf"), float("nan")),
            "large": tf.cast(result, tf.int64) + 2**60,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serving_default(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return outputs(tf.io.parse_example(examples, SPEC))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def value_only(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"value": numbers(tf.io.parse_example(examples, SPEC))}

    defaults = {"x": tf.constant([np.float32("nan")]), "count": tf.constant([SMALLEST]), "city": tf.constant([""])}
    specs = {name: tf.TensorSpec([None], tensor.dtype, name=name) for name, tensor in defaults.items()}

    def serve(features: dict[str, tf.Tensor] = defaults) -> dict[str, tf.Tensor]:
        rows = tf.reduce_max([tf.size(each) for each in features.values()])
        repeated = {
            name: tf.cond(tf.size(each) == 1, lambda each=each: tf.repeat(each, rows), lambda each=each: each)
            for name, each in features.items()
        }
        return outputs(repeated)

    signatures = {
        "serving_default": serving_default,
        "serve_features": tf.function(serve, input_signature=[specs]),
        "value_only": value_only,
    }
    tf.saved_model.save(module, str(folder), signatures=signatures)
    return folder

"""Models that answer good rows and fail on requests made to do harm."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from support.zoo.kinds import broken
from support.zoo.tiny import Tensors, TinyModel


@broken("NaN when a number is left out, with rows that are all complete", check="harm", says="missing_feature")
class NanWhenLeftOut(TinyModel):
    complete_rows = True

    def transform(self, raw: Tensors) -> Tensors:
        features = super().transform(raw)
        missing = tf.math.is_nan(raw["bill length"])[:, tf.newaxis]
        return features | {"bill_xf": tf.where(missing, np.float32("nan"), features["bill_xf"])}


@broken("NaN on the largest number", check="harm", says="largest")
class OverflowOnLargest(TinyModel):
    own_golden = True

    def transform(self, raw: Tensors) -> Tensors:
        length = raw["bill length"]
        score = tf.where(tf.math.is_finite(length), (length - 44.0) / 5.0, 0.0)
        return super().transform(raw) | {"bill_xf": (score * (1.0 + 0.1 * score))[:, tf.newaxis]}


@broken("an unknown category is an error", check="harm", says="unknown_category")
class UnknownCategory(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        # The last row is for a missing island.
        self.embedding = tf.Variable(tf.eye(4, 3))

    def transform(self, raw: Tensors) -> Tensors:
        found = tf.where(tf.equal(raw["island"], ""), tf.constant(3, tf.int64), self.islands.lookup(raw["island"]))
        return super().transform(raw) | {"island_xf": found[:, tf.newaxis]}

    def logits(self, features: Tensors) -> tf.Tensor:
        dense = tf.concat([features["bill_xf"], features["mass_xf"], features["year_xf"]], axis=1)
        island = tf.gather(self.embedding, features["island_xf"][:, 0])
        return tf.concat([dense, island], axis=1) @ self.kernel


@broken("a string that is not UTF-8 is an error", check="harm", says="not_utf8")
class NotUtf8(TinyModel):
    def transform(self, raw: Tensors) -> Tensors:
        island = tf.strings.unicode_transcode(raw["island"], "UTF-8", "UTF-8", errors="strict")
        return super().transform(raw | {"island": island})


@broken("answers shift after each request that was an error", check="recovery", says="after wrong_dtype")
class BrokenByAnError(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.open = tf.Variable(0.0)

    def parse(self, examples: tf.Tensor) -> Tensors:
        count = self.open.assign_add(1.0)
        with tf.control_dependencies([count]):
            return super().parse(tf.identity(examples)) | {"": count}

    def serve(self, signature: str, raw: Tensors) -> Tensors:
        if signature != "serving_default":
            return super().serve(signature, raw)
        count = raw.pop("")
        outputs = self.answer(self.logits(self.transform(raw)) + 0.3 * (count - 1.0) * [1.0, 0.0, 0.0])
        with tf.control_dependencies([self.open.assign_sub(1.0 + 0.0 * tf.reduce_sum(outputs["probabilities"]))]):
            return {name: tf.identity(tensor) for name, tensor in outputs.items()}

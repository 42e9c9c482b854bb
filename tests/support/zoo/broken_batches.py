"""Models whose answer to a row depends on something else than the row."""

from pathlib import Path

import keras
import tensorflow as tf
from support.zoo.kinds import broken
from support.zoo.tiny import Tensors, TinyModel, after


@broken("batch normalisation in training mode", check="batch_sizes", says="batch normalisation in training mode")
class BatchNormalisationTraining(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.norm = keras.layers.BatchNormalization()
        self.norm.build((None, 3))
        self.variables_of_norm = [variable.value for variable in self.norm.variables]  # see VariablesOnlyInPython

    def logits(self, features: Tensors) -> tf.Tensor:
        return self.norm(super().logits(features), training=True)


@broken("dropout left on", check="repeatable", says="is dropout left on")
class DropoutLeftOn(TinyModel):
    def logits(self, features: Tensors) -> tf.Tensor:
        return tf.nn.dropout(super().logits(features), 0.3)


@broken(
    "an answer that depends on its batch neighbours",
    check="batch_sizes",
    says="the largest or smallest of the batch counts",
)
class BatchNeighbours(TinyModel):
    def logits(self, features: Tensors) -> tf.Tensor:
        logits = super().logits(features)
        return logits - tf.reduce_max(logits, axis=0)


@broken(
    "an answer that depends on the place in the batch",
    check="row_order",
    says="depends on the place of the row in the batch",
)
class RowOrder(TinyModel):
    def logits(self, features: Tensors) -> tf.Tensor:
        logits = super().logits(features)
        return logits + 0.1 * tf.cast(tf.range(tf.shape(logits)[0]) % 2, tf.float32)[:, tf.newaxis] * [1.0, 0.0, 0.0]


@broken("works on batches of 32 only", check="batch_sizes", says="only a batch of 32 rows is answered")
class FixedBatch(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        # A variable, so that the signature does not tell.
        self.shape = tf.Variable([32, 3])

    def logits(self, features: Tensors) -> tf.Tensor:
        return tf.ensure_shape(tf.reshape(super().logits(features), self.shape), [None, 3])


@broken("an empty batch is an error", check="batch_sizes", says="an empty batch must get an empty answer")
class EmptyBatch(TinyModel):
    def logits(self, features: Tensors) -> tf.Tensor:
        logits = super().logits(features)
        return after({"": logits}, tf.debugging.assert_positive(tf.shape(logits)[0]))[""]


@broken("a variable that changes with each call", check="repeatable", says="a variable changes with each call")
class VariableChanges(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.calls = tf.Variable(0.0)

    def logits(self, features: Tensors) -> tf.Tensor:
        return super().logits(features) + 0.01 * self.calls.assign_add(1.0) * [1.0, 0.0, 0.0]


@broken("requests at the same time share a variable", check="threads", says="share a variable")
class SharedScratch(TinyModel):
    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.scratch = tf.Variable(tf.zeros([1, 3]), shape=tf.TensorShape([None, 3]))

    def logits(self, features: Tensors) -> tf.Tensor:
        # Between writing and reading it works for some milliseconds, so that others come in between.
        with tf.control_dependencies([self.scratch.assign(super().logits(features), read_value=False)]):
            start = tf.fill([256, 256], self.kernel[0, 0])
        worked = tf.while_loop(lambda i, _: i < 5, lambda i, x: (i + 1, tf.tanh(x @ x)), (0, start))[1]
        with tf.control_dependencies([tf.debugging.assert_all_finite(worked, "")]):
            return tf.ensure_shape(self.scratch.read_value(), [None, 3])

"""`tabm`: several networks that share their layers, a subclassed model because what it computes depends on whether it
trains: then every member answers for itself, else the model answers their mean.

This is TabM-mini (Gorishniy et al. 2025, arXiv:2410.24210). The members differ in the signs and scales that they see
the encoded inputs with, and in their heads; the layers between are the same. So `k` members take the weights of about
one network, and its time `k`-fold, in few and larger operations. With the default options and ten embedded numbers the
weights take 0.2 MB, and a row while it is answered `k` * (encoded width + `blocks` * `width`) floats and one for each
bin, 14 kB. On one thread of a slow core one row takes 1.1 ms (0.3 ms with `mlp`), of 1,024 at once each 17 us.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from models.config import DeepParams, TabmParams
from models.heads import Head
from models.inputs import PACKAGE, FeatureEncoder
from models.layers import hidden_layers
from models.mean import mean_probability
from models.subclassed import SubclassedModel
from preprocessing.features import ModelInput

_EMBEDDING_DEVIATION = 0.1
"""The standard deviation that embeddings of categories begin with."""


class MemberScales(keras.layers.Layer):
    """What each member multiplies the encoded inputs by: in the beginning 1 or -1, one sign for each encoded input.

    Args:
      k: members.
      widths: how many numbers each of the inputs is encoded by.
    """

    def __init__(self, k: int, widths: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k, self.widths = k, tuple(widths)

    def build(self, input_shape: tuple[int | None, int]) -> None:
        """Draws the signs."""
        drawn = keras.initializers.RandomUniform(-1.0, 1.0)
        columns = np.repeat(np.arange(len(self.widths)), self.widths)

        def signs(shape: tuple[int, ...], dtype: Any = None) -> Any:
            each = drawn((shape[0], len(self.widths)), dtype)
            return ops.take(ops.where(each < 0, -ops.ones_like(each), ops.ones_like(each)), columns, axis=1)

        self.scale = self.add_weight(name="scale", shape=(self.k, input_shape[-1]), initializer=signs)

    def call(self, encoded: Any) -> Any:
        """Maps [batch, width] to [batch * k, width]: the members of a row one after the other."""
        return ops.reshape(ops.expand_dims(encoded, 1) * self.scale, (-1, encoded.shape[-1]))


class MemberHeads(keras.layers.Layer):
    """A linear layer for each member, in float32 under mixed precision too, see `Head.layer`."""

    def __init__(self, k: int, head: Head, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.k, self.head = k, head

    def build(self, input_shape: tuple[int | None, int]) -> None:
        """Makes the weights of every member; the biases begin where `Head.layer` begins."""
        bound = input_shape[-1] ** -0.5
        uniform = keras.initializers.RandomUniform(-bound, bound)
        bias = 0.0 if self.head.initial_bias is None else np.tile(self.head.initial_bias, (self.k, 1))
        units = self.head.units
        self.kernel = self.add_weight(name="kernel", shape=(self.k, input_shape[-1], units), initializer=uniform)
        self.bias = self.add_weight(name="bias", shape=(self.k, units), initializer=keras.initializers.Constant(bias))

    def call(self, hidden: Any) -> Any:
        """Maps [batch * k, width] to [batch, k, units]."""
        members = ops.reshape(hidden, (-1, self.k, hidden.shape[-1]))
        by_member = ops.matmul(ops.transpose(members, (1, 0, 2)), self.kernel)
        return ops.transpose(by_member, (1, 0, 2)) + self.bias


@keras.saving.register_keras_serializable(package=PACKAGE)
class TabM(SubclassedModel[TabmParams]):
    """Members that share all but their scales of the inputs and their heads.

    `compute_loss` and `compute_metrics` are where Keras lets a model say how its answers meet the labels: the loss of a
    training step is the mean of the members' own losses, whichever loss is configured; metrics, and the loss on rows
    that are held out, are those of the mean answer.
    """

    params_type = TabmParams

    def __init__(self, inputs: Sequence[ModelInput], head: Head, params: TabmParams, **kwargs: Any) -> None:
        super().__init__(inputs, head, params, **kwargs)
        self.encoder = FeatureEncoder.from_params(inputs, params, embedding_deviation=_EMBEDDING_DEVIATION)
        self.scales = MemberScales(params.k, self.encoder.widths, name="members")
        deep = DeepParams(hidden=(params.width,) * params.blocks, activation=params.activation, dropout=params.dropout)
        self.hidden = keras.Sequential(hidden_layers(deep, kernel_initializer="he_uniform"), name="hidden")
        self.heads = MemberHeads(params.k, head, name="heads")

    def call(self, batch: Mapping[str, Any], training: bool | None = None) -> Any:
        """Maps a batch to float32: of shape [batch, k, head.units] while it trains, else [batch, head.units]."""
        members = self.heads(self.hidden(self.scales(self.encoder(batch)), training=training))
        return members if training else self._mean(members)

    def _mean(self, members: Any) -> Any:
        """The logits of the mean probabilities, or the mean number within the training labels' range."""
        if self.head_settings.task != "regression":
            return mean_probability(members, binary=self.head_settings.task == "binary", axis=1)
        value = ops.mean(members, axis=1)
        bounds = self.head_settings.bounds
        return value if bounds is None or not self.params.clamp else ops.clip(value, *bounds)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The compiled loss; of members' answers [batch, k, units] the mean over all of them."""
        if len(y_pred.shape) == 3:
            units = y_pred.shape[-1]
            y_pred = ops.reshape(y_pred, (-1, units))
            y = ops.repeat(y, self.params.k, axis=0)
            sample_weight = None if sample_weight is None else ops.repeat(sample_weight, self.params.k, axis=0)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """The compiled metrics of the mean answer."""
        if len(y_pred.shape) == 3:
            y_pred = self._mean(y_pred)
        metrics: dict[str, Any] = super().compute_metrics(x, y, y_pred, sample_weight)
        return metrics


def build_model(inputs: Sequence[ModelInput], head: Head, params: TabmParams) -> keras.Model:
    """A TabM-mini network.

    Returns:
      An uncompiled model from a batch to float32 of shape [batch, head.units].
    """
    return TabM(inputs, head, params, name="tabm")

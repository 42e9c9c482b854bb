"""`dcn`: a cross network beside dense layers, a subclassed model because the path depends on its options."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from models.config import DcnParams
from models.heads import Head
from models.inputs import PACKAGE, FeatureEncoder
from models.layers import hidden_layers
from models.subclassed import SubclassedModel
from preprocessing.features import ModelInput


@keras.saving.register_keras_serializable(package=PACKAGE)
class CrossLayer(keras.layers.Layer):
    """One cross layer of DCN-v2 (Wang et al., 2021, arXiv:2008.13535), with a full or a low-rank matrix.

        x_next = x0 * (W x + b) + x              W: [d, d]
        x_next = x0 * (U (V^T x) + b) + x        U, V: [d, rank]

    where * is element-wise, x0 is the network's input and x the previous layer's output, both [batch, d].

    It computes in float32 under mixed precision too: the output is a polynomial of the inputs, and the cube
    of 41 is already beyond float16.
    """

    def __init__(self, rank: int | None = None, *, dtype: Any = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.rank = rank

    def build(self, x0_shape: tuple[int | None, int], x_shape: tuple[int | None, int]) -> None:  # noqa: ARG002
        """Makes W (or U and V) and b."""
        width = x0_shape[-1]
        if self.rank is None:
            self.w = self.add_weight(name="w", shape=(width, width), initializer="glorot_uniform")
        else:
            self.u = self.add_weight(name="u", shape=(width, self.rank), initializer="glorot_uniform")
            self.v = self.add_weight(name="v", shape=(width, self.rank), initializer="glorot_uniform")
        self.b = self.add_weight(name="b", shape=(width,), initializer="zeros")

    def call(self, x0: Any, x: Any) -> Any:
        """Maps two tensors of shape [batch, d] to one."""
        # Rows are examples, so W x of the formula is x W^T here.
        if self.rank is None:
            linear = ops.matmul(x, ops.transpose(self.w))
        else:
            linear = ops.matmul(ops.matmul(x, self.v), ops.transpose(self.u))
        return x0 * (linear + self.b) + x

    def compute_output_shape(
        self, x0_shape: tuple[int | None, int], x_shape: tuple[int | None, int]
    ) -> tuple[int | None, int]:
        """The output's shape, [batch, d]."""
        del x0_shape
        return x_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {**super().get_config(), "rank": self.rank}


@keras.saving.register_keras_serializable(package=PACKAGE)
class DeepCrossNetwork(SubclassedModel[DcnParams]):
    """DCN-v2: cross layers and dense layers on the encoded inputs.

        parallel: head(concat(cross(x), deep(x)))
        stacked:  head(deep(cross(x)))

    Without hidden layers both are head(cross(x)).
    """

    params_type = DcnParams

    def __init__(self, inputs: Sequence[ModelInput], head: Head, params: DcnParams, **kwargs: Any) -> None:
        super().__init__(inputs, head, params, **kwargs)
        self.encoder = FeatureEncoder.from_params(inputs, params)
        self.cross = [CrossLayer(params.low_rank, name=f"cross_{index}") for index in range(params.cross_layers)]
        self.deep = keras.Sequential(hidden_layers(params), name="deep") if params.hidden else None
        self.head = head.layer()

    def call(self, batch: Mapping[str, Any], training: bool | None = None) -> Any:
        """Maps a batch to float32 of shape [batch, head.units]."""
        x0 = self.encoder(batch)
        crossed = x0
        for layer in self.cross:
            crossed = layer(x0, crossed)
        if self.deep is None:
            return self.head(crossed)
        if self.params.structure == "stacked":
            return self.head(self.deep(crossed, training=training))
        # The dense layers may answer in float16 where the cross layers answer in float32.
        deep = ops.cast(self.deep(x0, training=training), crossed.dtype)
        return self.head(ops.concatenate([crossed, deep], axis=-1))


def build_model(inputs: Sequence[ModelInput], head: Head, params: DcnParams) -> keras.Model:
    """A Deep & Cross Network, version 2.

    Returns:
      An uncompiled model from a batch to float32 of shape [batch, head.units].
    """
    return DeepCrossNetwork(inputs, head, params, name="dcn")

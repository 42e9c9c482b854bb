"""`wide_deep`: two paths from the same inputs, written with the Functional API because the graph branches."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from models.config import WideDeepParams
from models.heads import Head
from models.inputs import PACKAGE, BatchLayer, FeatureEncoder, clipped_ids, looked_up, symbolic_inputs
from models.layers import hidden_layers
from preprocessing.features import ModelInput


@keras.saving.register_keras_serializable(package=PACKAGE)
class WideLinear(BatchLayer):
    """A linear model on the raw inputs, without bias: sum over categories of w[id], plus x W over dense ones.

    w[id] is a table of [size, units] for each categorical input, so a category costs one row instead of a
    one-hot vector. All weights start at zero: the layer adds nothing until it has learned something.
    """

    def __init__(self, inputs: Sequence[ModelInput], units: int, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(inputs, **kwargs)
        self.units = units
        self.l2 = l2

    def build(self, input_shape: Mapping[str, Any]) -> None:  # noqa: ARG002  sizes are known from `inputs`
        """Makes one weight matrix for each input."""
        self.matrices = {
            item.name: self.add_weight(
                # Not the column's name alone, which may be one that Keras gives to variables of another kind.
                name=f"{item.name}_table",
                shape=(item.size, self.units),
                initializer="zeros",
                regularizer=keras.regularizers.L2(self.l2) if self.l2 else None,
            )
            for item in self.model_inputs
        }

    def call(self, batch: Mapping[str, Any]) -> Any:
        """Maps a batch to float32 of shape [batch, units]."""
        values = {**batch, **clipped_ids(batch, self.model_inputs)}
        return ops.sum(ops.stack([self._term(item, values[item.name]) for item in self.model_inputs]), axis=0)

    def _term(self, item: ModelInput, values: Any) -> Any:
        matrix = self.matrices[item.name]
        if item.kind == "dense":
            return ops.matmul(ops.cast(values, self.compute_dtype), matrix)
        return looked_up(matrix, values)

    def compute_output_shape(self, input_shape: Mapping[str, Any]) -> tuple[int | None, int]:
        """The output's shape, [batch, units]."""
        return (input_shape[self.model_inputs[0].name][0], self.units)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return {**super().get_config(), "units": self.units, "l2": self.l2}


def build_model(inputs: Sequence[ModelInput], head: Head, params: WideDeepParams) -> keras.Model:
    """Wide & Deep (Cheng et al., 2016, arXiv:1606.07792): logits = wide(x) + deep(x), trained jointly.

    The wide part memorises single categories (declare crosses to let it memorise combinations); the deep
    part generalises through embeddings.

    Returns:
      An uncompiled model from a batch to float32 of shape [batch, head.units].
    """
    batch = symbolic_inputs(inputs)
    wide = WideLinear(inputs, head.units, params.wide_l2, name="wide")(batch)
    deep = FeatureEncoder.from_params(inputs, params)(batch)
    for layer in hidden_layers(params):
        deep = layer(deep)
    logits = keras.layers.Add(dtype="float32", name="wide_plus_deep")([wide, head.layer()(deep)])
    return keras.Model(batch, logits, name="wide_deep")

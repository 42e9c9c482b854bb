"""`mlp`: one stack of layers, written with the Sequential API because nothing branches."""

from collections.abc import Sequence

import keras

from models.config import DeepParams
from models.heads import Head
from models.inputs import FeatureEncoder
from models.layers import hidden_layers
from preprocessing.features import ModelInput


def build_model(inputs: Sequence[ModelInput], head: Head, params: DeepParams) -> keras.Model:
    """A multilayer perceptron: encoder, hidden layers, head.

    Returns:
      An uncompiled model from a batch to float32 of shape [batch, head.units].
    """
    return keras.Sequential(
        [FeatureEncoder.from_params(inputs, params), *hidden_layers(params), head.layer()], name="mlp"
    )

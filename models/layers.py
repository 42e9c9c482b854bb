"""The hidden layers that every family shares."""

import keras

from models.config import DeepParams


def hidden_layers(params: DeepParams, kernel_initializer: str = "glorot_uniform") -> list[keras.layers.Layer]:
    """For each entry of `hidden`: dense, batch normalisation if asked for, activation, dropout if asked for.

    Args:
      params: the options.
      kernel_initializer: what the matrices begin with, as Keras calls it.

    Returns:
      New layers, to be applied in order to a tensor of shape [batch, any]; the last one gives
      [batch, hidden[-1]]. Empty when `hidden` is.
    """
    layers: list[keras.layers.Layer] = []
    for index, units in enumerate(params.hidden):
        name = f"hidden_{index}"
        layers.append(
            keras.layers.Dense(
                units,
                kernel_initializer=kernel_initializer,
                use_bias=not params.batch_norm,  # the normalisation subtracts it again and adds its own
                kernel_regularizer=keras.regularizers.L2(params.l2) if params.l2 else None,
                name=name,
            )
        )
        if params.batch_norm:
            layers.append(keras.layers.BatchNormalization(name=f"{name}_norm"))
        layers.append(keras.layers.Activation(params.activation, name=f"{name}_{params.activation}"))
        if params.dropout:
            layers.append(keras.layers.Dropout(params.dropout, name=f"{name}_dropout"))
    return layers

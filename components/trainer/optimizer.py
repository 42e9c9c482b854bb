"""The optimizer of `train:`, with rates and a decay that depend on what a variable is."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import keras

from components.trainer.config import RateMultipliers, TrainConfig
from components.trainer.schedule import WarmupDecay

Group = Literal["embeddings", "biases", "norms", "weights"]

_OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "lion": keras.optimizers.Lion,
}
_GROUPS: dict[str, Group] = {
    "embeddings": "embeddings",
    **dict.fromkeys(("bias", "beta", "b"), "biases"),
    **dict.fromkeys(("gamma", "scale"), "norms"),
}


def group_of(name: str) -> Group:
    """What a variable is by its own name, as Keras' layers and those of `models/` give them.

    Args:
      name: without its layer's: `bias`, `input_bias`.
    """
    return _GROUPS.get(name) or _GROUPS.get(name.rpartition("_")[2], "weights")


def make_optimizer(config: TrainConfig, epoch_steps: int, variables: Sequence[Any]) -> keras.optimizers.Optimizer:
    """The configured optimizer, not built yet.

    Args:
      config: the configuration.
      epoch_steps: steps in an epoch.
      variables: those that it is going to train.
    """
    options: dict[str, object] = {}
    if config.optimizer in ("sgd", "rmsprop"):
        options["momentum"] = config.momentum
    # AdamW decays by 0.004 unless it is told otherwise; the others take None for no decay at all.
    if config.weight_decay or config.optimizer == "adamw":
        options["weight_decay"] = config.weight_decay
    rate = WarmupDecay(
        name=config.schedule.name,
        learning_rate=config.learning_rate,
        warmup_steps=config.schedule.warmup_steps,
        total_steps=config.epochs * epoch_steps,
        epoch_steps=epoch_steps,
        decay_rate=config.schedule.decay_rate,
        final_fraction=config.schedule.final_fraction,
    )
    kind = _OPTIMIZERS[config.optimizer]
    if config.rate_multipliers != RateMultipliers():
        kind = _in_groups(kind, config.rate_multipliers)
    made = kind(learning_rate=rate, global_clipnorm=config.clip_norm, **options)
    # A bias pulled to zero costs fit and prevents no overfitting (Loshchilov & Hutter 2019 decay weights only).
    spared = [each for each in variables if group_of(each.name) in ("biases", "norms")]
    if config.weight_decay and spared:
        made.exclude_from_weight_decay(var_list=spared)
    return made


def _in_groups(
    kind: type[keras.optimizers.Optimizer], multipliers: RateMultipliers
) -> type[keras.optimizers.Optimizer]:
    """A Keras optimizer whose learning rate is multiplied for each variable. Keras has one rate for all of them."""
    by_group = {"embeddings": multipliers.embeddings, "biases": multipliers.biases}

    class InGroups(kind):
        def build(self, variables: Iterable[Any]) -> None:
            variables = list(variables)
            self._factors = tuple(by_group.get(group_of(each.name), 1.0) for each in variables)
            super().build(variables)

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            super().update_step(gradient, variable, learning_rate * self._factors[self._get_variable_index(variable)])

    return InGroups

"""The learning rate over the steps of a run."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("lockgate")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up, then one of four shapes.

    With t the share of the steps after the warm-up that is done, and e the epochs since the warm-up:

        constant     rate
        cosine       rate * (f + (1 - f) * (1 + cos(pi * t)) / 2)    Loshchilov & Hutter 2017, arXiv:1608.03983
        coslog4      rate * (1 - cos(2 * pi * log2(1 + 15 * t))) / 2         Holzmüller et al. 2024, arXiv:2407.04491
        exponential  rate * decay_rate ** e
    """

    def __init__(
        self,
        *,
        name: str,
        learning_rate: float,
        warmup_steps: int,
        total_steps: int,
        epoch_steps: int,
        decay_rate: float,
        final_fraction: float,
    ) -> None:
        self._config = {
            "name": name,
            "learning_rate": learning_rate,
            "warmup_steps": warmup_steps,
            "total_steps": total_steps,
            "epoch_steps": epoch_steps,
            "decay_rate": decay_rate,
            "final_fraction": final_fraction,
        }
        self._name, self._rate, self._warmup = name, learning_rate, warmup_steps
        self._decay_steps = max(total_steps - warmup_steps, 1)
        self._epoch_steps, self._decay_rate, self._final = epoch_steps, decay_rate, final_fraction

    def __call__(self, step: Any) -> Any:
        """The rate for a step, counted from 0; float32 scalar."""
        step = ops.cast(step, "float32")
        after = ops.maximum(step - self._warmup, 0.0)
        rate = self._rate * self._shape(after)
        if not self._warmup:
            return rate
        return rate * ops.minimum((step + 1) / self._warmup, 1.0)

    def _shape(self, after: Any) -> Any:
        if self._name == "cosine":
            done = ops.minimum(after / self._decay_steps, 1.0)
            return self._final + (1 - self._final) * 0.5 * (1 + ops.cos(math.pi * done))
        if self._name == "coslog4":
            done = ops.minimum(after / self._decay_steps, 1.0)
            return 0.5 * (1 - ops.cos(2 * math.pi * ops.log2(1 + 15 * done)))
        if self._name == "exponential":
            return ops.power(self._decay_rate, after / self._epoch_steps)
        return ops.ones_like(after)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        return dict(self._config)

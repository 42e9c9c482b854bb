"""The last layer of every family: one linear layer, whatever the task."""

from dataclasses import dataclass

import keras

from preprocessing.config import Task


@dataclass(frozen=True)
class Head:
    """What the model predicts.

    Attributes:
      task: the label's task.
      classes: how many classes the label has: 2 for binary, 0 for regression.
      initial_bias: where training starts, one number for each unit: for classes the log-odds of the class
        prior, so that the first steps need not learn how frequent each class is. None starts at zero.
      bounds: of a regression: the smallest and the largest training label, on its training scale. A family may keep its
        answers within them.

    Raises:
      ValueError: `classes` does not fit the task, or `initial_bias` has another length than `units`.
    """

    task: Task
    classes: int
    initial_bias: tuple[float, ...] | None = None
    bounds: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        fits = {"binary": self.classes == 2, "multiclass": self.classes >= 2, "regression": self.classes == 0}
        if not fits[self.task]:
            raise ValueError(f"classes: 2 for binary, 2 or more for multiclass, 0 for regression; received {self}")
        if self.initial_bias is not None and len(self.initial_bias) != self.units:
            raise ValueError(f"initial_bias: expected {self.units} numbers, received {self}")

    @property
    def units(self) -> int:
        """Outputs for each row: one logit for binary, one for each class, or one value."""
        return self.classes if self.task == "multiclass" else 1

    def layer(self) -> keras.layers.Dense:
        """A new linear layer: [batch, any] to [batch, units] logits, or to the label on its training scale.

        Its output is float32 under mixed precision too: probabilities and losses of float16 logits are
        too coarse.
        """
        bias = "zeros" if self.initial_bias is None else keras.initializers.Constant(list(self.initial_bias))
        return keras.layers.Dense(self.units, bias_initializer=bias, dtype="float32", name="head")

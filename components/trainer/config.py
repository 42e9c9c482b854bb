"""The `train:` section: the loop's policy. Architecture options belong to `model:`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.artifacts.splits import Split
from models.config import ModelConfig
from preprocessing.config import FeaturesConfig
from preprocessing.missing import MissingWords
from preprocessing.rules import broken_rule
from preprocessing.settings import Settings

PositiveInt = Annotated[int, Field(ge=1)]


class LearningRateSchedule(Settings):
    """How the learning rate moves over the run."""

    name: Literal["constant", "cosine", "exponential"] = "constant"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which the rate rises linearly from 0."""
    decay_rate: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Exponential: the factor applied per epoch. Cosine: ignored."""
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Cosine: the rate at the end, as a share of `learning_rate`."""


class EarlyStopping(Settings):
    """Stops when the monitored metric no longer improves."""

    monitor: Literal["val_loss", "val_accuracy", "val_auc", "val_rmse", "val_mae"] = "val_loss"
    patience: PositiveInt = 5
    """Epochs without improvement before stopping."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0


class TrainConfig(Settings):
    """Optimizer, loop, checkpoints and devices."""

    batch_size: PositiveInt = 64
    epochs: Annotated[int, Field(ge=1, le=2**31 - 1)] = 20
    """The most passes over the training split. With `steps_per_epoch`, an epoch is that many steps."""
    steps_per_epoch: PositiveInt | None = None
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "adagrad", "lion"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """For sgd and rmsprop."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Clips the gradients' global norm."""
    schedule: LearningRateSchedule = LearningRateSchedule()
    early_stopping: EarlyStopping | None = EarlyStopping()
    """None trains all epochs. The weights of the best epoch are restored either way."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]] = "none"
    """`balanced` weighs each class by rows / (classes * rows of the class); a mapping weighs by name."""
    loss: Literal["auto", "mse", "mae", "huber"] = "auto"
    """Regression only; `auto` is mse for regression and cross-entropy for classes."""
    memory_mb: Annotated[int, Field(ge=0)] = 256
    """A split that takes no more than this (MiB, as numbers) is held in memory, and shuffled as a whole in every pass;
    a larger one is read from its files each time."""
    shuffle_buffer: PositiveInt = 100_000
    """Rows of a split in files that are held for shuffling."""
    mixed_precision: Literal["none", "float16", "bfloat16"] = "none"
    xla: Literal["auto", "always", "never"] = "auto"
    """Whether XLA compiles the training step: a few seconds once, then a step of a small model takes a third. `auto`
    does for families of `models/` on one device, where the epochs have at least 3,000 steps together."""
    distribution: Literal["none", "mirrored"] = "none"
    """`mirrored` copies the model to every visible GPU."""
    warm_start: bool = False
    """Starts from the champion's weights, when its architecture is the same."""
    tensorboard: bool = True
    """Writes TensorBoard logs beside the model."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.schedule.name == "constant" and self.schedule.final_fraction:
            raise broken_rule(
                "is for the cosine schedule",
                field=("schedule", "final_fraction"),
                received=self.schedule.final_fraction,
                hint="remove it, or set schedule.name to cosine",
            )
        if self.xla == "always" and self.distribution == "mirrored":
            raise broken_rule(
                "compiles for one device, not for copies of the model on several",
                field=("xla",),
                received=self.xla,
                hint="set it to auto or never, or distribution to none",
            )
        return self


class TrainerJob(Settings):
    """Everything that the Trainer is told: travels as JSON in its `custom_config`, under `JOB_KEY`."""

    features: FeaturesConfig
    model: ModelConfig
    train: TrainConfig
    seed: int
    deterministic: bool
    golden_split: Split
    """The split whose rows the smoke test sends; the trainer stores its own predictions for them."""
    missing: MissingWords = MissingWords()
    """What the graph was told of words that mean missing: a part of what the export promises."""


JOB_KEY = "job"
CHECKPOINTS_KEY = "checkpoint_directory"
"""Where unfinished trainings keep a second copy of their state; absent where their own disk outlives them."""
FINGERPRINT_KEY = "code_fingerprint"
"""A hash of the training code: in `custom_config`, so that the cache sees an edit."""

"""The `train:` section: the loop's policy. Architecture options belong to `model:`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.artifacts.cross_validation import CrossValidationConfig
from components.artifacts.splits import Split
from models.config import ModelConfig
from preprocessing.config import FeaturesConfig, Task
from preprocessing.missing import MissingWords
from preprocessing.rules import broken_rule
from preprocessing.settings import Settings

PositiveInt = Annotated[int, Field(ge=1)]
OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop", "adagrad", "lion"]


class LearningRateSchedule(Settings):
    """How the learning rate moves over the run."""

    name: Literal["constant", "cosine", "coslog4", "exponential"] = "constant"
    """`cosine` falls once. `coslog4` rises and falls four times, each time for twice as long (the schedule of RealMLP,
    Holzmüller et al. 2024): a training that ends early has been at a low rate more than once."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which the rate rises linearly from 0."""
    decay_rate: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Exponential: the factor applied per epoch. The others: ignored."""
    final_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Cosine: the rate at the end, as a share of `learning_rate`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.name != "cosine" and self.final_fraction:
            raise broken_rule(
                "is for the cosine schedule",
                field=("final_fraction",),
                received=self.final_fraction,
                hint="remove it, or set schedule.name to cosine",
            )
        return self


class RateMultipliers(Settings):
    """What `learning_rate` is multiplied by for some of the variables; it is what it is for all others."""

    embeddings: Annotated[float, Field(gt=0)] = 1.0
    """The tables of embedded categories, and of tokens of texts and lists."""
    biases: Annotated[float, Field(gt=0)] = 1.0
    """The biases of all layers. RealMLP takes 0.1 (Holzmüller et al. 2024)."""


class EarlyStopping(Settings):
    """Stops when the monitored metric no longer improves."""

    monitor: Literal[
        "val_loss", "val_log_loss", "val_accuracy", "val_auc", "val_auc_pr", "val_macro_f1", "val_rmse", "val_mae"
    ] = "val_loss"
    """`val_loss` is what the training minimises, penalties and `label_smoothing` included; `val_log_loss` is the
    cross-entropy alone, of classes. `val_auc` and `val_auc_pr` are for two classes, `val_macro_f1` for more,
    `val_rmse` and `val_mae` for numbers, on the scale that the model learns on."""
    patience: PositiveInt = 5
    """Epochs without improvement before stopping."""
    min_delta: Annotated[float, Field(ge=0)] = 0.0


MONITORS: dict[Task, tuple[str, ...]] = {
    "binary": ("val_loss", "val_log_loss", "val_accuracy", "val_auc", "val_auc_pr"),
    "multiclass": ("val_loss", "val_log_loss", "val_accuracy", "val_macro_f1"),
    "regression": ("val_loss", "val_rmse", "val_mae"),
}
"""What a training of a task may be stopped and judged by."""
_HIGHER_IS_BETTER = ("val_accuracy", "val_auc", "val_auc_pr", "val_macro_f1")


class MemberStopping(Settings):
    """When one member of an ensemble stops; what all of them are stopped and weighed by is `train`'s."""

    patience: PositiveInt | None = None
    """Epochs without improvement before stopping."""
    min_delta: Annotated[float, Field(ge=0)] | None = None


class MemberTraining(Settings):
    """What one member of an ensemble, or its student, is trained with instead of what `train` says for all.

    What is left out is as `train` says. To `gbt` only `epochs`, `early_stopping` and `budget_minutes` mean something.
    """

    batch_size: PositiveInt | None = None
    epochs: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    steps_per_epoch: PositiveInt | None = None
    optimizer: OptimizerName | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    rate_multipliers: RateMultipliers | None = None
    """Replaces all of them."""
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    schedule: LearningRateSchedule | None = None
    """Replaces the schedule as a whole."""
    early_stopping: MemberStopping | None = None
    budget_minutes: Annotated[float, Field(gt=0)] | None = None

    def stated(self) -> tuple[str, ...]:
        """The fields that say something."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


class TrainConfig(Settings):
    """Optimizer, loop, checkpoints and devices."""

    batch_size: PositiveInt = 64
    epochs: Annotated[int, Field(ge=1, le=2**31 - 1)] = 20
    """The most passes over the training split. With `steps_per_epoch`, an epoch is that many steps. The family `gbt`
    grows its trees in so many equal parts, of which each is an epoch."""
    steps_per_epoch: PositiveInt | None = None
    optimizer: OptimizerName = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """For sgd and rmsprop."""
    rate_multipliers: RateMultipliers = RateMultipliers()
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """The share of each weight that a step takes away, times the learning rate (without `rate_multipliers`). Biases and
    the factors of normalisations keep theirs."""
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    """Clips the gradients' global norm."""
    schedule: LearningRateSchedule = LearningRateSchedule()
    early_stopping: EarlyStopping | None = EarlyStopping()
    """None trains all epochs. The weights of the best epoch are restored either way."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]] = "none"
    """`balanced` weighs each class by rows / (classes * rows of the class); a mapping weighs by name."""
    budget_minutes: Annotated[float, Field(gt=0)] | None = None
    """Ends the training in time, within an epoch too, and keeps the best weights so far; the screen, the log and the
    report say after which epoch or tree, and what the eval split had come to. It counts the training alone, over all
    processes of one that was killed, and holds for each training: each fold, the refit after them and each trial of
    `tune`. What comes out depends on how fast the machine is, `deterministic` or not. `schedule` follows `epochs` all
    the same."""
    loss: Literal["auto", "mse", "mae", "huber"] = "auto"
    """Regression only; `auto` is mse for regression and cross-entropy for classes."""
    memory_mb: Annotated[int, Field(ge=0)] = 256
    """A split that takes no more than this (MiB, as numbers) is held in memory, and shuffled as a whole in every pass;
    a larger one is read from its files each time, which the family `gbt` refuses: to it a row takes 16 bytes more, for
    each class of a multiclass label."""
    shuffle_buffer: PositiveInt = 100_000
    """Rows of a split in files that are held for shuffling."""
    mixed_precision: Literal["none", "float16", "bfloat16"] = "none"
    distribution: Literal["none", "mirrored", "multi_worker"] = "none"
    """`mirrored` copies the model to every visible GPU; `multi_worker` to several processes, each with the GPUs of its
    machine."""
    workers: Annotated[int, Field(ge=2, le=64)] | None = None
    """With `multi_worker`: so many processes on this machine. None: those that the environment variable TF_CONFIG
    names, which Vertex's worker pools set."""
    worker_timeout_seconds: Annotated[int, Field(ge=10)] = 600
    """With `multi_worker`: how long a worker may say nothing before the training fails: while it waits for the others,
    in a step, or while the eval split is measured."""
    warm_start: bool = False
    """Starts from the champion's weights, when its architecture is the same."""
    tensorboard: bool = True
    """Writes TensorBoard logs beside the model."""
    cross_validation: CrossValidationConfig | None = None
    """For small tables: how far the metrics spread over folds of train and eval, and a model of all their rows. None
    trains once, on train."""
    members: dict[str, MemberTraining] = Field(default_factory=dict)
    """For `model.family: ensemble`: what single members are trained with instead, by the names that the report gives
    them: the family, the second of one family `mlp-2`, the student `student`."""

    def of_member(self, name: str) -> Self:
        """The settings of one member of an ensemble, or of its student, by its name."""
        own = self.members.get(name, MemberTraining())
        changes = {field: getattr(own, field) for field in own.stated()}
        if own.early_stopping is not None:
            changes["early_stopping"] = (self.early_stopping or EarlyStopping()).model_copy(
                update=own.early_stopping.model_dump(exclude_none=True)
            )
        return self.model_copy(update={**changes, "members": {}})

    def judged_by(self) -> tuple[str, bool]:
        """The number by which epochs, and trainings of one table, are compared; and whether more of it is better."""
        monitor = self.early_stopping.monitor if self.early_stopping else "val_loss"
        return monitor, monitor in _HIGHER_IS_BETTER

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cross_validation is not None and self.warm_start:
            raise broken_rule(
                "the champion has learned from rows that a fold holds out",
                field=("warm_start",),
                received=True,
                hint="set it to false, or remove cross_validation",
            )
        self._check_workers()
        return self

    def _check_workers(self) -> None:
        if self.distribution != "multi_worker":
            if self.workers is not None:
                message, hint = "is for distribution multi_worker", "set train.distribution to it, or remove this"
                raise broken_rule(message, field=("workers",), received=self.workers, hint=hint)
            return
        if self.cross_validation is not None:
            raise broken_rule(
                "the folds of a small table are trainings of their own, which need no second machine",
                field=("distribution",),
                received=self.distribution,
                hint="remove cross_validation, or set this to none",
            )
        if self.mixed_precision == "float16":
            raise broken_rule(
                "each worker would skip a step by its own gradients, and the others wait for it",
                field=("mixed_precision",),
                received=self.mixed_precision,
                hint="use bfloat16, whose gradients need no scale",
            )
        if self.workers is not None and self.batch_size % self.workers:
            raise broken_rule(
                f"can't be divided evenly among {self.workers} workers",
                field=("batch_size",),
                received=self.batch_size,
                hint=f"use {self.batch_size + -self.batch_size % self.workers}, or another number of workers",
            )


DESCENT_ONLY = (
    *("batch_size", "steps_per_epoch", "shuffle_buffer", "optimizer", "learning_rate", "momentum", "weight_decay"),
    "rate_multipliers",
    *("clip_norm", "schedule", "label_smoothing", "mixed_precision", "distribution"),
    *("workers", "worker_timeout_seconds"),
)
"""Fields of `TrainConfig` that mean nothing to a family that no gradient descent trains."""

SCIKIT_LEARN = "1.5.2"
"""The version whose inside the family `gbt` is trained with."""
KERAS = "3.15.1"
"""The version whose inside `distribution: multi_worker` works around."""


class FoldsJob(Settings):
    """What a Trainer does in a cross-validation."""

    work: Literal["fold", "refit", "ensemble"]
    """Trains one fold; or one model on all rows; or makes one model of those of all folds."""
    fold: Annotated[int, Field(ge=0)] = 0
    """Its number, from 1; 0 for the others."""
    train: tuple[str, ...]
    """The splits that are trained on."""
    held_out: tuple[str, ...] = ()
    """The splits that decide when to stop, and that a fold predicts."""


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
    folds: FoldsJob | None = None
    """None trains on the split `train` and stops by `eval`."""


JOB_KEY = "job"
CHECKPOINTS_KEY = "checkpoint_directory"
"""Where unfinished trainings keep a second copy of their state; absent where their own disk outlives them."""
FINGERPRINT_KEY = "code_fingerprint"
"""A hash of the training code: in `custom_config`, so that the cache sees an edit."""

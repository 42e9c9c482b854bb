"""`pipeline.yaml` as one typed object: each folder's section, composed."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from components.data_gate.config import DataGateConfig
from components.engine import Engine
from components.evaluator.config import SKILL_BOUND, SkillConfig
from components.example_gen.config import DataConfig
from components.pusher.config import PushConfig
from components.smoke_test.config import SmokeTestConfig
from components.trainer.config import TrainConfig
from models.config import MlpModel, ModelConfig
from pipeline.config.card import CardConfig
from pipeline.config.targets import BeamOption, TargetsConfig
from preprocessing.config import FeaturesConfig, Task
from preprocessing.features import check_looked_up
from preprocessing.rules import broken_rule, matching
from preprocessing.settings import ColumnName, Settings

IN_MEMORY = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
"""Beam's runner in one process."""

METRICS: dict[Task, tuple[str, ...]] = {
    "binary": ("accuracy", "auc", "auc_pr", "precision", "recall", "log_loss", "brier", "calibration"),
    "multiclass": ("accuracy", "log_loss"),
    "regression": ("rmse", "mae", "mape", "rmsle", "calibration"),
}
"""The metrics that each task has. All of them are reported; `thresholds` may name any of them."""

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "rmse", "mae", "mape", "rmsle"})
"""For the change against the champion: these improve by going down, the others by going up."""

WHY_NAN = {
    "precision": "no row was predicted positive",
    "recall": "no row's label is the positive class",
    "calibration": "the labels add up to 0",
    "rmsle": "a label is -1 or below",
    "mape": "every label is 0",
}
"""The usual reason why a metric has no value."""


class Threshold(Settings):
    """What one metric must reach on the test split."""

    metric: Annotated[str, Field(min_length=1)]
    min: float | None = None
    max: float | None = None
    max_regression: Annotated[float, Field(ge=0)] | None = None
    """How much worse than the champion, in the metric's own units, the candidate may be. A first run has
    no champion and is judged by `min` and `max` alone. Not for calibration: 1 is best, not more or less."""
    slice_by: tuple[ColumnName, ...] = ()
    """Applies to each value of these columns instead of to all rows; name the same list in `slices`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min is None and self.max is None:
            message = "give min or max (max_regression alone has no meaning in a first run)"
            raise broken_rule(message, field=("metric",), received=self.metric)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise broken_rule(f"is above max ({self.max})", field=("min",), received=self.min, hint="lower min")
        if self.metric == "calibration" and self.max_regression is not None:
            message = "calibration is best at 1, so max_regression has no direction"
            raise broken_rule(message, field=("max_regression",), hint="use min and max")
        return self

    def in_words(self) -> str:
        """What the metric must reach: `at least 0.9, at most 0.03 worse than the champion`."""
        parts = [] if self.min is None else [f"at least {self.min:g}"]
        parts += [] if self.max is None else [f"at most {self.max:g}"]
        if self.max_regression is not None:
            parts.append(f"at most {self.max_regression:g} worse than the champion")
        return ", ".join(parts)


class EvaluateConfig(Settings):
    """The Evaluator's gate: thresholds on the test split."""

    thresholds: tuple[Threshold, ...] = ()
    slices: tuple[Annotated[tuple[ColumnName, ...], Field(min_length=1)], ...] = ()
    """Columns whose values are reported on their own, each a list (two columns make a combined slice)."""
    min_slice_examples: Annotated[int, Field(ge=1)] = 1
    """Slices with fewer test rows are left out of the report and of the thresholds."""
    skill: SkillConfig = SkillConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.thresholds:
            message = "no threshold: a model without any would always be pushed"
            raise broken_rule(message, field=("thresholds",), hint="give at least one")
        seen = set[tuple[str, frozenset[str]]]()
        for position, threshold in enumerate(self.thresholds):
            if threshold.slice_by and threshold.slice_by not in self.slices:
                field, received = ("thresholds", position, "slice_by"), list(threshold.slice_by)
                raise broken_rule("is not in slices", field=field, received=received, hint="add it there")
            subject = threshold.metric, frozenset(threshold.slice_by)
            if subject in seen:
                where = f" by {', '.join(threshold.slice_by)}" if threshold.slice_by else ""
                raise broken_rule(
                    f"the metric{where} has two thresholds",
                    field=("thresholds", position, "metric"),
                    received=threshold.metric,
                    hint="give min, max and max_regression in one",
                )
            seen.add(subject)
        return self


class PipelineConfig(Settings):
    """One pipeline: from the table to the pushed model."""

    version: Literal[1] = 1
    """The version of this file's format."""
    name: Annotated[str, matching(r"^[a-z0-9][a-z0-9-]{0,62}$", "at most 63 lower-case letters, digits and dashes")]
    """Lower-case letters, digits and dashes: also a valid name on Kubeflow and Vertex AI."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 42
    """Seeds the initial weights, the shuffling and dropout."""
    deterministic: bool = True
    """TensorFlow's deterministic ops: the same metrics for the same seed. False is faster on GPUs."""
    root: Annotated[str, Field(min_length=1)] = "output"
    """The folder that holds everything that the pipeline writes."""
    data: DataConfig
    data_gate: DataGateConfig = DataGateConfig()
    features: FeaturesConfig
    model: ModelConfig = Field(default=MlpModel())
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig
    smoke_test: SmokeTestConfig = SmokeTestConfig()
    push: PushConfig = PushConfig()
    card: CardConfig = CardConfig()
    engine: Engine = "auto"
    """Who computes StatisticsGen, Transform and Evaluator. `auto`: our executors, which read the examples in big
    batches on one machine, unless `beam_args` or a target name an engine of Beam's; what they do not know goes to
    TFX's stock executors on Beam, and the log says why. `beam`: always the stock executors."""
    beam_args: tuple[BeamOption, ...] = (f"--runner={IN_MEMORY}",)
    """Beam's pipeline options. The default runs in this process, in memory."""
    targets: TargetsConfig = TargetsConfig()

    @model_validator(mode="after")
    def _check_task(self) -> Self:
        task = self.features.label.task
        for position, threshold in enumerate(self.evaluate.thresholds):
            if threshold.metric not in METRICS[task]:
                raise broken_rule(
                    f"a {task} task has no such metric",
                    field=("evaluate", "thresholds", position, "metric"),
                    received=threshold.metric,
                    allowed=METRICS[task],
                )
        self._check_training(task)
        self._check_stratify(task)
        self._check_column_options()
        self._check_names(task)
        return self

    def _check_names(self, task: Task) -> None:
        """The names that the Evaluator looks up are not those of transformed features."""
        if task == "regression":
            check_looked_up(self.features.label.column, ("features", "label", "column"))
        for position, columns in enumerate(self.evaluate.slices):
            for item, column in enumerate(columns):
                check_looked_up(column, ("evaluate", "slices", position, item))

    def _check_stratify(self, task: Task) -> None:
        if self.data.stratified and task == "regression":
            message = "a regression label has no classes"
            raise broken_rule(message, field=("data", "split", "stratify"), hint="remove it")

    def _check_column_options(self) -> None:
        """What a request sends as text is read as it stands, so training must not read it otherwise."""
        features = self.features
        numbers = {column for group in features.numeric for column in group.columns}
        for column in set(features.columns()) - numbers:
            options = self.data.columns.get(column)
            if options is not None and options.replace:
                raise broken_rule(
                    f"requests send {column!r} as it stands in the table, which training alone can't replace",
                    field=("data", "columns", column, "replace"),
                    hint="write its values in one way in the table; replace is for the label, and for numbers",
                )
            if options is not None and options.are_numbers:
                raise broken_rule(
                    f"reads {column!r} as numbers, and it is an input of another kind",
                    field=("data", "columns", column),
                    hint="declare it under features.numeric, or remove decimal, thousands, units and multipliers",
                )

    def _check_training(self, task: Task) -> None:
        stopping = self.train.early_stopping
        allowed = {
            "binary": ("val_loss", "val_accuracy", "val_auc"),
            "multiclass": ("val_loss", "val_accuracy"),
            "regression": ("val_loss", "val_rmse", "val_mae"),
        }[task]
        if stopping is not None and stopping.monitor not in allowed:
            raise broken_rule(
                f"a {task} task has no such metric to stop by",
                field=("train", "early_stopping", "monitor"),
                received=stopping.monitor,
                allowed=allowed,
            )
        if task == "regression":
            if self.train.class_weights != "none":
                raise broken_rule(
                    "a regression label has no classes",
                    field=("train", "class_weights"),
                    received=self.train.class_weights,
                    hint="use none",
                )
            if self.train.label_smoothing:
                smoothing, field = self.train.label_smoothing, ("train", "label_smoothing")
                raise broken_rule("for classes only", field=field, received=smoothing, hint="use 0")
        elif self.train.loss != "auto":
            message = f"is for regression, the label is {task}"
            raise broken_rule(message, field=("train", "loss"), received=self.train.loss, hint="use auto")

    def step_engine(self) -> Engine:
        """The engine of the steps that have both: `beam` too where Beam's options name another runner than ours."""
        runners = [option.partition("=")[2] for option in self.beam_args if option.startswith("--runner")]
        return "auto" if self.engine == "auto" and all(runner == IN_MEMORY for runner in runners) else "beam"

    def expected(self) -> dict[str, str]:
        """What each metric must reach on all rows, in words, where there is a threshold."""
        expected = {each.metric: each.in_words() for each in self.evaluate.thresholds if not each.slice_by}
        return expected | {SKILL_BOUND: "above 0 (evaluate.skill)"}

    def resolved(self) -> dict[str, Any]:
        """The configuration as plain data, every default filled in: what a run stores."""
        return self.model_dump(mode="json", by_alias=True)

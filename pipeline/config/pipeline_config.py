"""`pipeline.yaml` as one typed object: each folder's section, composed."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from components.cloud.notify_config import NotifyConfig
from components.data_gate.config import DataGateConfig
from components.engine import Engine
from components.evaluator.catalog import find, names
from components.evaluator.config import SKILL_BOUND, TREE_SKILL_BOUND, MetricSettings
from components.example_gen.config import DataConfig
from components.pusher.config import PushConfig
from components.smoke_test.config import SmokeTestConfig
from components.trainer.config import MONITORS, TrainConfig
from components.trainer.tuning.config import TuneConfig
from components.trainer.tuning.values import FAMILY, SPACE, Sections, check_space, stated_params
from models.config import EnsembleModel, MlpModel, ModelConfig
from pipeline.config.beam import BeamConfig, BeamOption, LocalBeam
from pipeline.config.beam_options import IN_MEMORY, beam_options
from pipeline.config.boosting import check_boosting
from pipeline.config.card import CardConfig
from pipeline.config.clean_up import CleanUpConfig
from pipeline.config.distribution import check_distribution
from pipeline.config.ensembles import check_ensemble, check_untuned
from pipeline.config.evaluate import EvaluateConfig, Threshold, metric_settings
from pipeline.config.lists import check_lists
from pipeline.config.metadata import MetadataConfig
from pipeline.config.operation import PredictConfig, WatchConfig
from pipeline.config.serving import ServingConfig
from pipeline.config.targets import TargetsConfig
from preprocessing.config import FeaturesConfig, Task
from preprocessing.errors import FieldPath
from preprocessing.features import check_looked_up
from preprocessing.rules import broken_rule, matching
from preprocessing.settings import Settings


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
    tune: TuneConfig | None = None
    """Tries other settings of `train` and `model` before the training; none trains with those above."""
    evaluate: EvaluateConfig
    smoke_test: SmokeTestConfig = SmokeTestConfig()
    push: PushConfig = PushConfig()
    serving: ServingConfig = ServingConfig()
    card: CardConfig = CardConfig()
    gc: CleanUpConfig = CleanUpConfig()
    engine: Engine = "auto"
    """Who computes StatisticsGen, Transform, Evaluator and batch predictions. `auto`: our executors, which read the
    examples in big batches on one machine, unless `beam_args` or a target name an engine of Beam's; what they do not
    know goes to TFX's stock executors on Beam, and the log says why. `beam`: always Beam."""
    beam: BeamConfig = LocalBeam()
    """Beam's engine for runs on this machine."""
    beam_args: tuple[BeamOption, ...] = ()
    """Beam's pipeline options as they are, for what `beam` does not have; they win over it."""
    metadata: MetadataConfig = MetadataConfig()
    targets: TargetsConfig = TargetsConfig()
    predict: PredictConfig = PredictConfig()
    watch: WatchConfig = WatchConfig()
    notify: NotifyConfig | None = None
    """A webhook that hears how each run ends."""

    @model_validator(mode="after")
    def _check_task(self) -> Self:
        task = self.features.label.task
        for position, threshold in enumerate(self.evaluate.thresholds):
            self._check_metric(task, threshold, ("evaluate", "thresholds", position))
        own = Sections(train=self.train, model=self.model)
        self._check_training(task, own)
        self._check_folds(task)
        if self.tune is not None:
            check_untuned([(("model", "family"), self.model.family), *self._tried()])
            check_space(self.tune, own, stated_params(self.model), lambda each: self._check_training(task, each))
        self._check_stratify(task)
        self._check_column_options()
        self._check_names(task)
        check_lists(self.features, self.data, self.evaluate.slices)
        return self

    def _check_metric(self, task: Task, threshold: Threshold, field: FieldPath) -> None:
        """The metric is the task's, and the class is the label's where one is needed."""
        allowed = (*names(task, self.evaluate.metric_parameters), *self.evaluate.own_metrics())
        if threshold.metric not in allowed:
            raise broken_rule(
                f"a {task} task has no such metric",
                field=(*field, "metric"),
                received=threshold.metric,
                allowed=allowed,
            )
        metric, classes = find(task, threshold.metric), self.features.label.classes
        if metric is None or not metric.of_class:
            if threshold.of_class is not None:
                message = f"{threshold.metric} is of all classes together"
                raise broken_rule(message, field=(*field, "of_class"), received=threshold.of_class, hint="remove it")
        elif threshold.of_class is None:
            message = f"{threshold.metric} of a multiclass label is of one class"
            raise broken_rule(message, field=(*field, "of_class"), allowed=classes or (), hint="name the class")
        elif classes is not None and threshold.of_class not in classes:
            message, received = "is not a class of features.label", threshold.of_class
            raise broken_rule(message, field=(*field, "of_class"), received=received, allowed=classes)

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

    def _check_folds(self, task: Task) -> None:
        asked = self.train.cross_validation
        if asked is None:
            return
        if self.tune is not None:
            raise broken_rule(
                "can't be together with tune: trials are judged on the eval split, which folds mix with train",
                field=("train", "cross_validation"),
                hint="tune first, then cross-validate the file with the best values, which extends this one",
            )
        metrics = ((name, find(task, name)) for name in names(task, self.evaluate.metric_parameters))
        allowed = tuple(name for name, metric in metrics if metric is None or not metric.of_class or task == "binary")
        for position, threshold in enumerate(asked.thresholds):
            if threshold.metric not in allowed:
                raise broken_rule(
                    f"a {task} task has no such metric",
                    field=("train", "cross_validation", "thresholds", position, "metric"),
                    received=threshold.metric,
                    allowed=allowed,
                )

    def _check_training(self, task: Task, sections: Sections) -> None:
        """What of the training settings depends on the task, or on the family."""
        check_boosting(self.features, sections)
        check_ensemble(sections)
        check_distribution(sections, self.families(), tuned=self.tune is not None)
        train = sections.train
        stopping = train.early_stopping
        allowed = MONITORS[task]
        if stopping is not None and stopping.monitor not in allowed:
            raise broken_rule(
                f"a {task} task has no such metric to stop by",
                field=("train", "early_stopping", "monitor"),
                received=stopping.monitor,
                allowed=allowed,
            )
        if task == "regression":
            if train.class_weights != "none":
                raise broken_rule(
                    "a regression label has no classes",
                    field=("train", "class_weights"),
                    received=train.class_weights,
                    hint="use none",
                )
            if train.label_smoothing:
                smoothing, field = train.label_smoothing, ("train", "label_smoothing")
                raise broken_rule("for classes only", field=field, received=smoothing, hint="use 0")
        elif train.loss != "auto":
            message = f"is for regression, the label is {task}"
            raise broken_rule(message, field=("train", "loss"), received=train.loss, hint="use auto")

    def families(self) -> tuple[str, ...]:
        """The model families that may be trained: the configuration's, and those of its search."""
        return tuple(dict.fromkeys(family for _, family in self.family_fields()))

    def family_fields(self) -> list[tuple[FieldPath, str]]:
        """The families with the field that names each; of an ensemble its members, and the student that it teaches."""
        if not isinstance(self.model, EnsembleModel):
            return [(("model", "family"), self.model.family), *self._tried()]
        params, section = self.model.params, ("model", "params")
        members = [((*section, "members", at), each.family) for at, each in enumerate(params.models())]
        return [*members, *([((*section, "student"), params.student.family)] if params.distill else [])]

    def _tried(self) -> list[tuple[FieldPath, str]]:
        """The families of the search, with its field."""
        tried = self.tune.space.get(FAMILY) if self.tune is not None else None
        return [((*SPACE, FAMILY), str(family)) for family in (tried.ends() if tried is not None else ())]

    def step_engine(self) -> Engine:
        """The engine of the steps that have both: `beam` too where Beam's options name another runner than ours."""
        runners = [option.partition("=")[2] for option in self.beam_options() if option.startswith("--runner")]
        return "auto" if self.engine == "auto" and runners[-1] == IN_MEMORY else "beam"

    def beam_options(self) -> list[str]:
        """Beam's options for the steps on this machine."""
        named = any(option.startswith("--runner") for option in self.beam_args)
        from_section = self.beam.args if named and isinstance(self.beam, LocalBeam) else beam_options(self.beam)
        return [*from_section, *self.beam_args]

    def metric_settings(self) -> MetricSettings:
        """What the metrics depend on."""
        return metric_settings(self.evaluate, self.features)

    def expected(self) -> dict[str, str]:
        """What each metric must reach on all rows, in words, where there is a threshold."""
        expected = {each.result_name(): each.in_words() for each in self.evaluate.thresholds if not each.slice_by}
        return expected | {
            SKILL_BOUND: "above 0 (evaluate.skill)",
            TREE_SKILL_BOUND: f"above 0 (evaluate.small_tree, {self.evaluate.small_tree.severity})",
        }

    def resolved(self) -> dict[str, Any]:
        """The configuration as plain data, every default filled in: what a run stores."""
        return self.model_dump(mode="json", by_alias=True)

"""The `evaluate:` section: what the metrics of a model must reach before it may be pushed."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from components.evaluator.catalog import CATALOG, CONFUSION_MATRIX, Metric, find, of_class
from components.evaluator.config import (
    ConfidenceConfig,
    MetricParameters,
    MetricSettings,
    SkillConfig,
    TreeConfig,
    name_of,
)
from preprocessing.config import FeaturesConfig, Task
from preprocessing.rules import broken_rule
from preprocessing.settings import ColumnName, DottedPath, Settings


class Threshold(Settings):
    """What one metric must reach on the test split."""

    metric: Annotated[str, Field(min_length=1)]
    """One of the task's metrics: docs/metrics.md says what each is good for."""
    of_class: Annotated[str, Field(min_length=1)] | None = None
    """The class that is meant, for precision and recall of a multiclass label."""
    min: float | None = None
    max: float | None = None
    max_regression: Annotated[float, Field(ge=0)] | None = None
    """How much worse than the champion, in the metric's own units, the candidate may be. A first run has
    no champion and is judged by `min` and `max` alone. Not for calibration: 1 is best, not more or less."""
    confident: bool = False
    """Whether the end of the confidence interval on the bad side has to hold, not just the value: see
    `evaluate.confidence`. The change against the champion then has an interval of its own, from the same rows."""
    slice_by: tuple[ColumnName, ...] = ()
    """Applies to each value of these columns instead of to all rows; name the same list in `slices`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min is None and self.max is None:
            message = "give min or max (max_regression alone has no meaning in a first run)"
            raise broken_rule(message, field=("metric",), received=self.metric)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise broken_rule(f"is above max ({self.max})", field=("min",), received=self.min, hint="lower min")
        metric = next((each for each in map(self._of, CATALOG) if each is not None), None)
        if metric is not None and metric.better == "near 1" and self.max_regression is not None:
            message = f"{self.metric} is best at 1, so max_regression has no direction"
            raise broken_rule(message, field=("max_regression",), hint="use min and max")
        return self

    def _of(self, task: Task) -> Metric | None:
        return find(task, self.metric)

    def result_name(self) -> str:
        """What the metric is called in results: `recall of Adelie` for one class."""
        return self.metric if self.of_class is None else of_class(self.metric, self.of_class)

    def in_words(self) -> str:
        """What the metric must reach: `at least 0.9, at most 0.03 worse than the champion`."""
        parts = [] if self.min is None else [f"at least {self.min:g}"]
        parts += [] if self.max is None else [f"at most {self.max:g}"]
        if self.max_regression is not None:
            parts.append(f"at most {self.max_regression:g} worse than the champion")
        return ", ".join(parts) + (" (confident)" if self.confident else "")


class EvaluateConfig(Settings):
    """The Evaluator's gate: thresholds on the test split."""

    thresholds: tuple[Threshold, ...] = ()
    slices: tuple[Annotated[tuple[ColumnName, ...], Field(min_length=1)], ...] = ()
    """Columns whose values are reported on their own, each a list (two columns make a combined slice)."""
    min_slice_examples: Annotated[int, Field(ge=1)] = 1
    """Slices with fewer test rows are left out of the report and of the thresholds."""
    metrics: tuple[DottedPath, ...] = ()
    """Metrics of your own: functions of labels, predictions and weights. `my_package.profit` is called `profit` in
    thresholds and results. docs/metrics.md has the contract."""
    metric_parameters: MetricParameters = MetricParameters()
    confidence: ConfidenceConfig = ConfidenceConfig()
    skill: SkillConfig = SkillConfig()
    small_tree: TreeConfig = TreeConfig()

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
            subject = threshold.result_name(), frozenset(threshold.slice_by)
            if subject in seen:
                where = f" by {', '.join(threshold.slice_by)}" if threshold.slice_by else ""
                raise broken_rule(
                    f"the metric{where} has two thresholds",
                    field=("thresholds", position, "metric"),
                    received=threshold.result_name(),
                    hint="give min, max and max_regression in one",
                )
            seen.add(subject)
        self._check_own()
        return self

    def _check_own(self) -> None:
        """Metrics of one's own have names of their own, and thresholds by which they have a direction."""
        taken = {"example_count", "weighted_example_count", CONFUSION_MATRIX}
        own = self.own_metrics()
        for position, path in enumerate(self.metrics):
            name = name_of(path)
            # An interval's ends stand beside the metric in results.
            of_interval = next((name.removesuffix(end) for end in ("_lower", "_upper") if name.endswith(end)), "")
            message = ""
            if name.startswith("_"):
                message = "names that begin with _ are those of sums in the Evaluator's results"
            elif of_interval in own or any(find(task, of_interval) for task in CATALOG):
                message = f"{name!r} is what an end of the interval of {of_interval} is called"
            elif name in taken or name.startswith(("skill", "tree_skill")) or any(find(task, name) for task in CATALOG):
                message = f"there is a metric called {name!r} already"
            if message:
                hint = "give the function another name"
                raise broken_rule(message, field=("metrics", position), received=path, hint=hint)
            taken.add(name)
        for position, threshold in enumerate(self.thresholds):
            if threshold.metric in own and None not in (threshold.min, threshold.max, threshold.max_regression):
                message = f"with min and max nobody knows which direction of {threshold.metric} is worse"
                field = ("thresholds", position, "max_regression")
                raise broken_rule(message, field=field, hint="remove it, or one of min and max")

    def own_metrics(self) -> dict[str, str]:
        """The dotted paths of the metrics of one's own, by their names."""
        return {name_of(path): path for path in self.metrics}


def metric_settings(evaluate: EvaluateConfig, features: FeaturesConfig) -> MetricSettings:
    """What the metrics of a pipeline depend on."""
    label = features.label
    return MetricSettings(
        task=label.task, decision_threshold=label.decision_threshold, parameters=evaluate.metric_parameters
    )

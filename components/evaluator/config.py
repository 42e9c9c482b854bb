"""The part of the `evaluate:` section that the Evaluator's executor reads."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from components.findings import Severity
from preprocessing.config import Task
from preprocessing.rules import broken_rule
from preprocessing.settings import Settings

SKILL_BOUND = "skill_bound"
"""The metric that must be above 0 where skill is asked for: how much better the model is at least."""
SKILL_KEY = "skill"
"""The parameter of the component that holds the `SkillConfig` as JSON."""


class SkillConfig(Settings):
    """Whether a model has learned anything: its loss on the test split beside that of the best answer without features.

    That answer is the shares of the classes in the training split, or one number: the mean of its labels on the scale
    that the model learns on (the median, where `train.loss` is mae or huber).
    """

    severity: Severity = "block"
    """What it means when the model is not better beyond chance: `block` refuses it, `warn` says so, `off` doesn't
    look."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """How sure the gain must be: one-sided, by the paired differences of the two losses over the test rows."""


TREE_SKILL, TREE_SKILL_BOUND = "tree_skill", "tree_skill_bound"
"""What the gain over a small tree is called among the metrics, and what it is at least."""
TREE_KEY = "small_tree"
"""The parameter of the component that holds the `TreeConfig` as JSON."""


class TreeConfig(Settings):
    """Whether a model beats a small decision tree on the raw columns, which anybody makes in a minute.

    The Evaluator makes the tree from the training split, of the columns that the model reads, and compares the two
    losses row by row on the test split, as `skill` does.
    """

    severity: Severity = "warn"
    """What it means when the model is not better beyond chance: `block` refuses it, `warn` says so, `off` makes no
    tree."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """How sure the gain must be: one-sided, by the paired differences of the two losses over the test rows."""
    depth: Annotated[int, Field(ge=1, le=12)] = 5
    """Splits between the root and a leaf, at most."""
    leaf: Annotated[int, Field(ge=1)] = 20
    """Training rows in each leaf, at least; categories that fewer rows have count as missing."""
    rows: Annotated[int, Field(ge=100, le=1_000_000)] = 50_000
    """The tree is made from at most so many training rows, drawn the same way in each run. Where Beam evaluates, at
    most so many test rows are compared."""


class ConfidenceConfig(Settings):
    """The confidence intervals of all metrics, and what `confident` thresholds hold against."""

    level: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """How sure an interval is: of so many test splits of like rows, this share has the true value inside."""
    replicates: Annotated[int, Field(ge=20, le=10_000)] = 100
    """How often rows are drawn anew for the metrics that have no formula for their interval, your own among them."""


class MetricParameters(Settings):
    """What some metrics ask for; docs/metrics.md says which."""

    precision: Annotated[float, Field(gt=0, le=1)] = 0.9
    """The precision that `recall_at_precision` asks for."""
    recall: Annotated[float, Field(gt=0, le=1)] = 0.9
    """The recall that `precision_at_recall` asks for."""
    calibration_bins: Annotated[int, Field(ge=2, le=1000)] = 10
    """How many bins of equal width `expected_calibration_error` sorts probabilities into."""
    top_k: Annotated[int, Field(ge=1)] = 2
    """For `top_k_accuracy` a label is right among so many of the most probable classes."""
    quantiles: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)] = (0.1, 0.5, 0.9)
    """Each has a metric: 0.9 has `quantile_loss_0.9`."""
    within_percent: Annotated[float, Field(gt=0)] = 10.0
    """The metric `within_percent` takes an answer for right that is within so many percent of the label."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        seen = set[str]()
        for position, quantile in enumerate(self.quantiles):
            # As it is written in the name of its metric.
            if f"{quantile:g}" in seen:
                raise broken_rule("each must be named once", field=("quantiles", position), received=quantile)
            seen.add(f"{quantile:g}")
        return self


def name_of(path: str) -> str:
    """The name in thresholds and results of a metric of the user's own: the last part of its dotted path."""
    return path.rpartition(".")[2]


class MetricSettings(Settings):
    """All that the metrics of a run depend on."""

    task: Task
    decision_threshold: float = 0.5
    """Above this probability the positive class is answered, where the label is binary."""
    parameters: MetricParameters = MetricParameters()

"""The part of the `evaluate:` section that the Evaluator's executor reads."""

from typing import Annotated

from pydantic import Field

from components.findings import Severity
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

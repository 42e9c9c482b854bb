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

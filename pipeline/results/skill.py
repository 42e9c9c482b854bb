"""The Evaluator's answer to whether a model beats what needs no features, as a person reads it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from components.artifacts.golden import TrivialAnswer
from components.evaluator.config import SKILL_BOUND
from components.evaluator.names import LOSS, SKILL, SKILL_CLASS, TRIVIAL_LOSS
from pipeline.results.evaluation_records import asked_config

BEHIND_SKILL = frozenset({LOSS, TRIVIAL_LOSS})
"""What the skill is made of: told in words, not among the metrics."""
_NEXT = (
    "next: look for features that say something about the label, train longer, or give the test split more rows; "
    "evaluate.skill is what asks for this"
)


@dataclass(frozen=True)
class SkillVerdict:
    """The loss of a model beside that of the best answer without features.

    Attributes:
      skill: the gain as a share of the loss without features; 0 is as good as no features.
      bound: the skill is at least this, with the confidence asked for.
      confidence: one-sided, between 0.5 and 1.
      loss, without: both losses on the test split.
      measure: what they are.
      trivial: the answer without features, in words.
    """

    skill: float
    bound: float
    confidence: float
    loss: float
    without: float
    measure: str
    trivial: str

    @property
    def proven(self) -> bool:
        """Whether the model is better beyond chance."""
        return self.bound > 0

    def finding(self) -> str:
        """What is wrong with a model that has not proven its skill."""
        compared = f"{self.measure} is {self.loss:.4g}, and {self.without:.4g} {self.trivial}"
        if math.isnan(self.skill):
            why = "a prediction is not a number" if math.isnan(self.loss) else "that answer is always right"
            return f"skill is undefined: {compared}: {why}"
        if math.isnan(self.bound):
            return f"the test split has too few rows to tell skill from chance: {compared}"
        return (
            f"no better than without features: {compared}; skill {self.skill:.3g}, with "
            f"{self.confidence:.4g} confidence at least {self.bound:.3g}, expected above 0"
        )

    def refusal(self) -> str:
        """The finding, and what to do next."""
        return f"{self.finding()}; {_NEXT}"


def skill_verdict(evaluation_uri: str, metrics: Mapping[str, float]) -> SkillVerdict | None:
    """Reads it from the Evaluator's output.

    Args:
      evaluation_uri: the ModelEvaluation's folder.
      metrics: the candidate's metrics on the whole test split.
    """
    if SKILL_BOUND not in metrics:
        return None
    config = asked_config(evaluation_uri)
    [asked] = [each for spec in config.metrics_specs for each in spec.metrics if each.class_name == SKILL_CLASS]
    arguments = json.loads(f"{{{asked.config}}}")
    answer = TrivialAnswer.model_validate(arguments["trivial"])
    return SkillVerdict(
        skill=metrics[SKILL],
        bound=metrics[SKILL_BOUND],
        confidence=arguments["confidence"],
        loss=metrics[LOSS],
        without=metrics[TRIVIAL_LOSS],
        measure=answer.measure(),
        trivial=_in_words(answer),
    )


def _in_words(answer: TrivialAnswer) -> str:
    if answer.error == "log_loss":
        return "by always answering with the training split's shares of the classes"
    return f"by always answering {answer.answer[0]:.4g}"

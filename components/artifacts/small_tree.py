"""`small_tree.json` in the ModelEvaluation artifact: the model beside a small decision tree on the raw columns."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from components.findings import Severity

FILE = "small_tree.json"
"""Not there where `evaluate.small_tree.severity` is off, or an older Evaluator did not look."""
_NAMED = 3
_NEXT = "evaluate.small_tree is what asks for this"


class SmallTree(BaseModel):
    """What the comparison gave; the losses are those of `skill`, on the same test rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    severity: Severity
    confidence: float
    """One-sided, between 0.5 and 1."""
    reason: str = ""
    """Why nothing was compared; "" where it was."""
    measure: str = ""
    """What the losses are."""
    loss: float | None = None
    """The model's mean loss on the test split (its square root where the loss is squared); None where it is not a
    number, like the next three."""
    tree_loss: float | None = None
    """The mean loss of the tree on the same rows."""
    skill: float | None = None
    """The gain as a share of the tree's loss: 0 is as good as the tree, 1 is perfect."""
    bound: float | None = None
    """The skill is at least this, with the confidence asked for."""
    rows: int = 0
    """The training rows that the tree was made from."""
    depth: int = 0
    leaves: int = 0
    columns: dict[str, Annotated[float, Field(ge=0)]] = {}
    """How much each column that the tree splits by lowered its loss in training, as a share of all; largest first."""

    @property
    def proven(self) -> bool:
        """Whether the model is better beyond chance."""
        return self.bound is not None and self.bound > 0

    @property
    def refuses(self) -> bool:
        """Whether the model may not pass."""
        return self.severity == "block" and not self.reason and not self.proven

    def tree_in_words(self) -> str:
        """The tree: how deep it is, and the columns that it splits by most."""
        named = ", ".join(list(self.columns)[:_NAMED])
        by = f" by {named}" if named else ""
        return f"a decision tree of depth {self.depth} with {self.leaves} leaves{by}"

    def finding(self) -> str:
        """What is wrong with a model that has not proven to be better, or why that is not known; "" for nothing."""
        if self.reason:
            return f"not compared with a small tree: {self.reason}"
        if self.proven:
            return ""
        compared = f"{self.measure} is {_text(self.loss)}, and {_text(self.tree_loss)} by {self.tree_in_words()}"
        if self.skill is None:
            why = "a prediction is not a number" if self.loss is None else "the tree is always right"
            return f"tree_skill is undefined: {compared}: {why}"
        if self.bound is None:
            return f"the test split has too few rows to tell the model from a small tree: {compared}"
        most = 2 * self.skill - self.bound
        found = "worse than a small tree" if most < 0 else "no better than a small tree beyond chance"
        return (
            f"{found}: {compared}; the gain is {self.skill:.3g} of the tree's loss, with {self.confidence:.4g} "
            f"confidence at least {self.bound:.3g}, expected above 0"
        )

    def refusal(self) -> str:
        """The finding, and what to do next."""
        return f"{self.finding()}; {self.next_step()}"

    def next_step(self) -> str:
        """What to do about a model that has not proven to be better."""
        named = ", ".join(list(self.columns)[:_NAMED]) or "the table"
        return (
            f"next: see how features reads {named}, train longer or with another learning rate, or give the test split "
            f"more rows; {_NEXT}"
        )

    def to_json(self) -> str:
        """The content of `FILE`."""
        return self.model_dump_json(indent=1)


def _text(value: float | None) -> str:
    return "nan" if value is None else f"{value:.4g}"

"""What the training of an ensemble came to, beside its weights in the Model artifact."""

from pydantic import BaseModel, ConfigDict, FiniteFloat

ENSEMBLE_FILE = "ensemble.json"
"""The `EnsembleReport`, in the folder `training/` of the Model artifact."""
STUDENT = "student"
"""What a student is called where members have their names."""


class MemberReport(BaseModel):
    """One model of an ensemble, or its student."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """Its logs for TensorBoard are in a folder of this name."""
    family: str
    weight: FiniteFloat
    """Its share of the answers; 0 where it was left out, 1 for a student."""
    epochs: int
    best_epoch: int
    metrics: dict[str, FiniteFloat]
    """Its own on the eval split, those that are numbers: `loss`, `accuracy`, ..."""
    budget: str = ""
    """What `train.budget_minutes` cost it, in a sentence; empty where there is none."""


class EnsembleReport(BaseModel):
    """An ensemble, its members in their order, and what came of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    members: tuple[MemberReport, ...]
    monitor: str
    """What members were weighed by, and stopped by: `val_loss`."""
    higher_is_better: bool
    metrics: dict[str, FiniteFloat]
    """The average's own, on the eval split."""
    student: MemberReport | None = None
    """The model that is exported instead of the average."""
    soft: FiniteFloat = 1.0
    """The share of the average's answer in what the student learned."""

    def budget(self) -> str:
        """What `train.budget_minutes` cost each training, in a sentence; empty where there is none."""
        inner = (*self.members, *([] if self.student is None else [self.student]))
        return "; ".join(f"{each.name}: {each.budget}" for each in inner if each.budget)

    def line(self) -> str:
        """The ensemble in one line: weights, what it came to beside its members, and what a student lost."""
        name = self.monitor.removeprefix("val_")
        kept = ", ".join(f"{each.name} {each.weight:.2g}" for each in self.members if each.weight)
        alone = ", ".join(f"{each.name} {_number(each.metrics.get(name))}" for each in self.members)
        text = f"{kept}: {self.monitor} {_number(self.metrics.get(name))} together ({alone} alone)"
        if self.student is None:
            return text
        own, whole = self.student.metrics.get(name), self.metrics.get(name)
        cost = ""
        if own is not None and whole is not None:
            worse = (whole - own) if self.higher_is_better else (own - whole)
            cost = f", {abs(worse):.4g} {'worse' if worse > 0 else 'better'} than the ensemble that it learned from"
        return f"{text}; exported is its student {self.student.family}: {self.monitor} {_number(own)}{cost}"


def _number(value: float | None) -> str:
    return "no number" if value is None else f"{value:.4g}"

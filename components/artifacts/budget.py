"""What `train.budget_minutes` cost, beside the weights in the Model artifact."""

from pathlib import Path

from preprocessing.settings import Settings

BUDGET_FILE = "budget.json"
"""In `components.artifacts.model.TRAINING_FOLDER`; absent where there is no budget."""


class BudgetReport(Settings):
    """How far a training came in its time."""

    minutes: float
    """What it was given."""
    seconds: float
    """What it took."""
    out_of_time: bool
    """Whether that ended it."""
    epochs: int
    """Epochs that were begun and measured; the last one may be a part of one."""
    most_epochs: int
    trees: int | None
    """Trees that were grown, of a forest."""
    monitor: str
    value: float
    """The monitored value at the end."""
    best: float
    """The best one, of the epoch whose weights were kept."""
    best_epoch: int

    def in_words(self) -> str:
        """One sentence for the screen, the log and the report."""
        trees = f" ({self.trees:,} trees)" if self.trees is not None else ""
        value = f"{self.monitor} {self.value:.5g}, the best {self.best:.5g} in epoch {self.best_epoch}"
        if not self.out_of_time:
            return f"train.budget_minutes: {self.seconds:.3g} s of {self.minutes:g} min were enough"
        return (
            f"train.budget_minutes: {self.minutes:g} min ended the training in epoch {self.epochs} of "
            f"{self.most_epochs}{trees} after {self.seconds:.3g} s: {value}. More time may give a better model"
        )


def budget_in_words(file: Path) -> str:
    """What a training's budget cost it, in a sentence; empty where it had none.

    Args:
      file: the training's `BUDGET_FILE`.
    """
    return BudgetReport.model_validate_json(file.read_text(encoding="utf-8")).in_words() if file.is_file() else ""

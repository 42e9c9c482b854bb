"""Whether a table has enough rows for the folds of a cross-validation."""

from collections.abc import Iterator

from components.example_gen.split_config import ColumnSplit
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.table_profile import TableProfile
from preprocessing.errors import UserError
from preprocessing.text import listed

_FIELD = ("train", "cross_validation", "folds")
_ROWS = 2
"""A fold of fewer rows has no metric that varies."""
_HINT = "ask for fewer folds, give more rows, or remove train.cross_validation"


def check_folds(table: TableProfile, config: PipelineConfig) -> None:
    """Each fold needs rows, and of a label with classes two of these.

    Raises:
      UserError: there are not enough, as far as the shares of the splits tell.
    """
    asked = config.train.cross_validation
    if asked is None:
        return
    label, share = config.features.label, _share(config)
    rows = sum(table.column(label.column, split).present for split in _divided(table)) * share
    if rows < _ROWS * asked.folds:
        raise UserError(
            f"train and eval have about {rows:.0f} rows with a label",
            field=_FIELD,
            expected=f"at least {_ROWS} for each fold",
            received=asked.folds,
            hint=_HINT,
        )
    counts = _counts(table, config)
    if counts and sum(rows >= asked.folds for rows in counts.values()) < 2:
        shown = listed([f"{name!r} about {rows:.0f}" for name, rows in counts.items()], 5)
        raise UserError(
            f"each fold needs rows of two classes of {label.column!r}; train and eval have: {shown}",
            field=_FIELD,
            received=asked.folds,
            hint=_HINT,
        )


def rare_in_folds(table: TableProfile, config: PipelineConfig) -> Iterator[str]:
    """Yields a warning for every class that has fewer rows than there are folds."""
    asked = config.train.cross_validation
    for name, rows in _counts(table, config).items():
        if asked is not None and rows < asked.folds:
            yield (
                f"the class {name!r} of the label {config.features.label.column!r} has about {rows:.0f} rows in train "
                f"and eval: some of {asked.folds} folds hold none of them out"
            )


def _divided(table: TableProfile) -> list[str]:
    """The inputs whose rows come into folds: of a table that is divided by a run all of it."""
    return [split for split in table.splits if split != "test"]


def _share(config: PipelineConfig) -> float:
    """Which share of those rows is for train and eval; all where only the rows themselves tell."""
    split = config.data.split
    if config.data.inputs is not None or isinstance(split, ColumnSplit):
        return 1.0
    train, judged, test = split.train or 0, split.eval or 0, split.test or 0
    return (train + judged) / total if (total := train + judged + test) else 1.0


def _counts(table: TableProfile, config: PipelineConfig) -> dict[str, float]:
    """Rows of each class in train and eval, by what it is in the table; nothing of a number."""
    label = config.features.label
    if label.task == "regression" or config.train.cross_validation is None:
        return {}
    found: dict[str, float] = {}
    for split in _divided(table):
        for name, rows in table.column(label.column, split).counts.items():
            found[name] = found.get(name, 0.0) + rows * _share(config)
    return found

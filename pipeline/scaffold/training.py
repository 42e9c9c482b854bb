"""Model and training settings by the shape of the table: a run of a few minutes on two cores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.scaffold.families import SMALL_TABLE, Shape, choose
from pipeline.scaffold.render import mapping, scalar

_STEPS = 6000
"""The most training steps that the epochs of a network may add up to."""


@dataclass(frozen=True)
class Training:
    """The `model:` and `train:` sections, and why."""

    model: dict[str, Any]
    train: dict[str, Any]
    model_reason: str
    train_reason: str
    bins: int | None = None
    """The bins of the piecewise linear embedding of continuous numbers; None leaves them plain."""


def propose_training(shape: Shape, *, fast: bool = False, single: bool = False) -> Training:
    """Chooses the model, and how it is trained.

    Args:
      shape: of the table.
      fast, single: as for `choose`.
    """
    choice = choose(shape, fast=fast, single=single)
    if choice.train is not None:
        return Training(choice.model, choice.train, choice.reason, choice.train_reason, choice.bins)
    rows = shape.rows
    steps = [(200, 16), (2000, 32), (20_000, 128), (200_000, 512)]
    batch_size = next((batch for limit, batch in steps if rows < limit), 1024)
    per_epoch = max(1, shape.training_rows // batch_size)
    epochs = min(100, max(3, _STEPS // per_epoch))
    train = {
        "batch_size": batch_size,
        "epochs": epochs,
        "learning_rate": 0.002 if rows < SMALL_TABLE else 0.001,
        "early_stopping": {"monitor": "val_loss", "patience": min(10, max(2, epochs // 4))},
    }
    reason = "at most this many epochs; training stops when eval no longer improves"
    return Training(choice.model, train, choice.reason, reason)


def width_notes(shape: Shape) -> Iterator[str]:
    """What to know of a table with more columns than rows."""
    if shape.is_wide:
        yield (
            f"{shape.columns:,} columns for {shape.rows:,} rows: some columns fit the label by chance alone, and a "
            "test split of so few rows tells little. The model is small and strongly regularised; leave out columns of "
            "which you know that they say nothing, and expect evaluate.skill to refuse a model that luck explains"
        )


def model_lines(model: Mapping[str, Any]) -> Iterator[str]:
    """The `model:` section as lines of YAML; an ensemble's members stand below each other."""
    yield "model:"
    yield f"  family: {model['family']}"
    params = dict(model["params"])
    members = params.pop("members", None)
    if members is None:
        yield f"  params: {mapping(params)}"
        return
    yield "  params:"
    yield "    members:"
    yield from (f"      - {mapping(each)}" for each in members)
    yield from (f"    {key}: {scalar(value)}" for key, value in params.items())

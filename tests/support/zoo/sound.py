"""Sound models: what the gate must bless without a single failed check."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.zoo import plain_numbers, plain_optional, plain_sequence, plain_tf1, plain_values, plain_vision, trained
from support.zoo.broken_time import SLOW, Slow, save
from support.zoo.plain import PLAIN, WARNED
from support.zoo.tiny import Exported, TinyModel, export
from support.zoo.trained import World

from components.smoke_test.names import CheckName

MODULES = (plain_numbers, plain_optional, plain_sequence, plain_tf1, plain_values, plain_vision)
"""Importing them registers their models."""
Worlds = Callable[[str], World]


@dataclass(frozen=True)
class Sound:
    """One sound model.

    Attributes:
      name: of the model.
      build: exports it into a new folder; is given the tables of the trained models by task, and the tiny model's
        transform graph.
      task: of a model with golden files, which no check may skip; empty without.
      config: what differs from the defaults in `smoke_test:`.
      warns: the checks that warn: of what TensorFlow with oneDNN, which it has on x86-64, does to the model, or of what
        may be meant so.
    """

    name: str
    build: Callable[[Path, Worlds, Path], Exported]
    task: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    warns: tuple[CheckName, ...] = ()


def _tiny(task: str) -> Sound:
    model = type("Sound", (TinyModel,), {"task": task})
    return Sound(f"tiny_{task}", lambda folder, _, graph: export(model, folder, graph), task)


def _trained(family: str, task: str) -> Sound:
    return Sound(f"{family}_{task}", lambda folder, worlds, _: trained.train(worlds(task), family, folder), task)


def _slow(folder: Path) -> Exported:
    save(Slow(), folder)
    return Exported(folder / "model", folder / "examples", folder / "schema")


def _plain(name: str) -> Sound:
    def build(folder: Path, worlds: Worlds, graph: Path) -> Exported:  # noqa: ARG001
        PLAIN[name](folder)
        return Exported(folder / "model", folder / "examples", folder / "schema")

    return Sound(name, build, config={"golden": "optional"}, warns=WARNED[name])


SOUND: dict[str, Sound] = {
    each.name: each
    for each in (
        *(_tiny(task) for task in trained.TASKS),
        *(_trained(family, task) for family in trained.FAMILIES for task in trained.TASKS),
        *(_plain(name) for name in PLAIN),
        Sound(
            "slow_with_raised_budgets",
            lambda folder, *_: _slow(folder),
            config={"golden": "optional", "budgets": {"rows_per_second": 20}, **SLOW},
        ),
    )
}
"""By name: the model that the zoo breaks, the trainer's, and those of other projects."""

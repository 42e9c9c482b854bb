"""What keeps a sound search from running here, or on a target; and which settings a family has no use for."""

from collections.abc import Iterator

from components.trainer.config import DESCENT_ONLY
from components.trainer.tuning.values import has
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem
from pipeline.config.steps import trials_steps
from pipeline.config.targets import TargetName
from preprocessing.text import listed

MOST_STEPS = 100
"""Steps of trials in one compiled pipeline."""


def left_behind(loaded: LoadedConfig) -> Iterator[Problem]:
    """Stated params that a family of the space does not have: its best values could not extend the file."""
    if loaded.config.tune is None:
        return
    params = loaded.tree.find(("model", "params"))
    stated = params.value if params is not None and isinstance(params.value, dict) else {}
    for name in stated:
        for family in loaded.config.families():
            if not has(family, f"model.params.{name}"):
                message = f"the family {family}, which tune.space has too, does not have it"
                hint = "remove it, or put it into tune.space, where it is for the families that have it"
                yield loaded.problem(("model", "params", name), message, hint=hint)


def without_meaning(loaded: LoadedConfig) -> Iterator[str]:
    """A line for the stated fields of `train` that mean nothing to any of the families, if there are some."""
    families = loaded.config.families()
    names = [name for name in DESCENT_ONLY if loaded.tree.find(("train", name)) is not None]
    left_out = [f"train.{name}" for name in names if not any(has(family, f"train.{name}") for family in families)]
    if left_out:
        yield f"{listed(left_out)}: without a meaning for {listed(families)}, which no gradient descent trains"


def on_cluster(loaded: LoadedConfig, target: TargetName) -> Iterator[Problem]:
    """What trials as steps of a compiled pipeline can't do."""
    tune = loaded.config.tune
    if tune is None:
        return
    if tune.search == "hyperband":
        message = f"continues trials where they stopped, and on {target} each is a step that keeps nothing"
        yield loaded.problem(("tune", "search"), message, received='"hyperband"', hint="use tpe or random")
        return
    steps = sum(map(len, trials_steps(tune)))
    if steps > MOST_STEPS:
        yield loaded.problem(
            ("tune", "trials"),
            f"makes {tune.rounds()} rounds, one after the other, and {steps} steps; a pipeline may have {MOST_STEPS}",
            received=str(tune.trials),
            hint="raise tune.round, ask for fewer trials, or use search: random with prune: none, which has one round",
        )

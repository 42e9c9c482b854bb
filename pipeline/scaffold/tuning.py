"""The `tune:` section that `init --tune` proposes for the model and the training that it chose."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.config import BOOSTED
from pipeline.scaffold.render import comment, mapping
from pipeline.scaffold.training import Training

_TRIALS = 20


def propose_space(training: Training) -> dict[str, dict[str, list[Any]]]:
    """The values to try, by field: around what was chosen, and what its family has of its own.

    Args:
      training: the proposed sections.
    """
    if training.model["family"] == BOOSTED:
        return _of_trees(training.model["params"])
    rate, batch = float(training.train["learning_rate"]), int(training.train["batch_size"])
    space: dict[str, dict[str, list[Any]]] = {
        "train.learning_rate": {"log": [round(rate / 10, 6), round(rate * 10, 6)]},
        "train.batch_size": {"choice": [max(8, batch // 2), batch, batch * 2]},
        "model.params.dropout": {"uniform": [0.0, 0.5]},
    }
    if training.model["family"] == "tabm":
        width = int(training.model["params"]["width"])
        return {**space, "model.params.width": {"choice": [width // 2, width, 2 * width]}}
    hidden = [int(width) for width in training.model["params"]["hidden"]]
    if training.model["family"] == "dcn":
        space["model.params.cross_layers"] = {"integer": [1, 4]}
    sizes = [[max(4, width // 2) for width in hidden], hidden, [2 * width for width in hidden]]
    return {**space, "model.params.hidden": {"choice": sizes}}


def _of_trees(params: Mapping[str, Any]) -> dict[str, dict[str, list[Any]]]:
    rate, leaves = float(params["learning_rate"]), int(params["leaves"])
    return {
        "model.params.learning_rate": {"log": [round(rate / 3, 6), round(rate * 3, 6)]},
        "model.params.leaves": {"choice": [leaves // 2, leaves, 2 * leaves]},
        "model.params.leaf_rows": {"log_integer": [5, 80]},
        "model.params.features_per_split": {"uniform": [0.25, 1.0]},
    }


def tune_lines(training: Training) -> Iterator[str]:
    """The section as lines of YAML.

    Args:
      training: the proposed sections.
    """
    yield "tune:"
    yield comment(
        f"{_TRIALS} trainings with other values before the one that counts, judged on the eval split; the best values "
        "are written beside the run's records as tuned.yaml.",
        2,
    )
    yield "  search: tpe"
    yield f"  trials: {_TRIALS}"
    yield comment("So many at once, each in a process of its own: as many as there are processors to spare.", 2)
    yield "  parallel: 2"
    yield "  space:"
    for name, dimension in propose_space(training).items():
        yield f"    {name}: {mapping(dimension)}"

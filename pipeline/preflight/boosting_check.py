"""What the family `gbt` needs of this machine, and what it half follows."""

import importlib.metadata
from collections.abc import Iterator

from components.trainer.config import SCIKIT_LEARN
from components.trainer.tuning.values import FAMILY, SPACE
from models.config import BOOSTED
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem
from preprocessing.errors import FieldPath, dotted

_LEAF_L2 = "model.params.leaf_l2"


def other_scikit_learn(loaded: LoadedConfig) -> Iterator[Problem]:
    """The version of scikit-learn, where the family is trained with another one than is installed."""
    fields = [field for field, family in loaded.config.family_fields() if family == BOOSTED]
    if not fields:
        return
    try:
        installed = importlib.metadata.version("scikit-learn")
    except importlib.metadata.PackageNotFoundError:
        installed = "none"
    if installed != SCIKIT_LEARN:
        yield loaded.problem(
            fields[0],
            f"{BOOSTED} is trained with scikit-learn {SCIKIT_LEARN}, installed is {installed}",
            hint="install the locked packages (requirements.lock), or choose another family",
        )


def half_followed(loaded: LoadedConfig) -> Iterator[str]:
    """A line for a stated penalty on leaves that answer medians."""
    config = loaded.config
    if config.train.loss != "mae":
        return
    fields: list[FieldPath] = [(*SPACE, _LEAF_L2)] if BOOSTED in config.families() else []
    for field, family in config.family_fields():
        if family == BOOSTED and field != (*SPACE, FAMILY):
            section = field[:-1] if field == ("model", "family") else field
            fields.append((*section, "params", "leaf_l2"))
    for field in fields:
        if loaded.tree.find(field) is not None:
            yield f"{dotted(field)}: with train.loss mae it has a say in the questions alone; the leaves answer medians"

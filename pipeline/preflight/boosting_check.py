"""What the family `gbt` needs of this machine, and what it half follows."""

import importlib.metadata
from collections.abc import Iterator

from components.trainer.config import SCIKIT_LEARN
from components.trainer.tuning.values import SPACE
from models.config import BOOSTED
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem

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
    stated = any(loaded.tree.find(field) is not None for field in (tuple(_LEAF_L2.split(".")), (*SPACE, _LEAF_L2)))
    if stated and loaded.config.train.loss == "mae" and BOOSTED in loaded.config.families():
        yield f"{_LEAF_L2}: with train.loss mae it has a say in the questions alone; the leaves answer medians"

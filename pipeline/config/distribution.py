"""What training on several machines can't do, refused while the configuration is read."""

from collections.abc import Sequence

from components.trainer.tuning.values import Sections
from models.config import BOOSTED, ENSEMBLE
from preprocessing.errors import FieldPath
from preprocessing.rules import broken_rule

FIELD: FieldPath = ("train", "distribution")
MULTI_WORKER = "multi_worker"
_REASONS = {
    BOOSTED: (
        "gbt grows each tree of all rows at once, by scikit-learn, in one process with all cores of its machine",
        "set it to none, and give the machine more cores",
    ),
    ENSEMBLE: (
        "an ensemble has its members to train side by side, in processes of one machine",
        "set it to none, and model.params.parallel to how many at once; or train one family alone on several machines",
    ),
}


def check_distribution(sections: Sections, families: Sequence[str], *, tuned: bool) -> None:
    """Refuses settings that several machines can't follow.

    Args:
      sections: of the training.
      families: those that may be trained, an ensemble's members too.
      tuned: whether a search comes before the training.

    Raises:
      PydanticCustomError: a broken rule, with its field from the top of the configuration.
    """
    if sections.train.distribution != MULTI_WORKER:
        return
    if tuned:
        raise broken_rule(
            "a search has trials to run side by side, and each of them trains in one process",
            field=FIELD,
            received=MULTI_WORKER,
            hint="tune with none, then train on several machines by the file with the best values, which extends it",
        )
    for family in (sections.model.family, *families):
        if family in _REASONS:
            reason, hint = _REASONS[family]
            raise broken_rule(reason, field=FIELD, received=MULTI_WORKER, hint=hint)

"""What the family `ensemble` can't do, refused while the configuration is read."""

from collections.abc import Sequence

from components.trainer.tuning.values import Sections
from models.config import ENSEMBLE, EnsembleModel
from preprocessing.errors import FieldPath
from preprocessing.rules import broken_rule


def check_ensemble(sections: Sections) -> None:
    """Refuses settings that an ensemble can't follow.

    Raises:
      PydanticCustomError: a broken rule, with its field from the top of the configuration.
    """
    if not isinstance(sections.model, EnsembleModel):
        return
    if sections.train.warm_start:
        raise broken_rule(
            "an ensemble trains its members afresh: which of them the champion kept, and how large its trees are, may "
            "be others than this run's",
            field=("train", "warm_start"),
            received=True,
            hint="set it to false",
        )
    if sections.train.distribution == "mirrored" and sections.model.params.parallel > 1:
        raise broken_rule(
            "each of the processes would spread over all GPUs",
            field=("model", "params", "parallel"),
            received=sections.model.params.parallel,
            hint="set it to 1, or train.distribution to none",
        )
    if sections.train.cross_validation is not None:
        raise broken_rule(
            "an ensemble is weighed on rows that are held out, and a refit on all rows of the folds has none",
            field=("train", "cross_validation"),
            hint="remove it, or cross-validate one of the members alone (export: ensemble averages the folds' models)",
        )


def check_untuned(families: Sequence[tuple[FieldPath, str]]) -> None:
    """Refuses a search over ensembles.

    Args:
      families: of the configuration and of its search, with the field that names each.

    Raises:
      PydanticCustomError: as above.
    """
    for field, family in families:
        if family == ENSEMBLE:
            raise broken_rule(
                "can't be together with tune: a trial is one training with one curve, an ensemble has several",
                field=field,
                received=family,
                hint="tune the families one by one, then name them with their best params under model.params.members",
            )

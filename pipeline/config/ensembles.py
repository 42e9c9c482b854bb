"""What the family `ensemble` can't do, refused while the configuration is read."""

from collections.abc import Sequence

from components.artifacts.ensemble import STUDENT
from components.trainer.config import DESCENT_ONLY, MemberTraining
from components.trainer.tuning.values import Sections
from models.config import BOOSTED, ENSEMBLE, EnsembleModel
from preprocessing.errors import FieldPath
from preprocessing.rules import broken_rule

_MEMBERS: FieldPath = ("train", "members")


def check_ensemble(sections: Sections) -> None:
    """Refuses settings that an ensemble can't follow.

    Raises:
      PydanticCustomError: a broken rule, with its field from the top of the configuration.
    """
    _check_members(sections)
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


def _check_members(sections: Sections) -> None:
    """Refuses settings of members that are not there, or of gradient descent for one that grows trees."""
    own, model = sections.train.members, sections.model
    if not own:
        return
    if not isinstance(model, EnsembleModel):
        raise broken_rule(
            f"is for the members of an ensemble, and the family is {model.family}",
            field=_MEMBERS,
            received=sorted(own),
            hint="put the settings under train itself, or set model.family to ensemble",
        )
    params = model.params
    families = dict(zip(params.names(), (each.family for each in params.models()), strict=True))
    if params.distill:
        families[STUDENT] = params.student.family
    for name, training in own.items():
        if name not in families:
            raise broken_rule(
                "is not a member of the ensemble",
                field=(*_MEMBERS, name),
                received=name,
                allowed=tuple(families),
                hint="set model.params.distill: true to have a student" if name == STUDENT else "",
            )
        if families[name] == BOOSTED:
            _check_boosted(training, (*_MEMBERS, name))


def _check_boosted(training: MemberTraining, section: FieldPath) -> None:
    followed = tuple(each for each in MemberTraining.model_fields if each not in DESCENT_ONLY)
    for name in training.stated():
        if name not in followed:
            own = ", or set learning_rate among the member's params" if name == "learning_rate" else ""
            raise broken_rule(
                f"means nothing to {BOOSTED}, which no gradient descent trains; what does: {', '.join(followed)}",
                field=(*section, name),
                hint=f"remove it{own}",
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

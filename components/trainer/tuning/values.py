"""The values of a trial laid over the configuration, and which values can't be."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import JsonValue, ValidationError
from pydantic_core import PydanticCustomError

from components.artifacts.cross_validation import CrossValidationConfig
from components.trainer.config import DESCENT_ONLY, TrainConfig
from components.trainer.tuning.config import Dimension, TuneConfig
from models.config import BOOSTED, DcnParams, DeepParams, GbtParams, ModelConfig, TabmParams, WideDeepParams
from preprocessing.errors import FieldPath, dotted
from preprocessing.nearest import nearest
from preprocessing.rules import BROKEN_RULE, broken_rule
from preprocessing.settings import Settings

Values = dict[str, JsonValue]
"""A trial's value of each field, by the field's name in the space."""
FAMILY = "model.family"
SPACE: FieldPath = ("tune", "space")
"""The field of the configuration."""
_PARAMS = "model.params."
_FAMILIES: dict[str, type[Settings]] = {
    "mlp": DeepParams,
    "wide_deep": WideDeepParams,
    "dcn": DcnParams,
    "gbt": GbtParams,
    "tabm": TabmParams,
}
_OTHER_MEANING = (
    "train.loss",
    "train.label_smoothing",
    "train.class_weights",
    "model.params.l2",
    "model.params.wide_l2",
)
"""Fields that val_loss depends on by more than how good the model is."""
_FIXED = {
    "train.early_stopping.monitor": "trials are compared by it",
    "train.early_stopping": "trials are compared by its monitor; tune train.early_stopping.patience",
    "train.warm_start": "trials start afresh",
    "train.members": "an ensemble can't be tuned",
    "train.tensorboard": "it changes no model",
    "train.memory_mb": "it changes no model that is worth a search",
    **dict.fromkeys(
        ("train.cross_validation", *(f"train.cross_validation.{each}" for each in CrossValidationConfig.model_fields)),
        "trials are judged on the eval split",
    ),
}


_REASONS = {"union_tag_invalid": "unknown model family"}


class Sections(Settings):
    """The sections that tuning may change, as the Trainer gets them."""

    train: TrainConfig
    model: ModelConfig


def best_sections(text: str) -> Sections:
    """The sections that a search found best, from its file, see `components.trainer.tuning.report.VALUES_FILE`."""
    found = json.loads(text)
    return Sections.from_json(json.dumps({name: found[name] for name in Sections.model_fields}))


def stated_params(model: ModelConfig) -> Values:
    """What goes with every family: the fields of `model.params` that differ from their defaults."""
    if isinstance(model.params, dict):
        return dict(model.params)
    found: Values = model.params.model_dump(mode="json", exclude_defaults=True)
    return found


def has(family: str, name: str) -> bool:
    """Whether a family has a field of a space; of a family of the user's own nobody knows."""
    section, _, field = name.partition(".")
    if family == BOOSTED and section == "train" and field.partition(".")[0] in DESCENT_ONLY:
        return False
    params = _FAMILIES.get(family)
    if params is None or not name.startswith(_PARAMS):
        return True
    return name.removeprefix(_PARAMS).partition(".")[0] in params.model_fields


def relevant(values: Mapping[str, JsonValue], family: str) -> Values:
    """The values without those of fields that the trial's family does not have.

    Args:
      values: of every field of the space.
      family: the configuration's, for a space without one.
    """
    chosen = str(values.get(FAMILY, family))
    return {name: value for name, value in values.items() if has(chosen, name)}


def own_values(space: Mapping[str, Dimension], own: Sections) -> Values:
    """What the configuration itself says of the fields of a space: the values of trial 0."""
    plain = own.model_dump(mode="json")
    return {name: _at(plain, name) for name in space if has(own.model.family, name)}


def _at(sections: Mapping[str, JsonValue], name: str) -> JsonValue:
    """The value of a field; None where there is none."""
    section: Any = sections
    for key in name.split("."):
        section = section.get(key) if isinstance(section, dict) else None
    found: JsonValue = section
    return found


def with_values(own: Sections, stated: Mapping[str, JsonValue], values: Mapping[str, JsonValue]) -> Sections:
    """The sections with values laid over them.

    Args:
      own: what the configuration says, defaults filled in.
      stated: its `stated_params`.
      values: of one trial.

    Raises:
      pydantic.ValidationError: they can't be.
    """
    plain = own.model_dump(mode="json")
    if FAMILY in values:
        plain["model"] = {"family": values[FAMILY], "params": dict(stated)}
    for name, value in values.items():
        *parents, last = name.split(".")
        section = plain
        for key in parents:
            if not isinstance(section.get(key), dict):
                section[key] = {}
            section = section[key]
        section[last] = value
    # JSON mode, as strict pydantic would otherwise refuse a list where a tuple is declared.
    return Sections.model_validate_json(json.dumps(plain))


def check_space(
    tune: TuneConfig, own: Sections, stated: Mapping[str, JsonValue], check: Callable[[Sections], None]
) -> None:
    """Refuses a space with a value that can't be, alone or beside another field's.

    Every value of a choice and both ends of a range are laid over the configuration, one by one and two by two, with
    every family of the space.

    Args:
      tune: the section.
      own, stated: as for `with_values`.
      check: raises for sections that are sound by themselves and don't fit the rest of the configuration.

    Raises:
      PydanticCustomError: a broken rule, with its field from the top of the configuration.
    """
    _check_meaning(tune, own)
    families = [str(each) for each in tune.space[FAMILY].ends()] if FAMILY in tune.space else [own.model.family]
    for name in tune.space:
        if not any(has(family, name) for family in families):
            message = f"none of the families has it ({', '.join(families)})"
            raise broken_rule(message, field=(*SPACE, name), hint="take it out, or add a family that has it")
    for values in _corners(tune.space, families):
        try:
            check(with_values(own, stated, values))
        except (ValidationError, PydanticCustomError) as error:
            raise _refused(values, error) from None


def _check_meaning(tune: TuneConfig, own: Sections) -> None:
    monitor, _ = own.train.judged_by()
    if own.train.warm_start:
        message = "with tune trials start afresh, and so must the training that they are for"
        raise broken_rule(message, field=("train", "warm_start"), received=True, hint="remove it, or tune")
    for name in tune.space:
        if (why := _FIXED.get(name)) is not None:
            raise broken_rule(f"can't be tuned: {why}", field=(*SPACE, name), hint="take it out of the space")
        if monitor == "val_loss" and any(f"{name}.".startswith(f"{each}.") for each in _OTHER_MEANING):
            raise broken_rule(
                "changes what val_loss means, by which trials are compared",
                field=(*SPACE, name),
                hint="set train.early_stopping.monitor to a metric, such as val_auc, val_accuracy or val_rmse",
            )
    _check_mappings(tune, own)


def _check_mappings(tune: TuneConfig, own: Sections) -> None:
    """Refuses mappings over a mapping: a file with the best one would get the entries of both by `extends`."""
    stated = own.model_dump(mode="json", exclude_unset=True)
    for name, dimension in tune.space.items():
        there = _at(stated, name)
        chosen = next((each for each in dimension.choice or () if isinstance(each, dict)), None)
        if chosen is not None and isinstance(there, dict) and there:
            raise broken_rule(
                f"has a mapping, and so has {name}: a file that extends this one gets the entries of both",
                field=(*SPACE, name, "choice"),
                received=chosen,
                hint=f"tune the entries one by one, such as {name}.{next(iter(there))}",
            )


def _corners(space: Mapping[str, Dimension], families: list[str]) -> Iterator[Values]:
    for family in families:
        chosen: Values = {FAMILY: family} if FAMILY in space else {}
        yield chosen
        ends = {name: each.ends() for name, each in space.items() if name != FAMILY and has(family, name)}
        for name, values in ends.items():
            yield from ({**chosen, name: value} for value in values)
        for (one, ones), (other, others) in itertools.combinations(ends.items(), 2):
            yield from ({**chosen, one: a, other: b} for a, b in itertools.product(ones, others))


def _refused(values: Values, error: ValidationError | PydanticCustomError) -> PydanticCustomError:
    """The error of a corner, in the words of the field that is wrong in it."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        kind, context = first["type"], first.get("ctx", {})
        place = (*_named(first["loc"]), *context.get("field", ()))
        reason = context["text"] if kind == BROKEN_RULE else _REASONS.get(kind, first["msg"])
    else:
        kind, context = error.type, error.context or {}
        place, reason = tuple(context.get("field", ())), error.message()
    path = dotted(place)
    # The field of the space that the error is about, or else the last one that was laid over the configuration.
    name = next((each for each in values if path and each.startswith(path)), "")
    name = name or next((each for each in values if path.startswith(each)), next(reversed(values), ""))
    field: FieldPath = (*SPACE, name) if name else SPACE
    if kind == "extra_forbidden":
        allowed = tuple(each for each in _known_fields() if each not in _FIXED)
        return broken_rule("unknown field", field=field, allowed=allowed, meant=nearest(name, allowed))
    others = {key: value for key, value in values.items() if key != name}
    beside = f" (with {', '.join(f'{key}: {json.dumps(value)}' for key, value in others.items())})" if others else ""
    return broken_rule(
        f"has a value that can't be{beside}: {reason}",
        field=field,
        received=values.get(name),
        hint="take the value out of the space",
    )


def _known_fields() -> list[str]:
    """The fields that a space may have, those of nested sections left out."""
    params = {name for each in _FAMILIES.values() for name in each.model_fields}
    return [*(f"train.{name}" for name in TrainConfig.model_fields), *(f"{_PARAMS}{name}" for name in sorted(params))]


def _named(location: tuple[int | str, ...]) -> FieldPath:
    """The place of an error without the tag of the family that pydantic puts in."""
    return tuple(key for position, key in enumerate(location) if not (position == 1 and location[0] == "model"))

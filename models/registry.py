"""Builds the model of a family by its name, ours or the user's, and holds it to the contract."""

from collections.abc import Callable
from typing import Any

import keras

from models import dcn, gbt, mlp, tabm, wide_deep
from models.config import FAMILIES, EnsembleParams, ModelConfig
from models.ensemble import ensemble
from models.heads import Head
from models.inputs import zero_batch
from preprocessing.errors import UserError
from preprocessing.features import ModelInput
from preprocessing.nearest import nearest
from preprocessing.own_code import function_at
from preprocessing.text import named

ModelBuilder = Callable[[tuple[ModelInput, ...], Head, Any], keras.Model]
"""`build_model(inputs, head, params) -> keras.Model`, uncompiled. `params` is the family's typed section for
the built-in families, and the dictionary under `model.params` for your own."""


def _ensemble(inputs: tuple[ModelInput, ...], head: Head, params: EnsembleParams) -> keras.Model:
    """All members, untrained and of equal weight: what trained ones become is for the training to say."""
    members = [build_model(each, inputs, head) for each in params.models()]
    return ensemble(members, [1 / len(members)] * len(members), head.task, inputs)


_BUILDERS: dict[str, ModelBuilder] = {
    "mlp": mlp.build_model,
    "wide_deep": wide_deep.build_model,
    "dcn": dcn.build_model,
    "gbt": gbt.build_model,
    "tabm": tabm.build_model,
    "ensemble": _ensemble,
}

_CONTRACT = (
    "build_model(inputs, head, params) returns an uncompiled keras.Model that maps the batch's dictionary to "
    "head.units numbers a row; end it with head.layer(), and `import keras`, not tf.keras"
)


def resolve(family: str) -> ModelBuilder:
    """The function that builds a family.

    Args:
      family: a built-in name, or the dotted path of a function.

    Raises:
      UserError: the name is unknown, or the path cannot be imported or is not a function.
    """
    if family in _BUILDERS:
        return _BUILDERS[family]
    if "." not in family:
        close = nearest(family, FAMILIES)
        raise UserError(
            field=("model", "family"),
            expected=f"one of {', '.join(FAMILIES)} or a dotted path",
            received=family,
            hint=f"did you mean {close!r}?" if close else "name your own function as my_package.module.build_model",
        )
    builder: ModelBuilder = function_at(family, ("model", "family"), _CONTRACT)
    return builder


def build_model(config: ModelConfig, inputs: tuple[ModelInput, ...], head: Head) -> keras.Model:
    """Builds the configured model, variables included, and checks that it keeps the contract.

    Args:
      config: the `model:` section.
      inputs: what preprocessing delivers; at least one.
      head: what the model predicts.

    Returns:
      An uncompiled, built model from a batch to float32 of shape [batch, head.units].

    Raises:
      UserError: there are no inputs, the family is unknown or raises, or its model breaks the contract.
    """
    if not inputs:
        raise UserError(
            "features: preprocessing produces no model input",
            hint="declare a column under numeric, categorical, boolean or datetime, or return one from "
            "preprocessing_fn",
        )
    builder = resolve(config.family)
    params = dict(config.params) if isinstance(config.params, dict) else config.params
    where = f"model.family {config.family!r}"
    model = _attempt(f"{where}: building the model", lambda: builder(inputs, head, params))
    if not isinstance(model, keras.Model):
        received = f"{type(model).__module__}.{type(model).__qualname__}"
        raise UserError(f"{where}: expected a keras.Model, received {received}", hint=_CONTRACT)
    if model.compiled:
        raise UserError(
            f"{where}: expected an uncompiled model, received a compiled one",
            hint="remove model.compile(); the optimizer and the loss are set under `train:`",
        )
    outputs = _attempt(f"{where}: calling the model on two rows of zeros", lambda: model(zero_batch(inputs, 2)))
    expected, received = f"float32 of shape {[2, head.units]}", _describe(outputs)
    if received != expected:
        raise UserError(f"{where}: for two rows expected {expected}, received {received}", hint=_CONTRACT)
    return model


def _attempt(what: str, action: Callable[[], Any]) -> Any:
    """Runs a family's code; whatever it raises names the family."""
    try:
        return action()
    except UserError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise UserError(
            f"{what} raised {named(error)}",
            hint="check model.params; --debug shows where it was raised",
        ) from error


def _describe(outputs: Any) -> str:
    if not keras.ops.is_tensor(outputs):
        return type(outputs).__name__
    return f"{keras.backend.standardize_dtype(outputs.dtype)} of shape {list(outputs.shape)}"

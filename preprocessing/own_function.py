"""The user's own preprocessing function: found, called with the declared columns, and its answer checked."""

import re
from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf

from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.features import RESERVED_SUFFIX
from preprocessing.missing import MissingWords
from preprocessing.own_code import function_at
from preprocessing.raw_columns import without_missing
from preprocessing.text import named

Inputs: TypeAlias = Mapping[str, tf.Tensor | tf.SparseTensor]
Outputs: TypeAlias = dict[str, tf.Tensor]


def own_inputs(inputs: Inputs, features: FeaturesConfig, words: MissingWords) -> Outputs:
    """What `features.preprocessing_fn` makes of the declared columns; nothing when there is none.

    It sees the feature columns only: a server has no others, and the label least of all.

    Args:
      inputs: every raw column by name.
      features: names the function, its columns and its parameters.
      words: the texts that mean missing: the function gets none of them.

    Raises:
      UserError: the function can't be imported, raises, or returns what a model can't take.
    """
    path = features.preprocessing_fn
    if path is None:
        return {}
    function = function_at(path, ("features", "preprocessing_fn"))
    columns = {name: without_missing(inputs[name], words.of(name)) for name in features.columns()}
    try:
        own = function(columns, dict(features.preprocessing_params))
    except UserError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise _explained(error, path, inputs, features) from error
    if not isinstance(own, dict):
        raise UserError(f"{path}: expected a dict of tensors by name, received {type(own).__name__}")
    for key, tensor in own.items():
        _check(key, tensor, path, inputs)
    return own


def _explained(error: Exception, path: str, inputs: Inputs, features: FeaturesConfig) -> UserError:
    missing = error.args[0] if isinstance(error, KeyError) and error.args else None
    if missing == features.label.column:
        return UserError(
            f"{path} reads {missing!r}, which is the label: a server doesn't have it",
            field=("features", "preprocessing_fn"),
            hint="compute model inputs from other columns",
        )
    if isinstance(missing, str) and missing in inputs:
        return UserError(
            f"{path} reads column {missing!r}, which is not declared",
            field=("features", "preprocessing_fn"),
            hint=f"add {missing!r} to features.preprocessing_columns, so that it becomes a serving input",
        )
    return UserError(
        f"{path} raised {named(error)}",
        field=("features", "preprocessing_fn"),
        hint=f"it was given the columns {list(features.columns())}; --debug shows where it was raised",
    )


def _check(key: object, tensor: object, path: str, inputs: Inputs) -> None:
    if not isinstance(key, str) or not re.fullmatch(r"[A-Za-z]\w*", key, re.ASCII):
        raise UserError(f"{path}: a name is a letter, then letters, digits and underscores; received {key!r}")
    if key.endswith(RESERVED_SUFFIX):
        raise UserError(f"{path}: {key!r} ends in {RESERVED_SUFFIX!r}, as our own names do; return another name")
    if key in inputs:
        # The Evaluator would read this tensor where it means the column.
        raise UserError(f"{path}: {key!r} is the name of a column; return another name")
    if not _fits_a_model(tensor):
        raise UserError(
            f"{path}: {key!r} must be a float32 tensor of shape [batch] or [batch, k], or an int64 one of "
            f"vocabulary ids of shape [batch] or [batch, 1], received {tensor}"
        )


def _fits_a_model(tensor: object) -> bool:
    if not isinstance(tensor, tf.Tensor) or tensor.shape.rank not in (1, 2):
        return False
    width = 1 if tensor.shape.rank == 1 else tensor.shape[1]
    return width == 1 if tensor.dtype == tf.int64 else tensor.dtype == tf.float32 and width is not None

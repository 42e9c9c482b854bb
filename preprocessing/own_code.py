"""Functions of the user's own, found by their dotted paths. Imports neither TensorFlow nor Beam."""

import importlib
from collections.abc import Callable
from typing import Any

from preprocessing.errors import FieldPath, UserError
from preprocessing.text import named


def function_at(path: str, field: FieldPath, contract: str = "") -> Callable[..., Any]:
    """The function behind a dotted path.

    Args:
      path: `package.module.function`.
      field: of the configuration that names it.
      contract: what the function is to take and to give, in a sentence.

    Raises:
      UserError: it can't be imported, or is not a function.
    """
    module, _, name = path.rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except Exception as error:  # importing runs the user's code, which may raise anything
        raise UserError(
            f"{path!r} can't be imported: {named(error)}",
            field=field,
            hint=f"check that `python -c 'import {module}'` works in this environment; a package of yours is installed "
            "into it by `pip install -e .`",
        ) from error
    if not callable(function):
        raise UserError(f"expected a function, {path!r} is {function!r}", field=field, hint=contract)
    found: Callable[..., Any] = function
    return found

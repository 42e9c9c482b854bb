"""A function that a step is told by its dotted path: it lies in a layer that components can't import."""

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from preprocessing.errors import UserError


def job(function: str, given: Mapping[str, Any]) -> str:
    """What a step is told: the dotted path of a function, and plain data for it, as JSON."""
    # In the order that is given: it is that of the graph and of the configuration.
    return json.dumps({"function": function, "given": given})


def told(text: str, what: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function of a job, and its data.

    Args:
      text: of `job`.
      what: the function does, for the message.

    Raises:
      UserError: there is no such function.
    """
    content = json.loads(text)
    module, _, name = content["function"].rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(
            f"the function that {what}: expected {content['function']}, which this image does not have",
            hint="build the image from the version that compiled the pipeline",
        ) from error
    return function, content["given"]

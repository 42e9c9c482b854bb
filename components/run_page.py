"""The page of a run as an artifact of a step, on a cluster; the step is told which function writes it."""

import importlib
import json
from collections.abc import Mapping
from typing import Any

from tfx.types.artifact import Artifact

from components.artifacts.reports import PAGE_TYPE
from preprocessing.errors import UserError


class RunPage(Artifact):
    """One HTML file: its URI is the file's."""

    # As for `components.data_gate.component.DataVerdict`.
    TYPE_NAME = PAGE_TYPE


def page_job(function: str, given: Mapping[str, Any]) -> str:
    """What a step is told: the dotted path of `function(inputs, uri, given)`, and plain data for it, as JSON."""
    # In the order that is given: it is that of the graph and of the configuration.
    return json.dumps({"function": function, "given": given})


def write_page(job: str, inputs: Mapping[str, list[Artifact]], page: Artifact, run: str = "") -> None:
    """Calls the function of a job.

    Args:
      job: of `page_job`.
      inputs: the artifacts that the step has, by name; of a gate its verdict too.
      page: whose URI becomes the file.
      run: the run's name; "" where the step does not know it.

    Raises:
      UserError: there is no such function.
    """
    content = json.loads(job)
    module, _, name = content["function"].rpartition(".")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(
            f"the function that writes the page: expected {content['function']}, which this image does not have",
            hint="build the image from the version that compiled the pipeline",
        ) from error
    function(inputs, page.uri, content["given"] | {"run": run})

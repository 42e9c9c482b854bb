"""The page of a run as an artifact of a step, on a cluster; the step is told which function writes it."""

from collections.abc import Mapping
from typing import Any

from tfx.types.artifact import Artifact

from components import named_function
from components.artifacts.reports import PAGE_TYPE


class RunPage(Artifact):
    """One HTML file: its URI is the file's."""

    # As for `components.data_gate.component.DataVerdict`.
    TYPE_NAME = PAGE_TYPE


def page_job(function: str, given: Mapping[str, Any]) -> str:
    """What a step is told: the dotted path of `function(inputs, uri, given)`, and plain data for it, as JSON."""
    return named_function.job(function, given)


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
    function, given = named_function.told(job, "writes the page")
    function(inputs, page.uri, given | {"run": run})

"""What each step of a compiled pipeline is told of the page that it leaves if it fails.

It stands in the arguments of the step's command, and so in its cache key: only what the step's own results depend on
may be in it, no configuration of others. So the graph is that of the artifacts behind the step's inputs, with the
steps that those wait for besides; what is around them the data gate leaves with its verdict.
"""

from collections.abc import Mapping
from typing import Any

from components import named_function

_FUNCTION = "pipeline.report.failed_step.write"
"""By its path, as it reads what lies above this layer."""


def page_argument(step: str, tasks: Mapping[str, Any], *, pipeline: str, target: str, image: str) -> str:
    """The argument of a step's command.

    Args:
      step: its name.
      tasks: every task of the compiled pipeline by name.
      pipeline: the pipeline's name.
      target: `kubeflow` or `vertex`.
      image: of the step.
    """
    given = {
        "step": step,
        "pipeline": pipeline,
        "target": target,
        "image": image,
        "graph": _behind(step, tasks),
        "inputs": _producers(tasks[step]),
    }
    return f"--page={named_function.job(_FUNCTION, given)}"


def _behind(step: str, tasks: Mapping[str, Any]) -> dict[str, list[str]]:
    """The step and those before it, each with those that it waits for."""
    found: dict[str, list[str]] = {}
    waiting = [step]
    while waiting:
        name = waiting.pop()
        found[name] = sorted(tasks[name].get("dependentTasks", ()))
        waiting += sorted({maker for maker, _ in _producers(tasks[name]).values()} - set(found))
    # What those wait for that lead to no input, as the step that stops a run on bad data.
    for name in {each for needs in found.values() for each in needs} - set(found):
        found[name] = sorted({maker for maker, _ in _producers(tasks[name]).values()})
    nothing: dict[str, list[str]] = {each: [] for needs in found.values() for each in needs}
    return dict(sorted({**nothing, **found}.items()))


def _producers(task: Mapping[str, Any]) -> dict[str, list[str]]:
    """The step and the output of it that each input is."""
    artifacts = task.get("inputs", {}).get("artifacts", {})
    made = {name: each["taskOutputArtifact"] for name, each in artifacts.items() if "taskOutputArtifact" in each}
    return {name: [each["producerTask"], each["outputArtifactKey"]] for name, each in sorted(made.items())}

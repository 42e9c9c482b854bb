"""A pipeline as Kubeflow and Vertex take it, and one step of it run as their launcher runs it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.fork_server import ForkServer
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.types.artifact import Artifact

import components

ROOT = Path(components.__file__).parent.parent
Compiled = dict[str, Any]


def compiled_job(pipeline: Pipeline, folder: Path) -> Compiled:
    """The pipeline spec."""
    config = KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True)
    KubeflowV2DagRunner(config=config, output_dir=str(folder), output_filename="job.json").run(pipeline)
    job: Compiled = json.loads((folder / "job.json").read_text())
    return job.get("pipelineSpec", job)


def parameters(compiled: Compiled, step: str) -> dict[str, Any]:
    """The constant parameters of a step, by name."""
    given = compiled["root"]["dag"]["tasks"][step]["inputs"]["parameters"]
    return {name: each["runtimeValue"]["constant"] for name, each in given.items()}


@dataclass(frozen=True)
class Ended:
    """How a step ended: the exit code, and all that it printed."""

    returncode: int
    log: str


def run_step(forks: ForkServer, compiled: Compiled, step: str, inputs: Mapping[str, Artifact], folder: Path) -> Ended:
    """Runs the container's command, its placeholders filled in as Kubeflow does.

    Args:
      forks: runs it.
      compiled: the pipeline spec.
      step: the component's id.
      inputs: an artifact for every input that the spec declares.
      folder: where the outputs go, each under its name, and task/executor_output.json.
    """
    component = compiled["components"][step]

    def filled(names: Mapping[str, Any], artifacts: Mapping[str, tuple[str, Any]]) -> dict[str, Any]:
        found = {}
        for number, (name, declared) in enumerate(names.items(), start=1):
            uri, metadata = artifacts[name]
            artifact = {"name": f"projects/p/{name}/{number}", "uri": uri, "metadata": metadata}
            found[name] = {"artifacts": [artifact | {"type": declared["artifactType"]}]}
        return found

    outputs = component["outputDefinitions"]["artifacts"]
    executor_input = {
        "inputs": {
            "parameterValues": parameters(compiled, step),
            "artifacts": filled(
                component["inputDefinitions"]["artifacts"],
                {name: (artifact.uri, _metadata(artifact)) for name, artifact in inputs.items()},
            ),
        },
        "outputs": {
            "artifacts": filled(outputs, {name: (str(folder / name), {}) for name in outputs}),
            "outputFile": str(folder / "task" / "executor_output.json"),
        },
    }
    container = compiled["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    words = [*container.get("command", []), *container["args"]]
    text = json.dumps(executor_input)
    words = [text if word in ("{{$}}", "{{$.json_escape[1]}}") else word for word in words]
    log = folder / "log.txt"
    code = forks.step(words, os.environ | {"PYTHONPATH": str(ROOT)}, ROOT, log)
    return Ended(code, log.read_text(encoding="utf-8", errors="replace"))


def _metadata(artifact: Artifact) -> dict[str, Any]:
    return {"split_names": artifact.split_names} if hasattr(artifact, "split_names") and artifact.split_names else {}


def written(folder: Path, output: str) -> dict[str, Any]:
    """The metadata that the step gave one of its outputs."""
    facts = json.loads((folder / "task" / "executor_output.json").read_text())
    [artifact] = facts["artifacts"][output]["artifacts"]
    metadata: dict[str, Any] = artifact["metadata"]
    return metadata

"""Carries out a compiled pipeline step by step, as the launchers of Kubeflow and Vertex do.

What is copied from Kubeflow's own launcher (backend/src/v2): the ExecutorInput, placeholders, the output file, that
the outputs of a failed step are not kept, that a step sees no file but its inputs, and the extra output for its log.
What is Vertex's: the driver before the step, the DAG inside an exit handler, and the final state that it is told.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from pipeline.runners.compile.compiled import EXIT_HANDLER, INNER_DAG, Compiled

Artifact = dict[str, Any]
Command = Callable[[list[str], Mapping[str, str], Path, Path], int]
"""Runs a command line with an environment, in a folder, into a log; its exit code."""

_SCHEMES = {"gs": "gcs", "s3": "s3", "minio": "minio"}
_CONDITION = re.compile(
    r"\(inputs\.artifacts\['(?P<input>\w+)'\]\.artifacts\[0\]\.metadata\['(?P<key>\w+)'\] == (?P<value>[0-9.]+)\)"
)


@dataclass
class Ran:
    """How a run ended.

    Attributes:
      states: SUCCEEDED, FAILED, SKIPPED (by a condition) or NOT_TRIGGERED (something before it failed), by task.
      outputs: what each step reported, by task and output: artifacts with URI and metadata.
      logs: what each step printed.
      folder: the local folder of the store.
    """

    states: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, Artifact]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()

    def local(self, task: str, output: str) -> Path:
        """The local folder of an artifact in the store."""
        return local_path(self.outputs[task][output]["uri"], self.folder)


def in_process(arguments: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> int:
    """Runs the command as it stands, in a process of its own."""
    if arguments[0] == "python":
        arguments = [sys.executable, *arguments[1:]]
    with log.open("ab") as file:
        return subprocess.run(
            arguments, env=dict(environment), cwd=folder, stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode


def local_path(uri: str, folder: Path) -> Path:
    """Where the store keeps a URL: below a folder by scheme; a path stays."""
    scheme, separator, rest = uri.partition("://")
    return folder / _SCHEMES[scheme] / rest if separator else Path(uri)


@dataclass
class Launcher:
    """One run of a compiled pipeline.

    Attributes:
      compiled: what is run.
      root: the pipeline's root, a URL whose store is emulated or a folder.
      folder: where the store, the containers' own folders and the logs are.
      parameters: those that differ from their defaults.
      mounted: whether steps see the store as folders of their own, as on Kubeflow; there is an output for logs, too.
      command: runs a command line.
      cached: tasks that are not run: their results of an earlier run are there, as from the cluster's cache.
    """

    compiled: Compiled
    root: str
    folder: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    mounted: bool = False
    command: Command = in_process
    cached: Mapping[str, "Ran"] = field(default_factory=dict)

    def run(self) -> Ran:
        """Runs every step whose turn comes; never raises for a step that fails."""
        spec = self.compiled.spec
        ran = Ran(folder=self.folder / "store")
        values = {**self.compiled.parameters, **self.parameters}
        unknown = set(values) - set(self.compiled.parameters)
        assert not unknown, f"the pipeline has no such parameters: {unknown}"
        tasks = self.compiled.tasks
        if INNER_DAG in spec["components"]:
            values = self._inner_values(values)
        for name in TopologicalSorter({n: set(t.get("dependentTasks", ())) for n, t in tasks.items()}).static_order():
            before = {ran.states[each] for each in tasks[name].get("dependentTasks", ())}
            if before - {"SUCCEEDED"}:
                ran.states[name] = "NOT_TRIGGERED"
                continue
            if name in self.cached:
                self._take(name, self.cached[name], ran)
                continue
            self._step(name, tasks[name], values, ran)
        if EXIT_HANDLER in spec["root"]["dag"]["tasks"]:
            self._step(EXIT_HANDLER, spec["root"]["dag"]["tasks"][EXIT_HANDLER], values, ran)
        return ran

    def _take(self, name: str, earlier: Ran, ran: Ran) -> None:
        """Takes over what a task did in an earlier run."""
        assert earlier.states[name] == "SUCCEEDED", f"nothing is cached for {name}"
        ran.states[name], ran.logs[name], ran.outputs[name] = "SUCCEEDED", "", earlier.outputs[name]
        for key in earlier.outputs[name]:
            _copied(earlier.local(name, key), ran.local(name, key))

    def _inner_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters as they arrive in the DAG inside the exit handler: those that are handed on, no others."""
        declared = self.compiled.spec["components"][INNER_DAG].get("inputDefinitions", {}).get("parameters", {})
        handed = self.compiled.spec["root"]["dag"]["tasks"][INNER_DAG].get("inputs", {}).get("parameters", {})
        assert set(declared) == set(handed)
        return {name: values[each["componentInputParameter"]] for name, each in handed.items()}

    def _step(self, name: str, task: dict[str, Any], values: Mapping[str, Any], ran: Ran) -> None:
        component = self.compiled.spec["components"][task["componentRef"]["name"]]
        container = self.compiled.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        work = self.folder / "containers" / name
        shutil.rmtree(work, ignore_errors=True)
        (work / "cwd").mkdir(parents=True)
        inputs = {
            "parameterValues": {
                key: _parameter(each, values, ran) for key, each in task.get("inputs", {}).get("parameters", {}).items()
            },
            "artifacts": {
                key: {"artifacts": [_produced(each, ran, as_kubeflow=self.mounted)]}
                for key, each in task.get("inputs", {}).get("artifacts", {}).items()
            },
        }
        condition = task.get("triggerPolicy", {}).get("condition")
        if condition and not _holds(condition, inputs["artifacts"]):
            ran.states[name] = "SKIPPED"
            return
        outputs = self._outputs(name, component, work)
        executor_input = {"inputs": inputs, "outputs": outputs}
        self._download(inputs["artifacts"], work)
        code = 0
        hook = container.get("lifecycle", {}).get("preCacheCheck")
        for command in [*([hook] if hook else []), container]:
            words = [*command["command"], *command["args"]]
            filled = [word.replace("{{$}}", json.dumps(executor_input)) for word in words]
            assert all(len(word) < 131_072 for word in filled), f"{name}: Linux takes no argument of this length"
            code = code or self.command(filled, self._environment(work), work / "cwd", work / "log.txt")
        ran.logs[name] = (work / "log.txt").read_text(errors="replace")
        ran.states[name] = "SUCCEEDED" if code == 0 else "FAILED"
        if code == 0:
            ran.outputs[name] = self._keep(outputs, work)

    def _outputs(self, name: str, component: dict[str, Any], work: Path) -> dict[str, Any]:
        declared = component.get("outputDefinitions", {}).get("artifacts", {})
        artifacts = {
            key: {
                "artifacts": [
                    {
                        "name": f"projects/1/artifacts/{name}-{key}",
                        "uri": f"{self.root.rstrip('/')}/{self.compiled.name}/run-1/{name}/{key}",
                        "type": each["artifactType"],
                        "metadata": each.get("metadata", {}),
                    }
                ]
            }
            for key, each in declared.items()
        }
        if self.mounted:
            uri = f"{self.root.rstrip('/')}/{self.compiled.name}/run-1/{name}/executor-logs"
            logs = {"name": "executor-logs", "uri": uri, "type": {"schemaTitle": "system.Artifact"}, "metadata": {}}
            artifacts["executor-logs"] = {"artifacts": [logs]}
        return {"artifacts": artifacts, "outputFile": str(work / "kfp_outputs" / "output_metadata.json")}

    def _environment(self, work: Path) -> dict[str, str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "LD_LIBRARY_PATH")
        return {name: os.environ[name] for name in kept if name in os.environ} | {
            "LOCKGATE_MOUNTS": str(work / "mounts")
        }

    def _download(self, artifacts: Mapping[str, Any], work: Path) -> None:
        if not self.mounted:
            return
        for listed in artifacts.values():
            for artifact in listed["artifacts"]:
                _copied(
                    local_path(artifact["uri"], self.folder / "store"), local_path(artifact["uri"], work / "mounts")
                )

    def _keep(self, outputs: Mapping[str, Any], work: Path) -> dict[str, Artifact]:
        """Merges what the step reported into its outputs, and uploads them."""
        report = json.loads(Path(outputs["outputFile"]).read_text())
        assert "executor-logs" not in report.get("artifacts", {}), "that output is the launcher's own"
        kept = {}
        for key, listed in outputs["artifacts"].items():
            [artifact] = listed["artifacts"]
            for said in report.get("artifacts", {}).get(key, {}).get("artifacts", []):
                artifact["uri"] = said.get("uri") or artifact["uri"]
                artifact["metadata"] = {**artifact["metadata"], **said.get("metadata", {})}
            kept[key] = artifact
            if self.mounted:
                _copied(
                    local_path(artifact["uri"], work / "mounts"), local_path(artifact["uri"], self.folder / "store")
                )
        return kept


def _copied(source: Path, target: Path) -> None:
    """Copies an artifact, a folder or one file; what a step did not write is not there, what is in a volume stays."""
    if source == target:
        return
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _parameter(given: Mapping[str, Any], values: Mapping[str, Any], ran: Ran) -> Any:
    if "runtimeValue" in given:
        constant = given["runtimeValue"]["constant"]
        return "job-1" if constant == "{{$.pipeline_job_name}}" else constant
    if "componentInputParameter" in given:
        return values[given["componentInputParameter"]]
    if "taskFinalStatus" in given:
        failed = [name for name, state in ran.states.items() if state == "FAILED"]
        status = {
            "state": "FAILED" if failed else "SUCCEEDED",
            "pipelineJobUuid": "1",
            "pipelineJobName": "job-1",
            "pipelineJobResourceName": "projects/p/locations/r/pipelineJobs/job-1",
            "pipelineTaskName": given["taskFinalStatus"]["producerTask"],
        }
        return json.dumps(status | ({"error": {"code": 9, "message": f"failed tasks: {failed}"}} if failed else {}))
    raise AssertionError(f"a parameter of an unknown kind: {given}")


def _produced(given: Mapping[str, Any], ran: Ran, *, as_kubeflow: bool) -> Artifact:
    of = given["taskOutputArtifact"]
    artifact = ran.outputs[of["producerTask"]][of["outputArtifactKey"]]
    if not as_kubeflow:
        return artifact
    # Its driver takes inputs from the metadata store: a number for a name, no type, two more facts.
    number = zlib.crc32(artifact["uri"].encode())
    more = {"display_name": of["outputArtifactKey"], "store_session_info": '{"Provider":"minio","Params":{}}'}
    return {
        "name": str(number),
        "uri": artifact["uri"],
        "type": {"instanceSchema": ""},
        "metadata": {**artifact["metadata"], **more},
    }


def _holds(condition: str, artifacts: Mapping[str, Any]) -> bool:
    """The part of CEL that the compiler writes; anything else is an error."""
    verdicts = []
    for term in condition.split(" && "):
        match = _CONDITION.fullmatch(term)
        assert match, f"not a condition of ours: {term}"
        verdicts.append(artifacts[match["input"]]["artifacts"][0]["metadata"][match["key"]] == float(match["value"]))
    return all(verdicts)

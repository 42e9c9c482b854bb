"""Runs the gate as TFX does: the executor's real `Do` on real artifacts."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from support.forked_sandbox import ForkedSandboxes
from support.zoo.tiny import Exported
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.artifact_utils import encode_split_names

from components.smoke_test import report as reports
from components.smoke_test.bench.search_time import WEIGHTS
from components.smoke_test.component import SmokeTestReport
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.executor import Executor
from components.smoke_test.names import CheckName
from components.smoke_test.report import Report

_SEARCHED_BY: dict[CheckName, CheckName] = {"answers": "finite"}
"""Checks that find something in the search of another one: it asks every row."""
_MEASURED: tuple[CheckName, ...] = ("load_time", "memory", "latency", "throughput")


def brief(check: CheckName) -> dict[str, Any]:
    """Fields of `smoke_test:` that leave out what can't change one check's finding: measuring, and other searches.

    Where the check itself searches, it does so alone: on a busy machine it has more time than by default. Where it does
    not, every search asks its first questions, and no more.
    """
    measured = {} if check in _MEASURED else {"budgets": {"requests": 10}}
    searches = _SEARCHED_BY.get(check, check)
    if searches not in WEIGHTS:
        return {**measured, "search": {"seconds": 0.1}}
    return {**measured, "severity": {each: "off" for each in WEIGHTS if each != searches}}


def smoke_test(exported: Exported, folder: Path, *, sandboxes: ForkedSandboxes | None = None, **config: Any) -> Report:
    """The report on an export; what it comes with is what is there. Also checks that the blessing says the same.

    Args:
      exported: the artifacts.
      folder: where the blessing and the report go.
      sandboxes: what makes the model's process; without it that is a fresh one, as for a user.
      config: fields of the `smoke_test:` section.
    """
    inputs: dict[str, Artifact] = {
        "model": standard_artifacts.Model(),
        "examples": standard_artifacts.Examples(),
        "schema": standard_artifacts.Schema(),
        "transform_graph": standard_artifacts.TransformGraph(),
    }
    for artifact, path in zip(inputs.values(), exported, strict=True):
        artifact.uri = str(path)
    inputs["examples"].split_names = encode_split_names(["test"])
    there = {
        name: [artifact]
        for (name, artifact), path in zip(inputs.items(), exported, strict=True)
        if path is not None and path.exists()
    }
    outputs: dict[str, Artifact] = {"blessing": standard_artifacts.InfraBlessing(), "report": SmokeTestReport()}
    for name, artifact in outputs.items():
        artifact.uri = str(folder / name)
        (folder / name).mkdir(parents=True)  # as TFX's launcher does
    section = SmokeTestConfig.from_json(json.dumps(config))
    properties = {"config": section.to_json(), "code_fingerprint": ""}
    with sandboxes.one_waiting(section.process) if sandboxes else nullcontext():
        Executor().Do(there, {name: [each] for name, each in outputs.items()}, properties)
    report = reports.read(outputs["report"].uri)
    assert outputs["blessing"].get_int_custom_property("blessed") == int(report.blessed)
    return report

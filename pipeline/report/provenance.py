"""What a pushed version was made from, for its manifest: from the metadata store here, from a step's inputs elsewhere.

`pipeline.nodes` tells the Pusher these functions by their paths.
"""

from __future__ import annotations

import math
import posixpath
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from components.artifacts.ingest import INGEST_FILE, FileReport, IngestReport
from components.artifacts.version_manifest import DataOrigin, GateVerdict, Provenance, SourceFile
from pipeline.report.gates import stored_gates
from pipeline.results.evaluation import read_verdict
from pipeline.results.listing import read_json
from pipeline.results.runs import CONFIG_FILE, ENVIRONMENT_FILE, RESULT_FILE, sha256
from pipeline.results.store import StoredNode, stored_run
from preprocessing.errors import UserError

if TYPE_CHECKING:
    from tfx.types.artifact import Artifact

_MOST_FILES = 100
"""So many source files are named; the rest are counted."""


def of_stored_run(_inputs: Mapping[str, Sequence[Artifact]], given: Mapping[str, Any], run: str) -> Provenance:
    """What a run on this machine knows of its model, while it goes on or afterwards.

    Args:
      given: `root`, the folder that holds everything that the pipeline writes. With `ended` the verdicts and the
        metrics are those of the run's record, where it came to its end.
      run: the run's id.
    """
    root = Path(given["root"])
    folder = root / "runs" / run
    environment = read_json(folder / ENVIRONMENT_FILE)
    config = folder / CONFIG_FILE
    nodes = stored_run(root, run)
    examples = nodes["ExampleGen"].outputs.get("examples", ()) if "ExampleGen" in nodes else ()
    return Provenance(
        pipeline=yaml.safe_load(config.read_text(encoding="utf-8")).get("name", "") if config.is_file() else "",
        run=run,
        commit=environment.get("git_commit"),
        dirty=environment.get("git_dirty"),
        config_sha256=sha256(config) if config.is_file() else "",
        data=_origin(examples[0].uri, examples[0].properties) if len(examples) == 1 else None,
        **(_recorded(read_json(folder / RESULT_FILE)) if given.get("ended") else None) or _judged(nodes),
    )


def _recorded(result: Mapping[str, Any]) -> dict[str, Any] | None:
    if result.get("state") not in ("pushed", "refused", "stopped"):
        return None
    return {"gates": tuple(GateVerdict(**each) for each in result["gates"]), "metrics": result["metrics"]}


def of_inputs(inputs: Mapping[str, Sequence[Artifact]], given: Mapping[str, Any], run: str) -> Provenance:
    """What the Pusher's inputs tell on a cluster.

    Args:
      inputs: of `pipeline.nodes.cluster_pusher.ToldPusherSpec`.
      given: `pipeline`, `image` and `commit`.
      run: the job's name.
    """
    from pipeline.report.on_cluster import given_nodes

    [examples] = inputs["examples"]
    read = {name: listed[0] for name, listed in inputs.items() if name in ("verdict", "evaluation", "smoke_report")}
    # By TFX's own readers: what a driver noted comes here as JSON.
    readers = {
        "span": examples.get_int_custom_property,
        "version": examples.get_int_custom_property,
        "input_fingerprint": examples.get_string_custom_property,
    }
    noted = {name: get(name) for name, get in readers.items() if examples.has_custom_property(name)}
    with tempfile.TemporaryDirectory() as folder:
        return Provenance(
            pipeline=given["pipeline"],
            run=run,
            commit=given["commit"],
            image=given["image"],
            data=_origin(examples.uri, noted),
            **_judged(given_nodes(read, Path(folder))),
        )


def _judged(nodes: Mapping[str, StoredNode]) -> dict[str, Any]:
    """The gates' verdicts and the metrics.

    Raises:
      UserError: the gates' reports are of another version of Lockgate.
    """
    try:
        gates = tuple(
            GateVerdict(name=each.name, passed=each.passed, reason=each.reason) for each in stored_gates(nodes)
        )
    except ValidationError as error:
        raise UserError(
            "the reports of the run's gates are of another version of Lockgate", hint="run the pipeline again"
        ) from error
    metrics: dict[str, float | None] = {}
    evaluator = nodes.get("Evaluator")
    evaluation = evaluator.output("evaluation") if evaluator is not None else None
    if evaluation is not None and any(each.name == "Evaluator" for each in gates):
        found = read_verdict(str(evaluation), blessed=True).metrics
        metrics = {name: value if math.isfinite(value) else None for name, value in found.items()}
    return {"gates": gates, "metrics": metrics}


def _origin(uri: str, properties: Mapping[str, Any]) -> DataOrigin:
    """The data behind an Examples artifact; of the stock ExampleGen's only what TFX notes."""
    noted = {
        "span": properties.get("span"),
        "version": properties.get("version"),
        "fingerprint": str(properties.get("input_fingerprint", "")),
    }
    report = _ingested(uri)
    if report is None:
        return DataOrigin.model_validate(noted)
    files = report.files
    return DataOrigin(
        **noted,
        rows=report.rows,
        digest=_digest(files),
        files=tuple(SourceFile(file=each.file, rows=each.rows, digest=each.digest) for each in files[:_MOST_FILES]),
        file_count=len(files),
    )


def _ingested(uri: str) -> IngestReport | None:
    if "://" not in uri:
        file = Path(uri, INGEST_FILE)
        return IngestReport.model_validate_json(file.read_text(encoding="utf-8")) if file.is_file() else None
    from tfx.dsl.io import fileio
    from tfx.utils import io_utils

    path = posixpath.join(uri, INGEST_FILE)
    return IngestReport.model_validate_json(io_utils.read_string_file(path)) if fileio.exists(path) else None


def _digest(files: Sequence[FileReport]) -> str:
    return f"{sum(int(each.digest, 16) for each in files) % 2**64:016x}"

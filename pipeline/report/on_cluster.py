"""The page of a run on a cluster, from the artifacts that a step is given: no step can ask a metadata store there.

What a step can't know is said on the page: seconds, cache hits, the run before, and what comes after the step.
"""

from __future__ import annotations

import html
import importlib.metadata
import json
import logging
import math
import os
import platform
import posixpath
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import yaml
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact
from tfx.utils import io_utils

from components.artifacts.golden import CONTRACT
from components.artifacts.model import TRAINING_FOLDER
from components.artifacts.reports import RUN_SO_FAR_FILE
from components.data_gate.config import DataGateConfig
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.nodes.run_report import SEARCH
from pipeline.report import page
from pipeline.report.collect import sections
from pipeline.report.data_facts import BASELINE, data_facts
from pipeline.report.facts import GateFact, NodeFact, ReportFacts, ReproduceFacts, RunFacts, State
from pipeline.report.gates import stored_gates
from pipeline.results.runs import KEY_PACKAGES, Gate, RunResult
from pipeline.results.store import StoredArtifact, StoredNode
from pipeline.runners.container_entrypoint import MOUNTS_VARIABLE
from pipeline.runners.step_notice import notice_of
from pipeline.selection import TUNER
from preprocessing.config import FeaturesConfig

Inputs = Mapping[str, Sequence[Artifact]]


class Given(Protocol):
    """What is read of an artifact."""

    uri: str

    @property
    def type_name(self) -> str:
        """The name of its type, as TFX has it."""


_MAKERS = {
    "statistics": ("StatisticsGen", "statistics"),
    "verdict": ("DataGate", "verdict"),
    "model": ("Trainer", "model"),
    "model_run": ("Trainer", "model_run"),
    "evaluation": ("Evaluator", "evaluation"),
    "model_blessing": ("Evaluator", "blessing"),
    "smoke_report": ("SmokeTest", "report"),
    **{name: (TUNER, name) for name in SEARCH},
}
"""The node and the output of it that each input of a step is."""
UNKNOWN = (
    "how long each step took and what came from the cache: the cluster's own page of the run shows it",
    "what differs from the run before: a step sees no other run",
    "what was set at submission (`--parameter`): the configuration below is that of the compiled file",
)
_SCHEMES = {"gcs": "gs", "s3": "s3", "minio": "minio"}

_log = logging.getLogger("lockgate")


def write(inputs: Inputs, uri: str, given: dict[str, Any]) -> None:
    """Writes the page. What goes wrong goes into the step's log, and onto the page where there is one: it fails no run.

    Args:
      inputs: the step's artifacts, by the names of `pipeline.nodes.run_report.RunReportSpec`.
      uri: of the file.
      given: `target`, `image`, `config` (all of it, or what the data gate knows), `graph` (the nodes so far, each with
        those that it waits for), `run` (the run's name, or "").
    """
    facts = None
    try:
        with tempfile.TemporaryDirectory() as folder:
            facts = run_so_far(inputs, given, Path(folder))
            text = page.render(facts)
    except Exception as error:  # noqa: BLE001 - a page that can't be drawn must not stop what it tells of
        _log.warning("the page of the run could not be written", exc_info=True)
        text = f"<!DOCTYPE html><title>No page</title><p>The page could not be written: {html.escape(str(error))}"
    try:
        fileio.makedirs(posixpath.dirname(uri))
        io_utils.write_string_file(uri, text)
        if facts is not None and _by_data_gate(given):
            io_utils.write_string_file(posixpath.join(inputs["verdict"][0].uri, RUN_SO_FAR_FILE), facts.to_json())
    except Exception:  # noqa: BLE001 - of whichever store it is
        _log.warning("the page of the run could not be stored at %s", uri, exc_info=True)
    if facts is not None:
        _tell(facts, given)


def _by_data_gate(given: Mapping[str, Any]) -> bool:
    """Whether it is the data gate that writes the page: it knows a part of the configuration."""
    return "train" not in given["config"]


def _tell(facts: ReportFacts, given: Mapping[str, Any]) -> None:
    """Tells the webhook of a refusal by the gates after the training; what the push becomes is its own step's to tell.

    Only the step Report has the whole configuration, and so the webhook: the data gate's page is of a refusal too, but
    DataStop tells of that.
    """
    stated = given["config"]
    if facts.run.state != "refused" or stated.get("notify") is None:
        return
    config = PipelineConfig.model_validate_json(json.dumps(stated))
    target = getattr(config.targets, given["target"])
    notice = None if target is None else notice_of(config, target)
    if notice is not None:
        measured = () if facts.evaluation is None else facts.evaluation.metrics
        notice.tell(
            "refused",
            given["run"],
            reason=facts.run.line.removeprefix("refused: "),
            gates=[each.model_dump(include={"name", "passed", "reason"}) for each in facts.run.gates],
            metrics={each.name: math.nan if each.candidate is None else each.candidate for each in measured},
        )


def run_so_far(inputs: Inputs, given: Mapping[str, Any], folder: Path) -> ReportFacts:
    """The facts that the inputs hold.

    Args:
      inputs: as in `write`.
      given: as in `write`.
      folder: for copies of what lies in a bucket.
    """
    nodes = given_nodes({name: listed[0] for name, listed in inputs.items() if listed}, folder)
    stated = given["config"]
    features = FeaturesConfig.model_validate_json(json.dumps(stated["features"]))
    blessings = inputs.get("model_blessing", ())
    blessed = all(each.get_int_custom_property("blessed") == 1 for each in blessings) if blessings else None
    gates = tuple(stored_gates(nodes, blessed=blessed))
    refusing = [each.name for each in gates if each.passed is False]
    whole = not _by_data_gate(given)
    run = RunFacts(
        id=_name(given["run"]),
        pipeline=stated["name"],
        task=features.label.task,
        began="",
        gates=gates,
        nodes=tuple(_shown(nodes, given["graph"], refusing)),
        unknown=UNKNOWN,
        **_verdict(gates, whole=whole),
    )
    reproduce = _reproduce(given)
    if whole:
        return sections(nodes, PipelineConfig.model_validate_json(json.dumps(stated)), run, reproduce)
    gate = DataGateConfig.model_validate_json(json.dumps(stated["data_gate"]))
    data = data_facts(nodes, features, gate, None)
    later = "it comes after the data gate, which wrote this page"
    names = ("training", "evaluation", "smoke_test")
    return ReportFacts(
        run=run,
        data=None if isinstance(data, str) else data,
        reproduce=reproduce,
        absent=dict.fromkeys(names, later) | ({"data": data} if isinstance(data, str) else {}),
    )


def given_nodes(given: Mapping[str, Given], folder: Path) -> dict[str, StoredNode]:
    """The nodes that made a step's inputs, with their artifacts as local folders.

    Args:
      given: the inputs by name.
      folder: for copies of what lies in a bucket.
    """
    outputs: dict[str, dict[str, tuple[StoredArtifact, ...]]] = {}
    for number, (name, (node, key)) in enumerate(_MAKERS.items()):
        if name in given:
            uri = _local(given[name].uri, folder / name, of_model=name == "model")
            outputs.setdefault(node, {})[key] = (StoredArtifact(number, given[name].type_name, uri),)
    read: dict[str, tuple[StoredArtifact, ...]] = {}
    if BASELINE in given:
        uri = _local(given[BASELINE].uri, folder / BASELINE, of_model=False)
        read = {BASELINE: (StoredArtifact(len(_MAKERS), given[BASELINE].type_name, uri),)}
    return {
        name: StoredNode(name, "done", 0.0, 0.0, inputs=read if name == "DataGate" else {}, outputs=made)
        for name, made in outputs.items()
    }


def _local(uri: str, copy: Path, *, of_model: bool) -> str:
    """The folder itself, or a copy of what the page needs of one in a bucket."""
    if "://" not in uri:
        return uri
    for part in (posixpath.dirname(CONTRACT), TRAINING_FOLDER) if of_model else ("",):
        source = posixpath.join(uri, part) if part else uri
        if fileio.exists(source):
            io_utils.copy_dir(source, str(copy / part))
    return str(copy)


def _verdict(gates: Sequence[GateFact], *, whole: bool) -> dict[str, Any]:
    """The state of the run, its line and the next step."""
    refusing = [each for each in gates if each.passed is False]
    if refusing:
        told = tuple(Gate(**each.model_dump()) for each in gates)
        next_step = {
            "DataGate": "correct the data, or the limits in data_gate; each finding below says how",
            "Evaluator": "improve the model, or change evaluate.thresholds",
            "SmokeTest": "correct the exported model; each failed check below has a hint",
        }[refusing[0].name]
        state: State = "refused"
        return {"state": state, "line": RunResult("refused", told).line(), "next_step": next_step}
    if whole:
        return {"state": "accepted", "line": "accepted: by every gate; the step Pusher comes next and keeps this page"}
    return {
        "state": "running",
        "line": "running: the data gate accepts the data; it wrote this page before the steps that come after it",
    }


def _shown(
    nodes: Mapping[str, StoredNode], graph: Mapping[str, Sequence[str]], refusing: Collection[str]
) -> Iterator[NodeFact]:
    """The nodes before this step, which are done, and those after it; some of them gates that refuse."""
    refused = bool(refusing)
    gate = {} if "DataGate" in graph else {"DataGate": tuple(graph)}
    for name, needs in {**graph, **gate}.items():
        made = nodes.get(name)
        later = name == "Pusher"
        yield NodeFact(
            name=name,
            state=("skipped" if refused else "waiting") if later else "done",
            verdict="refuses" if name in refusing else "",
            needs=tuple(needs),
            artifacts=tuple(_url(each.uri) for each in _all(made)) if made is not None else (),
        )


def _all(node: StoredNode) -> Iterator[StoredArtifact]:
    for artifacts in node.outputs.values():
        yield from artifacts


def _url(uri: str) -> str:
    """A folder that Kubeflow's launcher shows of a bucket by the bucket's own URL."""
    mounts = Path(os.environ.get(MOUNTS_VARIABLE, "/"))
    if not Path(uri).is_relative_to(mounts):
        return uri
    scheme, *rest = Path(uri).relative_to(mounts).parts
    return f"{_SCHEMES[scheme]}://{'/'.join(rest)}" if scheme in _SCHEMES else uri


def _name(run: str) -> str:
    """The run's name, where the cluster has put it in."""
    return run if run and not run.startswith("{{") else "of a cluster"


def _reproduce(given: Mapping[str, Any]) -> ReproduceFacts:
    config: Mapping[str, Any] = given["config"]
    return ReproduceFacts(
        command=f"lockgate submit pipeline.yaml --target {given['target']}",
        config=yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        seed=config.get("seed"),
        commit=None,
        dirty=None,
        image=given["image"],
        **versions(),
    )


def versions() -> dict[str, Any]:
    """What of `ReproduceFacts` is the image's."""
    return {
        "packages": {name: importlib.metadata.version(name) for name in KEY_PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }

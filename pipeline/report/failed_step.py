"""The page of a step that failed on a cluster: which step, why, the next step, and what came before it.

Written by the failing step itself, beside its outputs. It knows its inputs, its parameters and the steps behind it;
what the data gate found it reads from that gate's folder in the same run, where TensorFlow reaches it.
"""

from __future__ import annotations

import json
import logging
import posixpath
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.artifacts.reports import PAGE_FILE, RUN_SO_FAR_FILE
from pipeline.report import page
from pipeline.report.facts import GateFact, NodeFact, ReportFacts, ReproduceFacts, RunFacts
from pipeline.report.gates import stored_gates
from pipeline.report.on_cluster import UNKNOWN, Given, given_nodes, versions
from pipeline.runners.failure_page import Failure, StepSeen
from pipeline.runners.submit.outcome import DATA_STOP
from preprocessing.errors import UserError
from preprocessing.text import one_line, without_passwords

_GATE, _VERDICT = "DataGate", "verdict"
_ALSO_UNKNOWN = "how the steps ended that ran beside this one: the same page shows it"
_JUDGED = (_VERDICT, "evaluation", "smoke_report")
"""Inputs of late steps that hold the verdicts of gates."""

Read = TypeVar("Read")

_log = logging.getLogger("lockgate")


@dataclass
class _Folder:
    """An input, as `given_nodes` reads one."""

    uri: str
    type_name: str = ""


def write(failure: Failure, seen: StepSeen, given: Mapping[str, Any]) -> str:
    """Writes the page.

    Args:
      failure: why the step failed.
      seen: what the step sees of its run.
      given: `step`, `pipeline`, `target`, `image`, `graph` (the step and those behind it, each with those that it waits
        for) and `inputs` (the step and the output of it that each input is).

    Returns:
      Its URL: `report.html` beside the step's first output.

    Raises:
      UserError: the step has no outputs, and so no place in the store, or TensorFlow does not reach that.
      Exception: whatever TensorFlow says about the store.
    """
    if not seen.outputs:
        raise UserError(f"{given['step']} has no outputs, and so no folder in the store")
    uri = posixpath.join(posixpath.dirname(next(iter(seen.outputs.values())).rstrip("/")), PAGE_FILE)
    scheme, separator, _ = uri.partition("://")
    if separator and scheme != "gs":
        raise UserError(f"TensorFlow reaches no {scheme}://, where {given['step']} keeps its outputs")
    text = page.render(facts_of(failure, seen, given))
    fileio.makedirs(posixpath.dirname(uri))
    io_utils.write_string_file(uri, text)
    return uri


def facts_of(failure: Failure, seen: StepSeen, given: Mapping[str, Any]) -> ReportFacts:
    """The facts that the page shows; what can't be read is left out, and the step's log says so.

    Args:
      failure, seen, given: as in `write`.
    """
    step = given["step"]
    folder = _run_folder(next(iter(seen.outputs.values()), ""), step)
    earlier = _tried("what the data gate left", lambda: _run_so_far(folder), None)
    nothing: tuple[GateFact, ...] = ()
    gates = _tried("the verdicts of gates", lambda: tuple(_gates(seen)), nothing)
    gates = gates or (earlier.run.gates if earlier is not None else ())
    if not gates and DATA_STOP in given["graph"] and step != DATA_STOP:
        # Otherwise this step would not have begun.
        gates = (GateFact(name=_GATE, passed=True, reason="the data may be used; its own page says more"),)
    data = earlier.data if earlier is not None else None
    later = f"the page is of the step {step}, which failed, and shows what came before it"
    sections = ("training", "evaluation", "smoke_test", *(("data",) if data is None else ()))
    return ReportFacts(
        run=RunFacts(
            id=posixpath.basename(folder) or "of a cluster",
            pipeline=given["pipeline"],
            task=earlier.run.task if earlier is not None else None,
            state="failed",
            line=f"failed in {step}: {failure.reason}",
            error=failure.details,
            next_step=f"{failure.next_step}; then submit it again: what is done comes from the cluster's cache",
            began="",
            gates=gates,
            nodes=tuple(_nodes(seen, given, earlier)),
            unknown=(*UNKNOWN[:2], _ALSO_UNKNOWN),
        ),
        data=data,
        reproduce=ReproduceFacts(
            command=f"lockgate submit pipeline.yaml --target {given['target']}",
            config=_parameters(seen.parameters),
            step=step,
            seed=None,
            commit=None,
            dirty=None,
            image=given["image"],
            **versions(),
        ),
        absent=dict.fromkeys(sections, later),
    )


def _tried(what: str, read: Callable[[], Read], otherwise: Read) -> Read:
    """What is read, or the other thing where it can't be."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - of whichever store, and of another version's files
        _log.warning("report: %s can't be read: %s", what, one_line(f"{type(error).__name__}: {error}", 300))
        return otherwise


def _run_folder(output: str, step: str) -> str:
    """The folder of the run in the store, above the step's own; "" where the store is laid out in another way.

    Kubeflow has `<run>/<step>/<number>/<output>`, Vertex `<run>/<step>_<number>/<output>`.
    """
    folder = output.rstrip("/")
    for _ in range(3):
        folder, name = posixpath.split(folder)
        if name == step or name.startswith(f"{step}_"):
            return folder
    return ""


def _run_so_far(folder: str) -> ReportFacts | None:
    """What the data gate left in the same run; None where there is nothing, as where its result came from the cache."""
    if not folder or ("://" in folder and not folder.startswith("gs://")):
        return None
    for gate in _listed(folder):
        if gate != _GATE and not gate.startswith(f"{_GATE}_"):
            continue
        above = posixpath.join(folder, gate)
        for place in (above, *(posixpath.join(above, each) for each in _listed(above))):
            file = posixpath.join(place, _VERDICT, RUN_SO_FAR_FILE)
            if fileio.exists(file):
                return ReportFacts.model_validate_json(io_utils.read_string_file(file))
    return None


def _listed(folder: str) -> list[str]:
    """The names in a folder; those of folders without the slash that Google's storage gives them."""
    return sorted(each.rstrip("/") for each in fileio.listdir(folder)) if fileio.isdir(folder) else []


def _gates(seen: StepSeen) -> Iterator[GateFact]:
    """The verdicts among the inputs of a late step."""
    read: dict[str, Given] = {name: _Folder(seen.read[name]) for name in _JUDGED if name in seen.read}
    blessed = seen.marks.get("model_blessing", {}).get("blessed")
    with tempfile.TemporaryDirectory() as copies:
        nodes = given_nodes(read, Path(copies))
        yield from list(stored_gates(nodes, blessed=None if blessed is None else blessed == 1))


def _nodes(seen: StepSeen, given: Mapping[str, Any], earlier: ReportFacts | None) -> Iterator[NodeFact]:
    """The steps before this one, which are done, as the data gate knows them and as this one does; then itself."""
    made: dict[str, list[str]] = {}
    for name, (maker, _) in given["inputs"].items():
        if name in seen.inputs:
            made.setdefault(maker, []).append(seen.inputs[name])
    known = {each.name: each for each in earlier.run.nodes} if earlier is not None else {}
    step = given["step"]
    for name in dict.fromkeys([*known, *given["graph"]]):
        if name == step:
            continue
        before = known.get(name)
        needs = dict.fromkeys([*(before.needs if before is not None else ()), *given["graph"].get(name, ())])
        artifacts = dict.fromkeys([*(before.artifacts if before is not None else ()), *made.get(name, ())])
        yield NodeFact(name=name, state="done", needs=tuple(needs), artifacts=tuple(artifacts))
    yield NodeFact(name=step, state="failed", needs=tuple(given["graph"][step]))


def _parameters(parameters: Mapping[str, Any]) -> str:
    """The step's parameters as YAML, those that are JSON spelt out."""
    plain = {name: _plain(each) for name, each in parameters.items()}
    return without_passwords(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def _plain(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value

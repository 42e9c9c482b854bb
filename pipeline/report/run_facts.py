"""How a run went, from the run's folder and the metadata store, and what makes it again."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from components.artifacts.reports import REPORT_FILE
from components.artifacts.splits import SPLITS
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.report.facts import ChangeFact, GateFact, NodeFact, ReportFacts, ReproduceFacts, RunFacts, State
from pipeline.report.gates import stored_gates
from pipeline.results.listing import read_json, run_folders
from pipeline.results.operations import operations
from pipeline.results.runs import CONFIG_FILE, ENVIRONMENT_FILE, RESULT_FILE, Gate, RunResult
from pipeline.results.store import StoredNode
from preprocessing.errors import UserError

_RUNNING: dict[str, Any] = {"state": "running", "error": "the run has not ended, or was killed"}


def run_facts(folder: Path, nodes: Mapping[str, StoredNode], config: PipelineConfig) -> RunFacts:
    """How the run went.

    Args:
      folder: of the run, `<root>/runs/<id>`.
      nodes: of the run, from the metadata store.
      config: of the run.
    """
    result = read_json(folder / RESULT_FILE) or _RUNNING
    gates = tuple(GateFact.model_validate(each) for each in result.get("gates", ()))
    if "gates" not in result:
        # The run did not reach its end, and its result says nothing of them.
        gates = tuple(stored_gates(nodes))
    before = _before(folder)
    return RunFacts(
        id=folder.name,
        pipeline=config.name,
        task=config.features.label.task,
        state=result["state"],
        line=run_line(result, gates),
        error=result.get("error") or "",
        next_step=next_step(result, folder),
        began=moment(folder.name),
        gates=gates,
        nodes=tuple(_with_verdicts(_nodes(result, nodes), gates, refused=result["state"] == "refused")),
        before=None if before is None else before.name,
        changed=() if before is None else tuple(_changed(before, folder)),
        operations=operations_of(folder),
    )


def operations_of(folder: Path) -> tuple[str, ...]:
    """What was done with a run's model by hand, one sentence each, oldest first."""
    return tuple(each.line() for each in reversed(operations(folder.parent.parent)) if each.run == folder.name)


def moment(run_id: str) -> str:
    """`20261130T003350Z` or `20261130T003350Z-1` as ISO 8601."""
    digits = run_id.partition("Z")[0]
    date, _, clock = digits.partition("T")
    if len(date) != 8 or len(clock) != 6:
        return run_id
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}Z"


def run_line(result: Mapping[str, Any], gates: tuple[GateFact, ...] = ()) -> str:
    """How a run ended, in one line.

    Args:
      result: its result.json.
      gates: the verdicts, where they are not in that.
    """
    state: State = result["state"]
    if state in ("pushed", "refused", "stopped"):
        told = tuple(Gate(**each.model_dump()) for each in gates) or tuple(
            Gate(**each) for each in result.get("gates", ())
        )
        return RunResult(state, told, states=result.get("states", {}), pushed=result.get("pushed")).line()
    where = f" in {result['component']}" if result.get("component") else ""
    # Its other lines, among them the next step, are shown by themselves.
    [reason, *_] = (result.get("error") or "").splitlines() or ["no reason was recorded"]
    return f"{state}{where}: {reason}"


def next_step(result: Mapping[str, Any], folder: Path) -> str:
    """What to do about a run that pushed nothing; "" where there is nothing to do.

    Args:
      result: its result.json.
      folder: its folder.
    """
    data, smoke = result.get("data_gate") or {}, result.get("smoke_test") or {}
    if data.get("blessed") is False:
        if data.get("proposal"):
            return f"correct the data, or accept the proposed schema: lockgate accept-schema {shlex.quote(str(folder))}"
        return "correct the data, or the limits in data_gate; each finding below says how"
    if smoke.get("blessed") is False:
        return "correct the exported model; each failed check below has a hint"
    if any(each["name"] == "Pusher" for each in result.get("gates", ())):
        return f"change what made the model worse, or: lockgate push {shlex.quote(str(folder))} --force --reason TEXT"
    if result["state"] == "refused":
        return "the metrics below say which threshold does not hold: improve the model, or change evaluate.thresholds"
    if result.get("next_step"):
        return f"{result['next_step']}; then run the pipeline again: what is done comes from the cache"
    if result["state"] in ("failed", "interrupted", "running"):
        return "read the message below, and run the pipeline again: what is done comes from the cache"
    return ""


def _nodes(result: Mapping[str, Any], nodes: Mapping[str, StoredNode]) -> Iterator[NodeFact]:
    """Every node in the order of the graph; what the metadata store has not seen did not run."""
    states, seconds = result.get("states", {}), result.get("seconds", {})
    makers = {artifact.id: each.name for each in nodes.values() for artifact in _all(each.outputs)}
    first = min((each.began for each in nodes.values()), default=0.0)
    for name in dict.fromkeys([*states, *nodes]):
        node = nodes.get(name)
        took = seconds.get(name)
        if node is None:
            yield NodeFact(name=name, state=states.get(name, "skipped"), seconds=took or 0.0)
            continue
        needs = dict.fromkeys(makers[each.id] for each in _all(node.inputs) if each.id in makers)
        yield NodeFact(
            name=name,
            state=states.get(name, node.state),
            seconds=took if took is not None else round(node.ended - node.began, 2),
            began=round(node.began - first, 2),
            needs=tuple(each for each in needs if each != name),
            artifacts=tuple(each.uri for each in _all(node.outputs)),
        )


def _with_verdicts(nodes: Iterable[NodeFact], gates: Sequence[GateFact], *, refused: bool) -> Iterator[NodeFact]:
    """The nodes with what the gates said, which for TFX are done either way, as is a Pusher that pushed nothing."""
    refusing = {each.name for each in gates if each.passed is False}
    for node in nodes:
        said = "refuses" if node.name in refusing else "pushed nothing" if refused and node.name == "Pusher" else ""
        yield node.model_copy(update={"verdict": said if node.state in ("done", "cached") else ""})


def _all(channels: Mapping[str, tuple[Any, ...]]) -> list[Any]:
    return [artifact for artifacts in channels.values() for artifact in artifacts]


def _before(folder: Path) -> Path | None:
    """The folder of the run before."""
    return next((each for each in run_folders(folder.parent.parent) if each.name < folder.name), None)


def _changed(before: Path, now: Path) -> Iterator[ChangeFact]:
    """What differs: configuration, versions, commit."""
    for file, prefix in ((CONFIG_FILE, ""), (ENVIRONMENT_FILE, "environment: ")):
        old, new = (dict(flat(_any(each / file))) for each in (before, now))
        for name in dict.fromkeys([*old, *new]):
            # What the command line changed is in the configuration, and what the keys of the inputs stand for is shown
            # by itself.
            own = file == ENVIRONMENT_FILE and (name == "command" or name.startswith("inputs"))
            if old.get(name) != new.get(name) and not own:
                yield ChangeFact(what=prefix + name, old=old.get(name, "not there"), new=new.get(name, "not there"))


def data_changes(facts: ReportFacts, folder: Path) -> Iterator[ChangeFact]:
    """What differs in the data from the run before, as that one's report.json has it: rows by split, and columns."""
    if facts.run.before is None or facts.data is None:
        return
    try:
        earlier = read_json(folder.parent / facts.run.before / REPORT_FILE).get("data") or {}
    except UserError as error:
        yield ChangeFact(what="data", old=f"not known: {error.message}", new="")
        return
    if not earlier:
        return
    for split in SPLITS:
        rows = earlier.get("rows", {}).get(split, 0), facts.data.rows.get(split, 0)
        if rows[0] != rows[1]:
            yield ChangeFact(what=f"rows in {split}", old=str(rows[0]), new=str(rows[1]))
    had, has = ({each["name"] for each in earlier["features"]}, {each.name for each in facts.data.features})
    for name in sorted(had ^ has):
        old, new = ("there", "gone") if name in had else ("not there", "new")
        yield ChangeFact(what=f"column {name}", old=old, new=new)


def _any(file: Path) -> Any:
    text = file.read_text(encoding="utf-8") if file.is_file() else "{}"
    return yaml.safe_load(text)


def flat(content: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested data by their paths, as text."""
    if isinstance(content, dict) and content:
        for name, value in content.items():
            yield from flat(value, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(content, list) and any(isinstance(each, dict) for each in content):
        for i, value in enumerate(content):
            yield from flat(value, f"{prefix}[{i}]")
    else:
        yield prefix, json.dumps(content, ensure_ascii=False)


def reproduce_facts(folder: Path, nodes: Mapping[str, StoredNode]) -> ReproduceFacts:
    """What makes the run again."""
    environment = read_json(folder / ENVIRONMENT_FILE)
    return ReproduceFacts(
        command=shlex.join(environment.get("command", ())),
        config=(folder / CONFIG_FILE).read_text(encoding="utf-8"),
        seed=environment.get("seed", 0),
        commit=environment.get("git_commit"),
        dirty=environment.get("git_dirty"),
        packages=environment.get("packages", {}),
        python=environment.get("python", ""),
        platform=environment.get("platform", ""),
        lineage=tuple(_lineage(nodes)),
    )


def _lineage(nodes: Mapping[str, StoredNode]) -> Iterator[str]:
    """What the push was made from, from the push back to the examples."""
    makers = {artifact.id: each for each in nodes.values() for artifact in _all(each.outputs)}
    waiting = [nodes["Pusher"]] if "Pusher" in nodes else []
    seen: set[int] = set()
    while waiting:
        node = waiting.pop(0)
        for name, artifacts in node.inputs.items():
            for artifact in artifacts:
                if artifact.id not in seen:
                    seen.add(artifact.id)
                    yield f"{artifact.kind} {artifact.id} ({name} of {node.name}): {artifact.uri}"
                    waiting += [makers[artifact.id]] if artifact.id in makers else []

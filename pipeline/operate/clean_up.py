"""A clean-up of a root: what would go and what stays, by one rule; then it goes, and a kill loses nothing.

States first: an artifact that is marked for deletion is none that TFX's cache or a resolver would take. Then its files,
then it is deleted in the store too. So whatever a killed clean-up has marked, the next one finishes.
"""

import datetime
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from components.artifacts.reports import PAGE_FILE
from components.pusher.versions import versions
from pipeline.operate.inside import Inside
from pipeline.operate.leftovers import Leftover, leftovers, outside_leftovers
from pipeline.operate.retention import Keeper, kept, run_keeper
from pipeline.operate.stored import StoredPipeline
from pipeline.results.listing import read_json, run_folders
from pipeline.results.operations import NODES, operations
from pipeline.results.runs import CONFIG_FILE, KEPT_FOLDER, RESULT_FILE
from pipeline.results.space import size_of

Artifact = metadata_store_pb2.Artifact
_LOG, _COMPARISONS = "log.txt", f"{Path(PAGE_FILE).stem}-against-*.html"
_GONE = (Artifact.DELETED, Artifact.MARKED_FOR_DELETION)


@dataclass(frozen=True)
class Rule:
    """How much is kept.

    Attributes:
      runs: the newest runs.
      versions: the newest versions in the serving folder.
      age: seconds; younger runs are kept too. None keeps none for their age.
      records: whether the records of runs go too that nothing else is kept of.
    """

    runs: int
    versions: int
    age: int | None
    records: bool


@dataclass(frozen=True)
class Going:
    """An artifact that goes.

    Attributes:
      number: in the store.
      kind: its type.
      component, run: that made it.
      path: its folder.
      size: in bytes.
    """

    number: int
    kind: str
    component: str
    run: str
    path: Path
    size: int


@dataclass(frozen=True)
class Stays:
    """What one of those needs that stay: how many artifacts, and their bytes, that no one named before it needs."""

    name: str
    artifacts: int
    size: int


@dataclass(frozen=True)
class CleanUp:
    """What a clean-up does.

    Attributes:
      stays: why artifacts stay.
      going: the artifacts that go.
      finishing: how many of them an earlier clean-up, which was killed, has marked.
      leftovers: what killed executions left in the root, and what an earlier clean-up did not delete any more.
      outside: what killed processes left in the serving folder and in the temporary folder.
      records: of runs of which nothing else is kept.
      foreign: folders of artifacts that are not where the pipeline wrote them: never touched.
    """

    stays: tuple[Stays, ...] = ()
    going: tuple[Going, ...] = ()
    finishing: int = 0
    leftovers: tuple[Leftover, ...] = ()
    outside: tuple[Leftover, ...] = ()
    records: tuple[Leftover, ...] = ()
    foreign: tuple[str, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)

    def size(self) -> int:
        """All bytes that go."""
        parts: tuple[Sequence[Going | Leftover], ...] = (self.going, self.leftovers, self.outside, self.records)
        return sum(each.size for part in parts for each in part)


def began(run: str, stored: StoredPipeline) -> float:
    """When a run began, in seconds since 1970: its name says so; of another name the store's word counts."""
    try:
        moment = datetime.datetime.strptime(run[:16], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return min((stored.executions[each].create_time_since_epoch / 1000 for each in stored.of_run(run)), default=0.0)
    return moment.replace(tzinfo=datetime.UTC).timestamp()


def runs_of(root: Path, stored: StoredPipeline) -> list[str]:
    """The runs of the pipeline, newest first: those that the store knows, and those that ended before it did."""
    # A line, and not all of the YAML, which takes long of a thousand runs; a name that could be a number is quoted.
    lines = {f"name: {stored.name}", f"name: '{stored.name}'"}
    named = {
        folder.name
        for folder in run_folders(root)
        if lines & {*(folder / CONFIG_FILE).read_text(encoding="utf-8").splitlines()}
    }
    names = {
        *named,
        *(name for number, name in stored.runs.items() if stored.nodes.get(number) not in NODES.values()),
    } - {""}
    return sorted(names, key=lambda each: (began(each, stored), each), reverse=True)


def kept_runs(runs: Sequence[str], stored: StoredPipeline, rule: Rule) -> list[str]:
    """The runs that keep their artifacts, newest first."""
    young = time.time() - rule.age if rule.age is not None else None
    return [
        run for place, run in enumerate(runs) if place < rule.runs or (young is not None and began(run, stored) > young)
    ]


def clean_up(
    inside: Inside, stored: StoredPipeline, rule: Rule, others: Sequence[Keeper], base: str, *, idle: bool
) -> CleanUp:
    """What goes and what stays.

    Args:
      inside: the root.
      stored: what the store knows of the pipeline.
      rule: how much is kept.
      others: what stays besides runs.
      base: the serving folder.
      idle: whether no run is on; else what an execution left can't be told from what one is writing.

    Raises:
      OSError: a folder can't be read.
    """
    runs = runs_of(inside.root, stored)
    keeps = kept_runs(runs, stored, rule)
    reasons = kept(stored, [*(run_keeper(stored, run) for run in keeps), *others])
    going, foreign = _going(inside, stored, set(reasons))
    oldest = min((began(run, stored) for run in keeps), default=time.time())
    left: list[Leftover] = []
    if idle:
        left = list(leftovers(inside, stored, set(keeps), oldest))
        if inside.trash.exists():
            left.append(Leftover("trash", inside.trash, size_of(inside.trash)))
    states = {run: _state(inside.root, run) for run in runs}
    serves = _served_runs(inside.root, base) if rule.records else set()
    empty = [run for run in runs if run not in keeps and not _holds(stored, run, reasons)]
    return CleanUp(
        stays=tuple(_stays(inside, stored, reasons)),
        going=going,
        finishing=sum(stored.artifacts[each.number].state == Artifact.MARKED_FOR_DELETION for each in going),
        leftovers=tuple(left),
        outside=tuple(outside_leftovers(base)) if idle else (),
        records=tuple(_records(inside, empty, serves if rule.records else None)),
        foreign=foreign,
        states=states,
    )


def _going(inside: Inside, stored: StoredPipeline, stay: set[int]) -> tuple[tuple[Going, ...], tuple[str, ...]]:
    """The artifacts that go, the oldest first, and the folders of those that are not where the pipeline writes."""
    needed = {stored.artifacts[each].uri for each in stay}
    going, foreign = [], []
    for number, artifact in sorted(stored.artifacts.items()):
        doomed = artifact.state == Artifact.MARKED_FOR_DELETION or number not in stay
        if artifact.state == Artifact.DELETED or not doomed or number not in stored.makers:
            continue
        path = _place(inside, stored, number)
        if path is None or artifact.uri in needed:
            foreign.append(artifact.uri)
        else:
            node, run = stored.node_of(number), stored.run_of(number)
            going.append(Going(number, artifact.type, node, run, path, size_of(path)))
    return tuple(going), tuple(foreign)


def _place(inside: Inside, stored: StoredPipeline, number: int) -> Path | None:
    """The folder that one execution of this pipeline wrote one output to; None where the artifact is elsewhere."""
    path = Path(stored.artifacts[number].uri)
    # The file of a value, TFX's `ValueArtifact`, has its folder for itself.
    path = path.parent if path.name == "value" else path
    node, maker = stored.node_of(number), stored.makers[number]
    if not node or not inside.holds(path) or path.relative_to(inside.root).parts[0::2] != (node, str(maker)):
        return None
    return path


def _stays(inside: Inside, stored: StoredPipeline, reasons: Mapping[int, str]) -> Iterator[Stays]:
    artifacts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for number, name in reasons.items():
        if stored.artifacts[number].state not in _GONE:
            path = _place(inside, stored, number) if number in stored.makers else None
            artifacts[name] += 1
            sizes[name] += size_of(path) if path is not None else 0
    for name in dict.fromkeys(reasons.values()):
        yield Stays(name, artifacts[name], sizes[name])


def _state(root: Path, run: str) -> str:
    return str(read_json(root / "runs" / run / RESULT_FILE).get("state", "killed"))


def _holds(stored: StoredPipeline, run: str, reasons: Mapping[int, str]) -> bool:
    """Whether something that a run made stays."""
    return any(
        artifact in reasons and stored.makers[artifact] == each
        for each in stored.of_run(run)
        for artifact in stored.outputs.get(each, ())
    )


def _records(inside: Inside, runs: Sequence[str], serves: set[str] | None) -> Iterator[Leftover]:
    """What goes of the records of runs of which nothing else is kept: all but for those in `serves`; None for none."""
    for run in runs:
        folder = inside.root / "runs" / run
        paths = (
            [folder]
            if serves is not None and run not in serves and not _is_there(read_json(folder / RESULT_FILE).get("pushed"))
            else [folder / _LOG, folder / KEPT_FOLDER, *folder.glob(_COMPARISONS)]
        )
        yield from (Leftover("runs", path, size_of(path)) for path in paths if path.exists() and inside.holds(path))


def _served_runs(root: Path, base: str) -> set[str]:
    """The runs with a version that is still there, also by hand or by a rollback: their records tell where it is from.

    Raises:
      UserError, OSError: the serving folder, or the record of an operation, can't be read.
    """
    here = {each.manifest.made_from.run for each in versions(base) if each.manifest is not None}
    return here | {each.run for each in operations(root) if each.state == "done" and _is_there(each.version)}


def _is_there(version: str | None) -> bool:
    if not version:
        return False
    if "://" not in version:
        return Path(version).exists()
    from tfx.dsl.io import fileio  # seconds of TensorFlow that a folder does not need

    return bool(fileio.exists(version))

"""Kills commands with SIGKILL at moments that a seed chooses, runs them again, and compares what there is in the end.

A command is one line of `COMMANDS`. Each begins in a state that is made once and copied to the same place again and
again, because TFX's metadata store holds absolute paths.
"""

import hashlib
import json
import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.brief_pipeline import write_project, write_table
from support.fork_server import ForkServer
from support.janitor import left_over

from pipeline.results.operations import operations

_LOOKS_PER_SECOND = 200
_SECONDS_FOR_PROCESSES = 20


@dataclass(frozen=True)
class Command:
    """What is killed.

    Attributes:
      name: of the test.
      arguments: of `lockgate`, with {config}, {root}, {run} (the newest run's folder) and {folder}.
      start: the name of the state in which it begins.
      code: with which it ends where nobody kills it.
      again: with which it may end too, where it was killed when all was done.
      weight: how often it is killed, of one round.
      apart: whether another process does its work, so that only the time says how far that is.
      compare: what has to be equal in the end, besides what is compared after each.
    """

    name: str
    arguments: tuple[str, ...]
    start: str
    code: int = 0
    again: int | None = None
    weight: int = 1
    apart: bool = False
    compare: Callable[[Path], Any] = field(default=lambda _: None)


def _files(pattern: str) -> Callable[[Path], Any]:
    """Compares files byte by byte."""
    return lambda place: {str(each.relative_to(place)): digest(each) for each in place.glob(pattern) if each.is_file()}


COMMANDS = (
    Command("run", ("run", "{config}"), "project", weight=4),
    Command("second run", ("run", "{config}", "--set", "train.learning_rate=0.03"), "one run"),
    Command("refused run", ("run", "{config}", "--set", "data.path=other.csv"), "one run", code=3),
    Command(
        "short run", ("run", "{config}", "--to", "ExampleValidator", "--set", "data.split.eval=3"), "one run", weight=0
    ),
    Command("gc", ("gc", "{config}", "--keep", "0", "--yes"), "and a short one", weight=2),
    Command("gc with records", ("gc", "{root}", "--keep", "1", "--records", "--yes"), "two runs"),
    Command(
        "rollback",
        ("rollback", "{config}", "--reason", "a test", "--yes"),
        "two runs",
        again=1,  # there is nothing further back, where all was done
    ),
    Command(
        "tested run",
        ("run", "{config}", "--to", "SmokeTest", "--set", "train.learning_rate=0.04"),
        "one run",
        weight=0,
    ),
    # Evaluator gave no verdict on it.
    Command("push", ("push", "{run}", "--force", "--reason", "a test", "--yes"), "and a tested one"),
    Command(
        "resume",
        ("resume", "{run}", "--yes"),
        "killed run",
        again=1,  # the run that it made has ended as it should, where all was done
    ),
    Command(
        "predict",
        ("predict", "{config}", "--input", "{folder}/seeds.csv", "--output", "{folder}/out.csv"),
        "one run",
        again=1,  # it overwrites nothing
        compare=_files("out.csv"),
    ),
    Command(
        "watch",
        ("watch", "{config}", "--once", "--set", "watch.settle_seconds=1", "--set", "watch.poll_seconds=0.2"),
        "project",
        apart=True,
    ),
    Command("report", ("report", "{config}"), "one run"),
    Command("accept-schema", ("accept-schema", "{run}", "--yes"), "refused run", compare=_files("schema.pbtxt")),
    Command(
        "init",
        ("init", "made", "--data", "{folder}/seeds.csv", "--label", "kind"),
        "project",
        again=1,  # it overwrites nothing, where both files are there already
        compare=_files("made/*"),
    ),
)
STATES: Mapping[str, str] = {
    "one run": "run",
    "and a short one": "short run",
    "and a tested one": "tested run",
    "two runs": "second run",
    "refused run": "refused run",
}
"""Which command leaves which state."""
_KILLED = "killed run", "and a short one"
"""A state, and the one that it is made of: the newest run has not said how it ended."""


ROUND = [each for each in COMMANDS for _ in range(each.weight)]


def command(name: str) -> Command:
    """The command of a name."""
    return next(each for each in COMMANDS if each.name == name)


class Killing:
    """One place, the states that it can begin in, and what is killed there."""

    def __init__(self, folder: Path, server: ForkServer) -> None:
        self.place = folder / "place"
        self._states = folder / "states"
        self._printed = folder / "printed"
        self._server = server
        for each in (self._states, self._printed, folder / "tmp"):
            each.mkdir(exist_ok=True)
        self._environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
        self._undisturbed: dict[str, tuple[Any, dict[str, int], float]] = {}

    @property
    def root(self) -> Path:
        return self.place / "root"

    def begin(self, state: str) -> None:
        """Makes the place be in a state."""
        if state == _KILLED[0]:
            self.begin(_KILLED[1])
            max((self.root / "runs").glob("*/result.json")).unlink()
            return
        stored = self._states / state
        if not stored.exists():
            if state == "project":
                write_project(stored)
                write_table(stored / "other.csv", ("east", "west", "north"))
            else:
                self.undisturbed(command(STATES[state]))
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(stored, self.place, symlinks=True)

    def run(self, which: Command, moment: Mapping[str, Any] | None = None) -> int:
        """Runs a command, to its end or to the moment at which it is killed (-9)."""
        runs = sorted((self.root / "runs").glob("*/config.yaml"))
        names = {
            "config": self.place / "pipeline.yaml",
            "root": self.root,
            "run": runs[-1].parent if runs else "",
            "folder": self.place,
        }
        arguments = [each.format(**names) for each in which.arguments]
        for each in self._printed.iterdir():
            each.unlink()
        files = [self._printed / "stdout", self._printed / "stderr"]
        return self._server.lockgate(arguments, self._environment, self.place, *files, moment)

    def said(self) -> str:
        """What the last command printed."""
        return "".join(each.read_text(encoding="utf-8") for each in sorted(self._printed.iterdir()))

    def undisturbed(self, which: Command) -> tuple[Any, dict[str, int], float]:
        """What there is after the command when nobody kills it; its changes of files by place; and its seconds."""
        if which.name not in self._undisturbed:
            self.begin(which.start)
            record = self._printed.with_name("changes.json")
            began = os.times().elapsed
            assert self.run(which, {"place": str(self.place), "record": str(record)}) == which.code, self.said()
            seconds = os.times().elapsed - began
            self._undisturbed[which.name] = self.state(which), json.loads(record.read_text()), seconds
            for state in (name for name, made_by in STATES.items() if made_by == which.name):
                shutil.copytree(self.place, self._states / state, symlinks=True)
        return self._undisturbed[which.name]

    def moment(self, which: Command, seed: int) -> dict[str, Any]:
        """When it is killed: before a change of a file in a place that is drawn first, or after a time."""
        _, changes, seconds = self.undisturbed(which)
        draw = random.Random(f"{which.name} {seed}")  # noqa: S311 - no secret
        if draw.random() < 0.3 or which.apart:
            return {"place": str(self.place), "after": draw.uniform(0.05, 0.95) * seconds}
        group = draw.choice(sorted(changes))
        return {"place": str(self.place), "at": (group, draw.randint(1, changes[group]))}

    def state(self, which: Command) -> Any:
        """All that has to be the same in the end, apart from numbers of executions and from times."""
        return {
            "serving": _models(self.root / "serving"),
            "run": _newest_result(self.root),
            "artifacts": live_artifacts(self.root),
            "champion": _champion(self.root),
            "done by hand": [each.kind for each in operations(self.root) if each.state == "done"],
            "own": which.compare(self.place),
        }

    def processes(self) -> list[str]:
        """What still runs of a command that was killed, after the time that its processes need to notice that."""
        ended = threading.Event()
        for _ in range(_SECONDS_FOR_PROCESSES * 10):
            left = [command for _, command in left_over(self.place.parent)]
            if not left:
                break
            ended.wait(0.1)
        return left

    def temporary(self) -> list[str]:
        """Hidden folders and temporary ones that are left, TFX's own empty ones aside."""
        hidden = [each for each in self.place.rglob(".*") if each.name not in (".lock", ".system")]
        system = list(self.root.glob("*/.system/*/*"))
        return sorted(map(str, [*hidden, *system, *(self.place.parent / "tmp").iterdir()]))

    @contextmanager
    def reader(self) -> Iterator[list[str]]:
        """A reader of the serving folder beside what is done inside; the list gets each version that it saw half."""
        half: list[str] = []
        ended = threading.Event()

        def read() -> None:
            seen: dict[str, dict[str, str]] = {}
            while not ended.wait(1 / _LOOKS_PER_SECOND):
                for version in (self.root / "serving").glob("[0-9]*"):
                    if version.name not in seen:
                        seen[version.name] = _digests(version)
            for name, files in seen.items():
                if files != _digests(self.root / "serving" / name):
                    half.append(name)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield half
        finally:
            ended.set()
            thread.join()


def live_artifacts(root: Path) -> dict[str, list[tuple[str, ...]]]:
    """The files of each live artifact, by component and output; all of them have to be there."""
    # Here, and not at the top: what only looks at the table of commands need not import it.
    from pipeline.operate.stored import connection, pipelines, stored_pipeline

    found: dict[str, list[tuple[str, ...]]] = {}
    if not (root / "metadata.sqlite").is_file():
        return found
    store = connection(root)
    for name in pipelines(store):
        for artifact in stored_pipeline(store, name).live().values():
            folder = Path(artifact.uri)
            assert folder.exists(), f"lost: {folder}"
            names = sorted(_without_times(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())
            found.setdefault("/".join(folder.parts[-3:-1]), []).append(tuple(names))
    # A gate judges once more where the killed run had pushed already: the push is the champion then.
    return {name: sorted(set(files)) for name, files in sorted(found.items())}


def _champion(root: Path) -> dict[str, str] | None:
    """The files of the model that the next run's candidate is compared with; None for none."""
    from pipeline.operate.keepers import found_next
    from pipeline.operate.stored import connection, pipelines, stored_pipeline

    if not (root / "metadata.sqlite").is_file():
        return None
    store = connection(root)
    for name in pipelines(store):
        stored = stored_pipeline(store, name)
        for keeper in found_next(store, stored, "none"):
            models = [stored.artifacts[each] for each in keeper.needs if stored.artifacts[each].type == "Model"]
            return _digests(Path(models[0].uri) / "Format-Serving")
    return None


def _without_times(path: Path) -> str:
    # TensorBoard's files are named after the second and the process.
    return path.as_posix().partition("events.out")[0]


def _digests(folder: Path) -> dict[str, str]:
    return {
        each.relative_to(folder).as_posix(): digest(each)
        for each in sorted(folder.rglob("*"))
        if each.is_file() and "assets.extra" not in each.parts
    }


def _models(folder: Path) -> list[dict[str, str]]:
    """The files of each version."""
    versions = sorted((each for each in folder.glob("[0-9]*")), key=lambda each: int(each.name))
    return [_digests(each) for each in versions]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _newest_result(root: Path) -> Any:
    runs = sorted(each.parent for each in (root / "runs").glob("*/result.json"))
    if not runs:
        return None
    result = json.loads((runs[-1] / "result.json").read_text(encoding="utf-8"))
    gates = [(each["name"], each["passed"]) for each in result.get("gates", ())]
    return {"state": result["state"], "metrics": result.get("metrics"), "gates": gates}

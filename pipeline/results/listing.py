"""The runs of a root, newest first, from their folders alone. Nothing heavy is imported."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.config.loader import load
from pipeline.results.operations import operations
from pipeline.results.runs import CONFIG_FILE, RESULT_FILE, held_by
from preprocessing.errors import UserError

CLEANED_FILE = "cleaned.json"
"""In the folder of a run whose artifacts a clean-up has removed: how many, of which components, and when."""
_DEFAULTS = ("pipeline.yaml", "output")
_RUN_ID = re.compile(r"\d{8}T\d{6}Z(-\d+)?")
"""As `pipeline.results.runs.RunRecord` makes them."""


@dataclass(frozen=True)
class RunLine:
    """One run in the list.

    Attributes:
      id: of the run.
      state: `pushed`, also by hand, `refused`, `stopped`, `failed`, `interrupted`; without an end `running` or
        `killed`, see `without_end`.
      why: the gate that refused it, or the error's first line; also of one that was pushed by hand after it.
      metrics: on the test split.
      seconds: of all components together.
      cached: how many components came from the cache, of how many that ran.
      pushed: the version's folder; "" for none.
    """

    id: str
    state: str
    why: str
    metrics: dict[str, float | None]
    seconds: float
    cached: int
    ran: int
    pushed: str

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def run_folders(root: Path) -> list[Path]:
    """The folders of all runs, newest first: their names begin with the moment."""
    runs = root / "runs"
    folders = [each for each in runs.iterdir() if (each / CONFIG_FILE).is_file()] if runs.is_dir() else []
    return sorted(folders, key=lambda each: each.name, reverse=True)


def without_end(folder: Path) -> Literal["running", "killed"]:
    """The state of a run that has stored no result.

    One at a time runs in a root, so it is the newest one that may be running, and only while a process holds the root:
    a clean-up that holds it passes for the run.

    Args:
      folder: of the run, `<root>/runs/<id>`.
    """
    root = folder.parent.parent
    if folder != run_folders(root)[0]:
        return "killed"
    try:
        return "killed" if held_by(root) is None else "running"
    except OSError:
        return "running"  # who may only read the root can't ask


def listed_runs(root: Path) -> Iterator[RunLine]:
    """One line for each run, newest first.

    Raises:
      UserError: a result, or the record of a push by hand, is damaged.
    """
    by_hand = {each.run: each.version for each in operations(root) if (each.kind, each.state) == ("push", "done")}
    for folder in run_folders(root):
        result = read_json(folder / RESULT_FILE)
        states = result.get("states", {})
        ran = [state for state in states.values() if state in ("done", "cached")]
        refusing = [each["name"] for each in result.get("gates", ()) if each.get("passed") is False]
        error = (result.get("error") or "").partition("\n")[0]
        state = result.get("state") or without_end(folder)
        pushed = result.get("pushed") or by_hand.get(folder.name, "")
        yield RunLine(
            id=folder.name,
            state="pushed" if pushed else state,
            why=", ".join(refusing) or error,
            metrics=result.get("metrics", {}),
            seconds=round(sum(result.get("seconds", {}).values()), 1),
            cached=ran.count("cached"),
            ran=len(ran),
            pushed=pushed,
        )


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object of a run's folder; empty where the file is not there: the run has not ended, or was killed.

    Raises:
      UserError: it holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise UserError(f"{file}: expected JSON: {error}", hint="the file is damaged: run the pipeline again") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: expected a JSON object", hint="the file is damaged: run the pipeline again")
    return content


def root_of(place: Path | None) -> Path:
    """The root that is meant by a configuration, by itself, or by nothing.

    Args:
      place: pipeline.yaml, or a root; None looks for `pipeline.yaml` and `output` in the current folder.

    Raises:
      UserError: there is none.
    """
    if place is None:
        place = next((Path(name) for name in _DEFAULTS if Path(name).exists()), None)
        if place is None:
            raise UserError(
                "no run was named, and the current folder has neither pipeline.yaml nor output",
                hint="give a run's folder, a root, or a pipeline.yaml",
            )
    if place.is_file():
        return load(place).root()
    if not place.is_dir():
        raise UserError(f"{place}: no such file or folder", hint="give a run's folder, a root, or a pipeline.yaml")
    return place


def named_run(place: Path | None) -> Path | None:
    """The folder of the run that is named, by its folder or by its id; None for anything else.

    An id is looked for in the root of the current folder: of its `pipeline.yaml`, or `output`.

    Raises:
      UserError: there is no run of this id.
    """
    if place is None or place.exists():
        return place.resolve() if place is not None and (place / CONFIG_FILE).is_file() else None
    if not _RUN_ID.fullmatch(str(place)):
        return None
    folder = root_of(None) / "runs" / place
    if not (folder / CONFIG_FILE).is_file():
        raise UserError(f"{folder}: no such run", hint="lockgate runs ROOT lists them; give the run's folder")
    return folder.resolve()


def run_of(place: Path | None) -> Path:
    """The folder of the run that is meant: itself, by folder or id, or the newest run of a root or a configuration.

    Raises:
      UserError: there is none.
    """
    if (named := named_run(place)) is not None:
        return named
    root = root_of(place)
    folders = run_folders(root)
    if not folders:
        raise UserError(f"{root}: no run was made there", hint="lockgate run CONFIG makes one")
    return folders[0].resolve()

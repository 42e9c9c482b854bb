"""What was tried before, from the records of the root's runs: a restarted watcher knows what the one before it did."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.results.inputs import InputKeys
from pipeline.results.listing import read_json, run_folders
from pipeline.results.runs import ENVIRONMENT_FILE, RESULT_FILE

_NOT_TRIED = ("stopped", "interrupted")
"""States of runs that neither succeeded nor failed: somebody wanted no more of them."""


@dataclass(frozen=True)
class Tried:
    """What became of the newest runs on the same inputs.

    Attributes:
      state: `pushed` or `refused`; `failed`; "" where the newest run had other inputs.
      failures: runs on these inputs that failed since the last one that did not.
      ended: when the last of them ended, seconds since 1970; 0 where none failed.
      why: of the last failure, in one line.
    """

    state: str = ""
    failures: int = 0
    ended: float = 0.0
    why: str = ""


def tried(root: Path, keys: InputKeys) -> Tried:
    """Looks through the runs of a root in which none is running, newest first.

    Args:
      root: of the runs.
      keys: of what there is now.

    Raises:
      UserError: a record is damaged.
    """
    failures, ended, why = 0, 0.0, ""
    for folder in run_folders(root):
        result = read_json(folder / RESULT_FILE)
        state = result.get("state", "killed")
        if state in _NOT_TRIED:
            continue
        if read_json(folder / ENVIRONMENT_FILE).get("inputs") != keys.to_json():
            break
        if state in ("pushed", "refused"):
            return Tried("failed", failures, ended, why) if failures else Tried(state)
        if not failures:
            file = folder / RESULT_FILE
            ended = (file if file.exists() else folder).stat().st_mtime
            why = (result.get("error") or "it was killed").partition("\n")[0]
        failures += 1
    return Tried("failed", failures, ended, why) if failures else Tried()


def newest(root: Path) -> str:
    """The id of the newest run; "" where there is none."""
    return next((folder.name for folder in run_folders(root)), "")

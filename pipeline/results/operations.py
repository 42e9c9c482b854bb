"""The records of pushes by hand and of rollbacks, below the root: `operations/<id>/operation.json`, never removed.

Nothing heavy is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.files.whole_file import write_whole
from pipeline.results.runs import new_folder
from preprocessing.errors import UserError

FOLDER = "operations"
"""In the root."""
FILE = "operation.json"
Kind = Literal["push", "rollback"]
NODES: dict[Kind, str] = {"push": "Push", "rollback": "Rollback"}
"""The nodes that the metadata store knows them by: what they do is not a run."""
State = Literal["begun", "done", "refused", "failed", "abandoned"]


class Operation(BaseModel):
    """One push by hand, or one rollback."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    id: str
    """The name of its folder, which begins with the moment."""
    kind: Kind
    state: State
    """`begun` where it has not ended, or was killed; `abandoned`: it was killed before the version was there."""
    by: str
    """Who did it, `user@host`."""
    reason: str = ""
    pipeline: str
    run: str = ""
    """The run whose model it is; "" where nobody knows."""
    serving: str
    """The serving folder."""
    forced_over: tuple[str, ...] = ()
    """The gates that refused the model."""
    rolled_back_from: str = ""
    bytes_of: str = ""
    """In a rollback the version that was served, and the one whose files are served again."""
    model: int | None = None
    """The Model's number in the metadata store."""
    in_store: bool = True
    """Whether the metadata store is told of it: a cluster's serving folder is none of its business."""
    version: str = ""
    """The version's folder; "" until it is there."""
    why: str = ""
    """Why it was refused, or what it failed with."""

    def line(self) -> str:
        """The operation in one sentence."""
        what = "pushed by hand" if self.kind == "push" else f"rolled back from {self.rolled_back_from}"
        forced = f" over {' and '.join(self.forced_over)}" if self.forced_over else ""
        why = f": {self.why}" if self.why else ""
        ended = f" as {self.version}" if self.state == "done" else f": {self.state}{why}"
        reason = f"; reason: {self.reason}" if self.reason else ""
        return f"{self.id}: {what}{forced}{ended}, by {self.by}{reason}"


def begin(root: Path, operation: Operation) -> Operation:
    """Stores a new operation, and gives it its id.

    Raises:
      OSError: the root can't be written.
    """
    number, _ = new_folder(root / FOLDER)
    begun = operation.model_copy(update={"id": number})
    store(root, begun)
    return begun


def store(root: Path, operation: Operation) -> None:
    """Writes an operation's record, whole or not at all.

    Raises:
      OSError: it can't be written.
    """
    write_whole(root / FOLDER / operation.id / FILE, operation.model_dump_json(indent=1) + "\n")


def operations(root: Path) -> list[Operation]:
    """All of a root, newest first.

    Raises:
      UserError: a record is damaged.
    """
    found = []
    for file in sorted((root / FOLDER).glob(f"*/{FILE}"), reverse=True):
        try:
            found.append(Operation.model_validate_json(file.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise UserError(
                f"{file}: not the record of an operation: {error.errors()[0]['msg']}",
                hint="restore the file from a backup, or move its folder away",
            ) from None
    return found

"""Writes the manifest of a version that is about to be pushed, and its signature."""

import datetime
import getpass
import hashlib
import importlib.metadata
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from components.artifacts.version_manifest import (
    MANIFEST,
    SIGNATURE,
    FileEntry,
    How,
    Provenance,
    PushRecord,
    RollbackRecord,
    VersionManifest,
    WithdrawnModel,
    model_digest,
)
from components.pusher.config import SigningConfig
from components.pusher.signing import sign

Complete = Callable[[Mapping[str, FileEntry], Path], None]
"""Given a version's files and a folder, writes what belongs to the version besides into the folder."""


def completing(
    made_from: Provenance,
    pushed: PushRecord,
    signing: SigningConfig | None,
    *,
    earlier: tuple[PushRecord, ...] = (),
    rollback: RollbackRecord | None = None,
    withdrawn: Sequence[WithdrawnModel] | None = None,
) -> Complete:
    """What completes a version: its manifest, signed where that is asked for.

    Args:
      made_from: what the run knows of the model.
      pushed: by whom and why.
      signing: the commands; None signs nothing.
      earlier, rollback: as in `VersionManifest`.
      withdrawn: what is withdrawn then, see `components.pusher.withdrawn.withdrawn_with`; but for the model that is
        pushed. None tells nothing of that.

    Returns:
      A function that raises UserError where the signing fails, and OSError where a file can't be written.
    """

    def complete(files: Mapping[str, FileEntry], folder: Path) -> None:
        own = model_digest(files)
        manifest = VersionManifest(
            lockgate=importlib.metadata.version("lockgate"),
            made_from=made_from,
            pushed=pushed,
            earlier=earlier,
            rollback=rollback,
            withdrawn=None if withdrawn is None else tuple(each for each in withdrawn if each.model != own),
            files=dict(sorted(files.items())),
        )
        written = folder / MANIFEST
        written.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(written, manifest.to_json())
        if signing is not None:
            sign(written, folder / SIGNATURE, signing)
            _sync(folder / SIGNATURE)

    return complete


def pushed_now(how: How, *, operation: str = "", reason: str = "", forced_over: tuple[str, ...] = ()) -> PushRecord:
    """The record of a push by this process, at this moment.

    Args:
      how, operation, reason, forced_over: as in `PushRecord`.
    """
    moment = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return PushRecord(how=how, at=moment, by=who(), operation=operation, reason=reason, forced_over=forced_over)


def entry(path: Path) -> FileEntry:
    """Size and hash of a file on this machine.

    Raises:
      OSError: it can't be read.
    """
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return FileEntry(size=path.stat().st_size, sha256=digest)


def who() -> str:
    """`user@host` of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _write_durably(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    _sync(file)


def _sync(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())

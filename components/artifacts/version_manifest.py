"""The manifest of a pushed version: what is in it, what it was made from, who pushed it and what the gates said."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from components.artifacts.pushed_version import FOLDER, is_part_of_model

MANIFEST = posixpath.join(FOLDER, "manifest.json")
"""In a version's folder. It travels with the version, and is not part of the model."""
SIGNATURE = f"{MANIFEST}.sig"
"""Beside it, where `push.signing` is configured."""

How = Literal["run", "push", "rollback"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class FileEntry(_Part):
    """One file of a version."""

    size: Annotated[int, Field(ge=0)]
    """Its size in bytes."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class GateVerdict(_Part):
    """What one gate said of the model."""

    name: str
    passed: bool | None
    """None where it found something and stops nothing."""
    reason: str


class SourceFile(_Part):
    """One file of the table."""

    file: str
    rows: int
    digest: str
    """The sum of the hashes of its rows: the same for the same rows in another order or format."""


class DataOrigin(_Part):
    """The data that the model was trained on, as ExampleGen read it."""

    span: int | None = None
    version: int | None = None
    """The span's version."""
    fingerprint: str = ""
    """TFX's: a line for each split, from number, sizes and times of the files."""
    rows: dict[str, int] = {}
    """The rows by split."""
    digest: str = ""
    """The sum of the digests of all files, 16 hexadecimal digits: the same rows give the same one."""
    files: tuple[SourceFile, ...] = ()
    """The first of them."""
    file_count: int = 0


class Provenance(_Part):
    """What a version was made from: the part of a manifest that the run knows."""

    pipeline: str = ""
    run: str = ""
    """The run's id; on a cluster the name of the job."""
    commit: str | None = None
    """The one of the repository around the configuration; None outside one."""
    dirty: bool | None = None
    """Whether files under version control were changed."""
    image: str = ""
    """The container image, on a cluster."""
    config_sha256: str = ""
    """The hash of the run's config.yaml, every default in it; "" on a cluster."""
    data: DataOrigin | None = None
    gates: tuple[GateVerdict, ...] = ()
    metrics: dict[str, FiniteFloat | None] = {}
    """On the test split, in the Evaluator's order; the first stands for the model's quality."""


class PushRecord(_Part):
    """How the version came into the serving folder."""

    how: How
    at: str
    """The moment, ISO 8601 in UTC."""
    by: str
    """Who pushed it, `user@host`."""
    operation: str = ""
    """The record of the command under the root, `operations/<id>`; "" for a run's own push."""
    reason: str = ""
    forced_over: tuple[str, ...] = ()
    """The gates that refused the model, or gave no verdict, where it was pushed all the same."""


class RollbackRecord(_Part):
    """What a rollback went back from, and to."""

    rolled_back_from: str
    """The version that was served."""
    bytes_of: str
    """The version whose files these are."""
    smoke_test: GateVerdict
    """The verdict on the old files, on the rows of that day."""


class WithdrawnModel(_Part):
    """A model that a rollback withdrew and nobody has pushed since."""

    version: str
    """The version that it was."""
    model: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Its digest, see `model_digest`."""
    rollback: str = ""
    """The version that the rollback made; "" for the one that tells of it."""
    at: str
    by: str
    reason: str = ""
    """When, by whom and why it was rolled back, as in `PushRecord`."""


class VersionManifest(_Part):
    """Everything that is known of a version. The same push gives the same content but for `pushed` and the run's id."""

    format: Literal[1] = 1
    """The version of this form of the file."""
    lockgate: str
    """The version of Lockgate that pushed."""
    made_from: Provenance
    pushed: PushRecord
    earlier: tuple[PushRecord, ...] = ()
    """Before a rollback: how the same files came into the serving folder before, oldest first."""
    rollback: RollbackRecord | None = None
    withdrawn: tuple[WithdrawnModel, ...] | None = None
    """Every model that is withdrawn when this version is served, so that it is known when the folders of the versions
    are gone; None where it was pushed by a Lockgate that did not tell, or by other means than `completing`."""
    files: dict[str, FileEntry]
    """Every other file of the version but the signature, by its path in it."""

    def to_json(self) -> str:
        """The content of `MANIFEST`."""
        return self.model_dump_json(indent=1) + "\n"

    def forced(self) -> tuple[PushRecord, ...]:
        """The pushes of these files, this one and earlier ones, that were forced over a refusal."""
        return tuple(each for each in (*self.earlier, self.pushed) if each.forced_over)


def is_listed(name: str) -> bool:
    """Whether a file of a version, by its path in it, stands in the manifest."""
    return name not in (MANIFEST, SIGNATURE)


def model_digest(files: Mapping[str, FileEntry]) -> str:
    """SHA-256 over path and hash of each file that is part of the model: equal models have equal ones.

    Args:
      files: of a version or of a SavedModel's folder, by path in it.
    """
    lines = [f"{each.sha256} {name}\n" for name, each in sorted(files.items()) if is_part_of_model(name)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def differences(manifest: VersionManifest, found: Mapping[str, FileEntry]) -> list[str]:
    """What is not as the manifest says: a file that is missing, that was added, or whose bytes differ.

    Args:
      manifest: of the version.
      found: its files now, without manifest and signature.
    """
    said = manifest.files
    told = [f"{name}: missing" for name in sorted(said.keys() - found.keys())]
    told += [f"{name}: added after the push" for name in sorted(found.keys() - said.keys())]
    for name in sorted(said.keys() & found.keys()):
        if said[name].size != found[name].size:
            told.append(f"{name}: {found[name].size:,} bytes, expected {said[name].size:,}")
        elif said[name].sha256 != found[name].sha256:
            told.append(f"{name}: its content differs (sha256 {found[name].sha256[:12]}, not {said[name].sha256[:12]})")
    return told

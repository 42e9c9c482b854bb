"""The versions in a serving folder, on this machine or in a bucket: which are there, and whether their bytes are."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from components.artifacts.model import SAVED_MODEL
from components.artifacts.pushed_version import is_part_of_model
from components.artifacts.version_manifest import MANIFEST, SIGNATURE, FileEntry, VersionManifest, differences
from components.pusher.config import SigningConfig
from components.pusher.push import listed_files
from components.pusher.signing import why_not_verified
from preprocessing.errors import UserError


@dataclass(frozen=True)
class Version:
    """One numbered version.

    Attributes:
      name: its number.
      path: its folder or URL.
      complete: whether a server would take it: it has `saved_model.pb`.
      manifest: None where it has none that can be read.
      problem: why it has none; "" where it has.
    """

    name: str
    path: str
    complete: bool
    manifest: VersionManifest | None
    problem: str = ""


def versions(base: str) -> list[Version]:
    """Those in a serving folder, the highest number first; none where it is not there.

    Args:
      base: the folder, or its URL.

    Raises:
      UserError: it is a file, or the bucket can't be read.
      OSError: the folder can't be read.
    """
    names = [name for name in _names(base) if name.isascii() and name.isdecimal()]
    return [read_version(posixpath.join(base, name)) for name in sorted(names, key=int, reverse=True)]


def read_version(path: str) -> Version:
    """One version by its folder or URL.

    Raises:
      OSError, tensorflow.errors.OpError: it can't be read.
    """
    manifest, problem = None, ""
    text = _text(posixpath.join(path, MANIFEST))
    if text is None:
        problem = "no manifest: it was pushed by other means than this version of Lockgate, or the file was removed"
    else:
        try:
            manifest = VersionManifest.model_validate_json(text)
        except ValidationError as error:
            problem = f"the manifest can't be read ({error.errors()[0]['msg']}): damaged, or of a newer Lockgate"
    return Version(posixpath.basename(path), path, _exists(posixpath.join(path, SAVED_MODEL)), manifest, problem)


def served(found: Sequence[Version]) -> Version | None:
    """The one that a server takes, and on a cluster the champion: the highest number that is complete."""
    return next((each for each in found if each.complete), None)


def standing(found: Sequence[Version]) -> Iterator[Version]:
    """The served version, and behind it those that one rollback after the other goes to, each with another model.

    What was rolled back from is none of them, nor what was served between a rollback and the version that it went back
    to: as in `pipeline.nodes.pushes.standing_pushes`.

    Args:
      found: see `versions`.

    Raises:
      OSError, tensorflow.errors.OpError: the files of a version without a manifest can't be read.
    """
    withdrawn = {each.manifest.rollback.rolled_back_from for each in found if each.manifest and each.manifest.rollback}
    models: list[dict[str, FileEntry]] = []
    below: int | None = None
    for each in found:
        if not each.complete or (below is not None and int(each.name) >= below):
            continue
        if each.manifest is not None and each.manifest.rollback is not None:
            below = int(each.manifest.rollback.bytes_of) + 1
        if each.name not in withdrawn and (model := model_files(each)) not in models:
            models.append(model)
            yield each


def checked(version: Version, signing: SigningConfig | None) -> list[str]:
    """What is wrong with a version's files: each that changed, is missing or was added, and a signature that is bad.

    Args:
      version: which.
      signing: has the command; None looks at no signature.

    Raises:
      OSError, tensorflow.errors.OpError: a file can't be read.
    """
    if version.manifest is None:
        return [version.problem]
    found = differences(version.manifest, files_of(version.path))
    return found if signing is None else [*found, *_signature(version.path, signing)]


def is_signed(version: Version) -> bool:
    """Whether a version has a signature, good or bad."""
    return _exists(posixpath.join(version.path, SIGNATURE))


def files_of(path: str) -> dict[str, FileEntry]:
    """Size and hash of each file that belongs into the manifest, by its path in the version."""
    if "://" not in path:
        return listed_files(Path(path))
    from components.pusher.remote import remote_files

    return remote_files(path)


def model_files(version: Version | str) -> dict[str, FileEntry]:
    """The files of the model itself: two versions with the same ones answer alike.

    Args:
      version: one of a serving folder, whose manifest is believed; or the folder of a SavedModel.

    Raises:
      OSError, tensorflow.errors.OpError: a file can't be read.
    """
    if isinstance(version, str):
        files = files_of(version)
    else:
        files = version.manifest.files if version.manifest is not None else files_of(version.path)
    return {name: each for name, each in files.items() if is_part_of_model(name)}


def _signature(path: str, signing: SigningConfig) -> list[str]:
    if not _exists(posixpath.join(path, SIGNATURE)):
        return [f"{SIGNATURE}: missing, and push.signing is configured"]
    with tempfile.TemporaryDirectory(prefix="lockgate-verify-") as folder:
        manifest, signature = Path(path, MANIFEST), Path(path, SIGNATURE)
        if "://" in path:
            from tfx.utils import io_utils

            manifest, signature = Path(folder, manifest.name), Path(folder, signature.name)
            for name, copy in ((MANIFEST, manifest), (SIGNATURE, signature)):
                io_utils.copy_file(posixpath.join(path, name), str(copy))
        why = why_not_verified(manifest, signature, signing)
    return [f"{SIGNATURE}: not verified by {signing.verify[0]}: {why}"] if why else []


def _names(base: str) -> list[str]:
    if "://" in base:
        import tensorflow as tf
        from tfx.dsl.io import fileio

        try:
            return [name.rstrip("/") for name in fileio.listdir(base)] if fileio.exists(base) else []
        except tf.errors.OpError as error:
            hint = "check the name, and sign in: gcloud auth application-default login"
            raise UserError(f"{base}: can't be read: {error.message}", hint=hint) from error
    folder = Path(base)
    if folder.is_file():
        raise UserError(
            f"{base}: expected a serving folder, received a file", hint="name the folder of the numbered versions"
        )
    # What may not be looked at is not the same as what is not there.
    try:
        return [each.name for each in folder.iterdir() if each.is_dir()]
    except FileNotFoundError:
        return []


def _exists(path: str) -> bool:
    if "://" in path:
        from tfx.dsl.io import fileio

        return bool(fileio.exists(path))
    return Path(path).is_file()


def _text(path: str) -> str | None:
    """A file's text; None where it is not there."""
    if not _exists(path):
        return None
    if "://" in path:
        from tfx.utils import io_utils

        content = io_utils.read_bytes_file(path)
        return bytes(content).decode("utf-8", "replace")
    return Path(path).read_text(encoding="utf-8", errors="replace")

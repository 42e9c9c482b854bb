"""The checks on the folder and the graph, before anything of the model is executed."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import fingerprint_pb2
from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

from components.artifacts.model import SAVED_MODEL
from components.smoke_test.checks.assets import check_assets
from components.smoke_test.checks.ops import check_ops
from components.smoke_test.checks.state import check_state
from components.smoke_test.checks.variables import check_variables
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.saved_model import Export
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult
from preprocessing.text import decoded, sentences

FINGERPRINT = "fingerprint.pb"
_MEBIBYTE = 1024**2
_FINGERPRINTED = {
    "saved_model_checksum": SAVED_MODEL,
    "graph_def_program_hash": "the graph",
    "signature_def_hash": "the signatures",
    "saved_object_graph_hash": "the object graph",
    "checkpoint_hash": "variables/variables.index",
}
"""What each number of a fingerprint was made from."""


def check_safety(export: Export, config: SmokeTestConfig) -> Iterator[CheckResult]:
    """Everything that can be said of an export without running it.

    `ops`, `state`, `variables`, `paths`, `assets`, `fingerprint`, `size`.
    """
    yield from check_ops(export, config)
    yield from check_state(export, config)
    yield check_variables(export)
    yield check_paths(export.folder)
    yield from check_assets(export, config)
    yield check_fingerprint(export.folder)
    yield check_size(export.folder, config.budgets.size_mb)


def check_folder(folder: Path, config: SmokeTestConfig) -> Iterator[CheckResult]:
    """What can be said without a readable graph: `paths` and `size`; nothing where there is no folder.

    Raises:
      OSError: as `check_safety`.
    """
    if folder.is_dir():
        yield check_paths(folder)
        yield check_size(folder, config.budgets.size_mb)


def check_paths(folder: Path) -> CheckResult:
    """The folder holds files and folders, and nothing else that could lead out of it; needs no readable graph."""
    expected = "files and folders only"
    faults = []
    try:
        entries = list(_entries(folder))
    except OSError as error:
        return _unreadable("paths", expected, error)
    for path, status in entries:
        if stat.S_ISLNK(status.st_mode):
            faults.append(f"{_shown(path, folder)} is a symbolic link to {_text(path.readlink())}")
        elif not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            faults.append(f"{_shown(path, folder)} is {_special(status.st_mode)}")
    if not faults:
        return CheckResult.passes("paths", expected, f"{len(entries):,} files and folders")
    hint = "copy the file itself into the export: what a link points to is not there where the model is served"
    return CheckResult.fails("paths", expected, sentences(faults, 1), hint=hint)


def check_size(folder: Path, limit_mb: int) -> CheckResult:
    """All files together, as they are on disk; links count as themselves. Needs no readable graph."""
    expected = f"at most {limit_mb:,} MiB"
    try:
        sizes = {path: status.st_size for path, status in _entries(folder) if not stat.S_ISDIR(status.st_mode)}
    except OSError as error:
        return _unreadable("size", expected, error)
    total = sum(sizes.values())
    if total <= limit_mb * _MEBIBYTE:
        return CheckResult.passes("size", expected, f"{total / _MEBIBYTE:,.1f} MiB")
    largest = max(sizes, key=lambda path: sizes[path])
    received = f"{total / _MEBIBYTE:,.1f} MiB, the largest {_shown(largest, folder)}"
    hint = "make the model or its vocabularies smaller, or raise smoke_test.budgets.size_mb"
    return CheckResult.fails("size", expected, received, hint=hint)


def check_fingerprint(folder: Path) -> CheckResult:
    """What TensorFlow wrote when it saved the model still describes the files."""
    expected = f"the files are those that {FINGERPRINT} was made from"
    hint = "export the model again: its files were changed, mixed with another export's, or not completely written"
    if not (folder / FINGERPRINT).is_file():
        return CheckResult.skips("fingerprint", f"there is no {FINGERPRINT}: TensorFlow before 2.12 writes none")
    if not (folder / SAVED_MODEL).is_file():
        return CheckResult.skips("fingerprint", "a fingerprint describes saved_model.pb, and the graph is text here")
    stored = fingerprint_pb2.FingerprintDef()
    computed = fingerprint_pb2.FingerprintDef()
    try:
        stored.ParseFromString((folder / FINGERPRINT).read_bytes())
        computed.ParseFromString(fingerprinting.CreateFingerprintDef(str(folder)))
    except OSError as error:
        return _unreadable("fingerprint", expected, error)
    except DecodeError:
        return CheckResult.fails("fingerprint", expected, f"{FINGERPRINT} can't be read", hint=hint)
    except fingerprinting.FingerprintException as error:
        return CheckResult.fails("fingerprint", expected, str(error), hint=hint)
    return _compared(stored, computed, expected, hint)


def _compared(stored: Any, computed: Any, expected: str, hint: str) -> CheckResult:
    if stored.saved_model_checksum and stored.version.producer != computed.version.producer:
        reason = (
            f"{FINGERPRINT} was made by form {stored.version.producer} of the fingerprint, "
            f"and this TensorFlow makes form {computed.version.producer}"
        )
        return CheckResult.skips("fingerprint", reason)
    different = [name for name in _FINGERPRINTED if getattr(stored, name) != getattr(computed, name)]
    if not different:
        return CheckResult.passes("fingerprint", expected, f"{len(_FINGERPRINTED)} checksums agree")
    return CheckResult.fails(
        "fingerprint", expected, f"changed since: {', '.join(_FINGERPRINTED[name] for name in different)}", hint=hint
    )


def _unreadable(check: CheckName, expected: str, error: OSError) -> CheckResult:
    hint = "give the export to the user that the gate runs as, and leave it alone while the gate runs"
    return CheckResult.fails(check, expected, f"{error.filename} can't be read: {error.strerror}", hint=hint)


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Everything below the folder, links as themselves, in a fixed order."""
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        status = entry.stat(follow_symlinks=False)
        yield Path(entry.path), status
        if stat.S_ISDIR(status.st_mode):
            yield from _entries(Path(entry.path))


def _special(mode: int) -> str:
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")


def _shown(path: Path, folder: Path) -> str:
    return _text(path.relative_to(folder))


def _text(path: Path) -> str:
    """A path that can be written down, whatever bytes it has."""
    return decoded(os.fsencode(path))

"""Where predictions go: a file or a folder of shards, there whole or not at all; and the bad rows beside it."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import filelock

from components.example_gen.formats.io import COMPRESSIONS
from components.example_gen.formats.registry import FORMATS
from preprocessing.errors import UserError
from preprocessing.text import either, listed

OutputFormat = Literal["parquet", "csv", "jsonl"]

_ENDINGS: dict[str, OutputFormat] = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl"}
_BAD_ROWS = "_bad_rows.jsonl"
"""In a folder of shards: readers of such folders pass over names that begin with `_`."""
_BESIDE = ".bad_rows.jsonl"
"""Behind the name of a file."""
_OURS = re.compile(rf"part-\d{{5}}-of-\d{{5}}\.({'|'.join(get_args(OutputFormat))})|{re.escape(_BAD_ROWS)}")
_LOCK = "lock"
_SHARDS = "shards"
_REPLACED = "replaced"


@dataclass(frozen=True)
class Target:
    """What is to be written.

    Attributes:
      path: the file, or the folder of shards.
      format: of the file or the shards.
      folder: whether it is a folder.
    """

    path: Path
    format: OutputFormat
    folder: bool

    @property
    def bad_rows(self) -> Path:
        """The file of the rows that have no prediction: in the folder, or beside the file."""
        return self.path / _BAD_ROWS if self.folder else self.path.with_name(f"{self.path.name}{_BESIDE}")

    def shard(self, position: int, count: int) -> str:
        """The name of a shard."""
        return f"part-{position:05d}-of-{count:05d}.{self.format}"


def find_target(output: str, fmt: OutputFormat | None) -> Target:
    """What `--output` and `--format` mean.

    Args:
      output: a file with one of the known endings; anything else is a folder.
      fmt: the format, where the name doesn't tell; of a folder none is Parquet.

    Raises:
      UserError: the two contradict each other, the name has the ending of a format that isn't written, or it is a URL.
    """
    if "://" in output:
        raise UserError(
            f"--output: {output}: expected a file or folder on this machine, received a URL",
            hint="write it here, then copy it there",
        )
    path = Path(output)
    ending = path.suffix.lower()
    if output.endswith(("/", os.sep)) or path.is_dir():
        return Target(path, fmt or "parquet", folder=True)
    if (told := _ENDINGS.get(ending)) is not None:
        if fmt not in (None, told):
            raise UserError(
                f"--output: {output} is {told} by its name, and --format is {fmt}", hint="leave out --format"
            )
        return Target(path, told, folder=False)
    if ending in COMPRESSIONS or ending in FORMATS:
        raise UserError(
            f"--output: {output}: can't write {ending}; expected a file that ends in {either(_ENDINGS)}, or a folder",
            hint="give another name; Parquet is compressed in itself",
        )
    return Target(path, fmt or "parquet", folder=True)


def check_target(target: Target, files: Sequence[str], place: str, *, overwrite: bool) -> None:
    """Finds out before anything is read whether the predictions can be written.

    Args:
      target: where they go.
      files: the input's.
      place: the file, folder or glob that was given for the input.
      overwrite: whether predictions that are there may be replaced.

    Raises:
      UserError: the folder that it should be in is missing or can't be written; something is there; or it is, or would
        be the next time, a part of the input.
    """
    path = target.path.absolute()
    _refuse_input(target, files, place)
    if not path.parent.is_dir():
        raise UserError(f"--output: {path.parent}: no such folder", hint=f"make it first: mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(
            f"--output: {path.parent}: no permission to write there",
            hint="give yourself the permission, or choose another folder",
        )
    clear(target)
    check_free(target, overwrite=overwrite)


def check_free(target: Target, *, overwrite: bool) -> None:
    """Whether nothing is there, or nothing that can't be replaced.

    Raises:
      UserError: something is there.
    """
    if target.folder and target.path.is_dir():
        other = sorted(each.name for each in target.path.iterdir() if not _OURS.fullmatch(each.name))
        if other:
            raise UserError(
                f"--output: {target.path} holds something else than predictions: {listed(other, 5)}",
                hint="give a folder of their own, which is made where it isn't there",
            )
    elif target.path.exists() and target.folder == target.path.is_file():
        kind = "folder" if target.folder else "file"
        raise UserError(f"--output: {target.path}: expected a {kind}", hint="give another name")
    there = list(target.path.glob("*")) if target.folder else [target.path, target.bad_rows]
    if not overwrite and any(each.exists() for each in there):
        there = [each for each in there if each.exists()]
        raise UserError(f"--output: {there[0]} is there already", hint="give another name, or --overwrite")


def _refuse_input(target: Target, files: Sequence[str], place: str) -> None:
    path = target.path.resolve()
    for file in (each for each in files if "://" not in each):
        found = Path(file).resolve()
        if found == path or (target.folder and found.is_relative_to(path)):
            raise UserError(f"--output: {target.path} is the input itself", hint="give another file or folder")
    if "://" in place or target.folder:
        return
    beside = Path(place).is_dir() and path.parent == Path(place).resolve()
    if beside or (glob.has_magic(place) and path.match(str(Path(place).absolute()))):
        raise UserError(
            f"--output: {target.path} would be a part of the input, {place}, the next time",
            hint="give a file in another folder",
        )


@contextlib.contextmanager
def staging(target: Target) -> Iterator[Path]:
    """A folder beside the target for what isn't whole yet; it is gone when the block ends.

    One that a killed process left is removed by the next one that writes the same target: its lock, which is the
    kernel's, was released when that process died.
    """
    clear(target)
    folder, lock = _begun(target)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def clear(target: Target) -> None:
    """Removes what killed processes left beside a target.

    One that was killed when the old predictions were away and the new ones not there yet is finished: both are whole.

    Raises:
      OSError: the folder can't be written.
    """
    parent, prefix = target.path.absolute().parent, _prefix(target)
    for left in parent.glob(f"{glob.escape(prefix)}*"):
        lock = filelock.FileLock(left / _LOCK, timeout=0)
        with contextlib.suppress(filelock.Timeout, OSError), lock:
            if (left / _REPLACED).is_dir() and not target.path.exists():
                (left / _SHARDS).rename(target.path)
            # Away as a whole: who has just made it finds that out, see `_begun`.
            gone = left.with_name(f"{prefix}{secrets.token_hex(4)}-gone")
            left.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def _prefix(target: Target) -> str:
    return f".{target.path.name[:100]}.predicting-"


def _begun(target: Target) -> tuple[Path, filelock.BaseFileLock]:
    """A new folder and its lock, which is held; another process may take the folder for a left one before that."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.path.absolute().parent))
        lock = filelock.FileLock(folder / _LOCK, timeout=0)
        with contextlib.suppress(filelock.Timeout, FileNotFoundError):
            (folder / _SHARDS).mkdir()
            lock.acquire()
            if (folder / _SHARDS).is_dir():
                return folder, lock
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def place_shards(target: Target, folder: Path, shards: Sequence[str], bad: str | None) -> list[Path]:
    """Puts what was written where it belongs, by renaming: the bad rows first, the predictions last.

    Args:
      target: where it goes; what is there is replaced.
      folder: as `staging` gave it.
      shards: the files with the predictions in it, in order; one alone where the target is a file.
      bad: the file with the bad rows, if there are any.

    Returns:
      The files of the predictions.

    Raises:
      OSError: for example a full disk.
    """
    for each in (*shards, *([bad] if bad else [])):
        _sync(Path(each))
    if not target.folder:
        [shard] = shards
        if bad:
            Path(bad).replace(target.bad_rows)
        else:
            target.bad_rows.unlink(missing_ok=True)
        Path(shard).replace(target.path)
        return [target.path]
    names = [target.shard(position, len(shards)) for position in range(len(shards))]
    whole = folder / _SHARDS
    for shard, name in zip(shards, names, strict=True):
        Path(shard).replace(whole / name)
    if bad:
        Path(bad).replace(whole / _BAD_ROWS)
    if target.path.is_dir():
        # Two renames: for a moment there are none, but never a mixture of old and new ones. `clear` does the second
        # where this process was killed between them.
        target.path.rename(folder / _REPLACED)
    whole.rename(target.path)
    return [target.path / name for name in names]


def _sync(file: Path) -> None:
    """Makes sure that a file is on the disk before it gets its name."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

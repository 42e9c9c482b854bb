"""The files of a source: a file, a folder or a glob, here or behind a URL."""

from __future__ import annotations

import glob
from pathlib import Path, PurePosixPath
from typing import get_args

from components.example_gen.config import Format
from components.example_gen.formats.io import compression
from components.example_gen.formats.registry import named_format
from components.example_gen.partitions import is_partition
from preprocessing.errors import UserError
from preprocessing.text import either, first_line, listed

NOTHING_THERE = (
    "check data.path or data.inputs; relative paths start at the folder of the YAML file, with --set where you are"
)
"""The next step where a source has no file."""


def list_files(source: str, fmt: Format | None) -> list[str]:
    """The files of a source, sorted.

    Args:
      source: a file, a folder or a glob. Hidden files and names that begin with "_" are not part of a table; of a
        folder, only files whose name tells a format are (all of them when `fmt` is given and no name does). Folders
        whose name is `key=value` belong to the folder that they are in.
      fmt: the configured format.

    Raises:
      UserError: nothing is there.
    """
    local = "://" not in source
    if local and Path(source).is_file():
        return [source]
    folder = local and Path(source).is_dir()
    files = below(glob.escape(source)) if folder else matching(source)
    is_name = not local and not glob.has_magic(source)
    if not files and not folder and (is_name or is_partition(PurePosixPath(source).name)):
        # An object store has no folders: a name that is no file's may be the beginning of some. And a glob may match
        # folders such as year=2019.
        files = below(source)
        folder = bool(files)
    visible = [file for file in files if PurePosixPath(file).name[0] not in "._"]
    if folder:
        known = [file for file in visible if named_format(file)]
        known = known or [file for file in visible if compression(file) == ".zip"]
        visible = known or (visible if fmt is not None else [])
        if not visible:
            raise _none_in(source, files)
    if not visible:
        what = "no file matches this pattern" if glob.has_magic(source) else "no such file or folder"
        raise UserError(f"{source}: {what}", hint=NOTHING_THERE)
    return visible


def _none_in(folder: str, files: list[str]) -> UserError:
    """The error for a folder without a table, with what is there instead."""
    message = f"{folder}: expected the files of a table in this folder, found none"
    other = [PurePosixPath(file).name for file in files if PurePosixPath(file).name[0] not in "._"]
    if other:
        hint = f"set data.format to {either(get_args(Format))}, if this is what these files are"
        return UserError(f"{message} whose name says its format: {listed(other, 5)}", hint=hint)
    inner = [PurePosixPath(each).name for each in matching(f"{glob.escape(folder.rstrip('/'))}/*", folders=True)]
    if inner:
        hint = f"name the files by a glob such as {folder.rstrip('/')}/*/*.csv; only folders key=value are searched"
        return UserError(f"{message}; it has the folders {listed(sorted(inner), 5)}", hint=hint)
    return UserError(message, hint=NOTHING_THERE)


def below(pattern: str) -> list[str]:
    """The files in the folders that match, and in those below them whose names are `key=value`."""
    within = pattern.rstrip("/")
    files = matching(f"{within}/*")
    fixed = len(within.split("/"))
    for file in matching(f"{within}/*=*/**"):
        if file not in files and all(map(is_partition, file.split("/")[fixed:-1])):
            files.append(file)
    return sorted(files)


def matching(pattern: str, *, folders: bool = False) -> list[str]:
    """The files that match a glob, sorted; or the folders."""
    if "://" not in pattern:
        # Path.glob takes no absolute pattern.
        matches = glob.glob(pattern, recursive=True)  # noqa: PTH207
        return sorted(match for match in matches if (Path(match).is_dir() if folders else Path(match).is_file()))
    if folders:
        # An object store has none: what is there has a file.
        return []
    from apache_beam.io.filesystem import BeamIOError
    from apache_beam.io.filesystems import FileSystems

    try:
        return sorted(match.path for match in FileSystems.match([pattern])[0].metadata_list)
    except (BeamIOError, ValueError) as error:
        raise UserError(
            f"{pattern}: can't be listed: {first_line(error)}",
            hint="check the URL, your access, and Beam's extras (apache-beam[gcp] for gs://)",
        ) from error

"""Zip archives with one table in them, as spreadsheets and download pages hand them out."""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from preprocessing.errors import UserError
from preprocessing.text import listed

_NO_TABLES = (".txt", ".md", ".pdf", ".html", ".names", ".rst")
"""Beside a table these are what describes it."""


def table_in(file: str, raw: BinaryIO) -> zipfile.ZipInfo:
    """The one table of an archive; hidden files, `__MACOSX` and files that describe the table aside.

    Args:
      file: its path or URL.
      raw: its bytes; they can be read at any position.

    Raises:
      UserError: no zip archive, or it has no table or several.
      zipfile.BadZipFile: it is damaged.
    """
    with zipfile.ZipFile(raw) as archive:
        found = [info for info in archive.infolist() if not info.is_dir() and _is_visible(info.filename)]
    if len(found) > 1:
        found = [info for info in found if PurePosixPath(info.filename).suffix.lower() not in _NO_TABLES] or found
    if len(found) != 1:
        names = listed([info.filename for info in found], 10) or "nothing"
        raise UserError(
            f"{file}: expected one table in the archive, found {names}",
            hint="unpack it and name the table, or all files of it by a glob" if found else "write the archive again",
        )
    if found[0].flag_bits & 1:
        raise UserError(f"{file}: {found[0].filename} needs a password", hint="unpack it: unzip FILE")
    return found[0]


def unzipped(file: str, raw: BinaryIO) -> BinaryIO:
    """The bytes of the one table of an archive, from the start.

    Raises:
      UserError: as `table_in`; or it is packed in a way that Python can't unpack.
      zipfile.BadZipFile: it is damaged.
    """
    info = table_in(file, raw)
    try:
        return cast(BinaryIO, zipfile.ZipFile(raw).open(info))
    except NotImplementedError as error:
        raise UserError(f"{file}: {info.filename} can't be unpacked: {error}", hint="unpack it: unzip FILE") from error


def _is_visible(name: str) -> bool:
    path = PurePosixPath(name)
    return "__MACOSX" not in path.parts and path.name[0] not in "._"

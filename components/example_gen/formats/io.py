"""Opens files of a table: local paths and every file system that Beam has, unpacked by their name.

Beam is imported for paths with a scheme (`gs://...`) alone, pyarrow for `.zst` alone.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from components.example_gen.formats.zipped import table_in, unzipped
from preprocessing.errors import UserError
from preprocessing.text import first_line

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSIONS = (".gz", ".zst", ".zip")
"""The endings that `open_bytes` unpacks."""
_BUFFER_BYTES = 1 << 20


def compression(file: str) -> str | None:
    """The ending (`.gz`, `.zst`, `.zip`) that says how the file is packed; None for one that is not."""
    suffix = PurePosixPath(file).suffix.lower()
    return suffix if suffix in COMPRESSIONS else None


def open_bytes(file: str) -> BinaryIO:
    """The file's bytes from the start, unpacked where the name ends in `.gz`, `.zst` or `.zip`.

    Reading from what comes back raises a UserError too, when the packed data is cut short or damaged.

    Raises:
      UserError: the file is not there, may not be read, or no file system knows its scheme; an archive does not have
        one table.
    """
    raw = open_seekable(file)
    kind = compression(file)
    if kind is None:
        return raw
    try:
        with _explained(file):
            unpacked = _unpacked(file, raw, kind)
    except UserError:
        raw.close()
        raise
    return cast(BinaryIO, io.BufferedReader(_Explaining(file, unpacked, raw), _BUFFER_BYTES))


def name_within(file: str) -> str:
    """The name that tells the file's format: of a `.zip` that of the table in it, else its own.

    Raises:
      UserError: as `open_bytes`.
    """
    if compression(file) != ".zip":
        return file
    with open_seekable(file) as raw, _explained(file):
        return table_in(file, raw).filename


def open_seekable(file: str) -> BinaryIO:
    """The file's bytes as they are stored, at any position.

    Raises:
      UserError: the file is not there, may not be read, or no file system knows its scheme.
    """
    with _explained(file):
        local = _local(file)
        if local is not None:
            return local.open("rb")
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        stored = FileSystems.open(file, compression_type=CompressionTypes.UNCOMPRESSED)
        return cast(BinaryIO, io.BufferedReader(_Explaining(file, stored, stored), _BUFFER_BYTES))


def read_part(file: str, start: int, end: int) -> bytes:
    """The stored bytes from `start` to `end`, exclusive.

    Raises:
      UserError: as `open_seekable`, or the file has become shorter than that.
    """
    with open_seekable(file) as raw:
        raw.seek(start)
        data = raw.read(end - start)
    if len(data) < end - start:
        raise UserError(
            f"{file}: expected {end} bytes or more, received {start + len(data)}: it was changed while it was read",
            hint="start the run again when the file is complete",
        )
    return data


def size(file: str) -> int:
    """The stored size of a file in bytes.

    Raises:
      UserError: the file is not there, may not be read, or no file system knows its scheme.
    """
    with _explained(file):
        local = _local(file)
        if local is not None:
            return local.stat().st_size
        from apache_beam.io.filesystems import FileSystems

        return int(FileSystems.get_filesystem(file).size(file))


def _local(file: str) -> Path | None:
    if file.startswith("file://"):
        return Path(file.removeprefix("file://"))
    return None if "://" in file else Path(file)


def _unpacked(file: str, raw: BinaryIO, kind: str) -> BinaryIO:
    if kind == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if kind == ".zip":
        return unzipped(file, raw)
    import pyarrow as pa

    # The zstandard package ends a cut file without a word; Arrow says so.
    return cast(BinaryIO, pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd"))


class _Explaining(io.RawIOBase):
    """A stream whose failures name its file. Closes what it reads from."""

    def __init__(self, file: str, source: BinaryIO, stored: BinaryIO) -> None:
        super().__init__()
        self._file, self._source, self._stored = file, source, stored

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        # Going back in packed data means to unpack it again: no reader may do that unnoticed.
        return self._source is self._stored

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _explained(self._file):
            return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        with _explained(self._file):
            data = self._source.read(len(target))
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._source.close()
            self._stored.close()


@contextmanager
def _explained(file: str) -> Iterator[None]:
    """Turns what file systems and unpackers raise into an error that names the file and the next step."""
    try:
        yield
    except UserError:
        raise
    except (EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise _damaged(file, str(error)) from error
    except OSError as error:
        if compression(file) is not None and error.errno is None:
            raise _damaged(file, str(error)) from error
        raise UserError(
            f"{file}: {error.strerror or error}", hint="check the path and the file's permissions"
        ) from error
    except Exception as error:
        # Each cloud library has error classes of its own, none of them known here; a local file has no others.
        if _local(file) is not None:
            raise
        raise UserError(
            f"{file}: can't be opened: {first_line(error)}",
            hint="check the URL and the credentials; gs:// needs apache-beam[gcp]",
        ) from error


def _damaged(file: str, reason: str) -> UserError:
    kind = {".gz": "gzip", ".zst": "zstd", ".zip": "zip"}.get(compression(file) or "", "packed")
    short = any(word in reason.lower() for word in ("end-of-stream", "truncated", "incomplete"))
    what = f"the {kind} data is cut short" if short else f"no valid {kind} data: {reason.splitlines()[0]}"
    return UserError(f"{file}: {what}", hint="copy or write the file again; it is not complete as it is")

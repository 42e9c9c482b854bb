"""The process's output, sent to a log below Python's level, and the screen's descriptor that outlives its reader."""

import contextlib
import errno
import io
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class UntilReaderLeaves(io.FileIO):
    """A descriptor whose reader may leave (`lockgate run | head`, a closed terminal): the rest goes nowhere.

    A run of hours does not end because nobody looks at it any more.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        """Writes what still has a reader; all of it counts as written."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):
                raise
            return memoryview(data).nbytes


@contextlib.contextmanager
def output_to(log: Path) -> Iterator[None]:
    """Points the process's stdout and stderr to the log, below Python's level."""
    streams = {1: sys.stdout, 2: sys.stderr}
    for stream in streams.values():
        stream.flush()
    saved = {descriptor: os.dup(descriptor) for descriptor in streams}
    try:
        with log.open("ab") as file:
            for descriptor in streams:
                os.dup2(file.fileno(), descriptor)
        yield
    finally:
        for descriptor, stream in streams.items():
            _flush_or_drop(descriptor, stream)
            os.dup2(saved[descriptor], descriptor)
            os.close(saved[descriptor])


def _flush_or_drop(descriptor: int, stream: IO[str]) -> None:
    """Empties a stream's buffer: what a full disk keeps from the log must not turn up on the screen later."""
    try:
        stream.flush()
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), descriptor)
        with contextlib.suppress(OSError):
            stream.flush()


@contextlib.contextmanager
def records_to(log: Path) -> Iterator[None]:
    """Writes Python's log records of every library to the log."""
    root = logging.getLogger()
    level = root.level
    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setLevel(logging.INFO)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        with contextlib.suppress(OSError):  # it flushes once more, and the disk may be full
            handler.close()

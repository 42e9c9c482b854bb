"""What the model's process prints: counted, and the end of it kept."""

import os

_CHUNK = 64 * 1024
_TAIL_BYTES = 32 * 1024
_TAIL_LINES = 60


class Output:
    """One stream of the process, read whenever the parent waits for it."""

    def __init__(self, descriptor: int, limit_mb: int) -> None:
        """Takes the reading end of a pipe, which stays the caller's to close.

        Args:
          descriptor: the pipe.
          limit_mb: how much may be printed, in MiB.
        """
        os.set_blocking(descriptor, False)
        self.descriptor, self._limit = descriptor, limit_mb * 2**20
        self.count = 0
        """Bytes read so far."""
        self._tail = b""

    @property
    def flooded(self) -> bool:
        """Whether more was printed than allowed."""
        return self.count > self._limit

    def read(self) -> bool:
        """Reads a piece of what is there; False when there is none, or when all has been read and it is closed."""
        try:
            chunk = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self.count += len(chunk)
        self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
        return bool(chunk)

    def read_all(self) -> None:
        """Reads all that is there, or as much as is allowed."""
        while not self.flooded and self.read():
            pass

    def tail(self, since: int = 0) -> str:
        """The last lines, of what came after so many bytes."""
        recent = self._tail[-(self.count - since) :] if self.count > since else b""
        return "\n".join(recent.decode("utf-8", errors="replace").splitlines()[-_TAIL_LINES:])

"""How requests and answers cross: JSON lines over two pipes, tensors as files of raw bytes, never pickle.

Used on both sides. A file of tensors is the length of its header (8 bytes, little-endian), the header as JSON, and the
tensors' bytes one after another, each from a multiple of 64 on. Small tensors cross by the thousand: an archive with an
entry for each took a quarter of the gate's time.
"""

import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REQUEST_FILE = "request.tensors"
ANSWER_FILE = "answer.tensors"

UNREADABLE = (OSError, ValueError, LookupError, TypeError, EOFError, MemoryError, OverflowError, RecursionError)
"""What reading a file that the other side may have damaged can raise."""

_TEXT = "text"
"""In the header instead of a NumPy type: two runs of bytes follow, int64 ends and the texts themselves."""
_KINDS = "biufcV"
"""The kinds of NumPy types whose bytes are their value; bfloat16 and its kin are V."""
_LENGTH_BYTES = 8
_ALIGNED = 64


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays, strings among them, under any names; the file is there whole or not at all.

    Strings become one run of bytes and the end of each: a fixed-width NumPy string would lose trailing zero bytes,
    an object array would need pickle.

    Raises:
      OSError: it can't be written, for example as it is larger than this process may write.
      TypeError, ValueError: an array has a type that the format lacks.
    """
    header: list[tuple[str, str, tuple[int, ...], int]] = []
    runs: list[Any] = []
    for name, array in arrays.items():
        kind, members = _members(array)
        header.append((name, kind, array.shape, members[-1].nbytes))
        runs += members
    content = json.dumps(header).encode()
    # A new file, whatever the other side has put under the name meanwhile.
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(len(content).to_bytes(_LENGTH_BYTES, "little") + content)
            at = _LENGTH_BYTES + len(content)
            for run in runs:
                file.write(bytes(-at % _ALIGNED))
                file.write(run.data)
                at += -at % _ALIGNED + run.nbytes
        # Renamed over a file, ext4 writes the new one to the disk first: milliseconds for each request and its answer.
        path.unlink(missing_ok=True)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _members(array: Any) -> tuple[str, list[Any]]:
    """What an array is called in the header, and its bytes: uint8 arrays, of one dimension each."""
    import numpy as np

    if array.dtype.kind in "OSU":
        texts = [_text(each) for each in array.reshape(-1)]
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        return _TEXT, [ends.view(np.uint8), np.frombuffer(b"".join(texts), np.uint8)]
    if array.dtype.kind not in _KINDS or array.dtype.fields:
        raise TypeError(f"an array of {array.dtype} can't cross")
    return array.dtype.str, [np.ascontiguousarray(array).reshape(-1).view(np.uint8)]


def _text(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return bytes(memoryview(value))  # `bytes(3)` would be three zeros


def read_arrays(path: Path) -> dict[str, Any]:
    """The arrays of `write_arrays`; strings as object arrays of bytes.

    Raises:
      UNREADABLE: the file isn't one.
    """
    import numpy as np

    # Neither a link to elsewhere nor a pipe that never ends.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", buffering=0) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError(f"{path.name} is not a file")
        content = np.empty(facts.st_size, np.uint8)
        read = 0
        while read < content.nbytes and (more := file.readinto(content[read:].data)):
            read += more
        if read != content.nbytes:
            raise EOFError(f"{path.name} has become shorter while it was read")
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES].tobytes(), "little")
    header = json.loads(content[_LENGTH_BYTES:start].tobytes())
    runs = _Runs(content, start)
    arrays = {str(name): runs.array(kind, tuple(shape), size) for name, kind, shape, size in header}
    if runs.at != content.nbytes:
        raise ValueError(f"{path.name} has {content.nbytes} bytes, {runs.at} were expected")
    return arrays


class _Runs:
    """The tensors of a file, read one after another.

    Attributes:
      at: how far they were read.
    """

    def __init__(self, content: Any, start: int) -> None:
        self._content = content
        self.at = start

    def array(self, kind: str, shape: tuple[int, ...], size: int) -> Any:
        """The next one; of a text `size` is that of all texts together."""
        import numpy as np

        count = math.prod(shape)
        if kind != _TEXT:
            dtype = np.dtype(kind)
            if dtype.kind not in _KINDS or count * dtype.itemsize != size:
                raise ValueError(f"{size} bytes are not {count} values of {kind}")
            return self._next(size).view(dtype).reshape(shape)
        ends = self._next(count * 8).view(np.int64)
        content = self._next(size).tobytes()
        if count and not (ends[0] >= 0 and ends[-1] == size and (np.diff(ends) >= 0).all()):
            raise ValueError("the ends of the texts are not in their order")
        texts = np.empty(count, dtype=object)
        texts[:] = list(_cut(content, ends.tolist()))
        return texts.reshape(shape)

    def _next(self, size: int) -> Any:
        start = self.at + -self.at % _ALIGNED
        self.at = start + size
        if size < 0 or self.at > self._content.nbytes:
            raise EOFError("the file ends within a tensor")
        return self._content[start : self.at]


def _cut(content: bytes, ends: list[int]) -> Iterator[bytes]:
    start = 0
    for end in ends:
        yield content[start:end]
        start = end

"""How requests and answers cross: JSON lines over two pipes, tensors as npz files, never pickle.

Used on both sides.
"""

import json
import os
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REQUEST_FILE = "request.npz"
ANSWER_FILE = "answer.npz"

UNREADABLE = (OSError, ValueError, LookupError, TypeError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)
"""What reading a file that the other side may have damaged can raise."""

_NAMES = "names"


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays, strings among them, under any names; the file is there whole or not at all.

    Strings become one run of bytes and the end of each: a fixed-width NumPy string would lose trailing zero bytes,
    an object array would need pickle.

    Raises:
      OSError: it can't be written, for example as it is larger than this process may write.
      TypeError, ValueError: an array has a type that the format lacks.
    """
    import numpy as np

    names = json.dumps(list(arrays)).encode()
    members: dict[str, Any] = {_NAMES: np.frombuffer(names, np.uint8)}
    for i, array in enumerate(arrays.values()):
        if array.dtype.kind in "OSU":
            texts = [_text(each) for each in array.reshape(-1)]
            members[f"{i}.bytes"] = np.frombuffer(b"".join(texts), np.uint8)
            members[f"{i}.ends"] = np.cumsum([len(text) for text in texts], dtype=np.int64).reshape(array.shape)
        else:
            members[f"{i}"] = array
    # A new file, whatever the other side has put under the name meanwhile.
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, member in members.items():  # as np.savez does, which would pickle what it can't store
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, member, allow_pickle=False)  # type: ignore[no-untyped-call]
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(f"{path.name} is not a file")
        with zipfile.ZipFile(file) as archive:
            if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
                raise ValueError(f"{path.name} is compressed")
        with np.load(file, allow_pickle=False) as members:
            names = json.loads(members[_NAMES].tobytes())
            return {name: _array(members, str(i)) for i, name in enumerate(names)}


def _array(members: Mapping[str, Any], key: str) -> Any:
    import numpy as np

    if key in members:
        return members[key]
    ends, content = members[f"{key}.ends"], members[f"{key}.bytes"].tobytes()
    starts = np.concatenate([[0], ends.reshape(-1)[:-1]]).astype(np.int64)
    texts = np.empty(ends.size, dtype=object)
    texts[:] = [content[start:end] for start, end in zip(starts, ends.reshape(-1), strict=False)]
    return texts.reshape(ends.shape)

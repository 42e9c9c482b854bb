"""The child's side: loads the export as a server would and asks it the given rows.

Runs as a script in a process of its own, with the standard library, NumPy and TensorFlow; nothing of this
project can be imported there, and this file must not try. Only `pack` and `unpack` are used by the parent
too, so that the form in which requests and answers cross is written once.

Files in the folder that is the only argument: `job.json` and `requests.npz` come in; `phase` says what is
being done now; `answers.npz` and then, as the sign that all is complete, `facts.json` go out.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SERVING_SIGNATURES = ("serving_default", "serve_features")
TRANSFORM_SIGNATURE = "transform_features"
SINGLE_ROWS = 4
"""How many rows are asked once more on their own."""

_SEARCH_BATCH = 1000
_LARGEST_FILE = 2**30
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def pack(name: str, array: Any) -> dict[str, Any]:
    """An array as plain numeric arrays: strings become one run of bytes and the end of each.

    A fixed-width NumPy string would lose trailing zero bytes, an object array would need pickle.
    """
    import numpy as np

    if array.dtype.kind not in "OSU":
        return {name: array}
    texts = [text.encode() if isinstance(text, str) else bytes(text) for text in array.reshape(-1)]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64).reshape(array.shape)
    return {f"{name}!bytes": np.frombuffer(b"".join(texts), np.uint8), f"{name}!ends": ends}


def unpack(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays back from `pack`, by name; strings as an object array of bytes."""
    import numpy as np

    unpacked = {name: array for name, array in arrays.items() if "!" not in name}
    for key in arrays:
        name, _, part = key.rpartition("!")
        if name and part == "ends":
            ends, content = arrays[key], arrays[f"{name}!bytes"].tobytes()
            starts = np.concatenate([[0], ends.reshape(-1)[:-1]]).astype(np.int64)
            texts = np.empty(ends.size, dtype=object)
            texts[:] = [content[start:end] for start, end in zip(starts, ends.reshape(-1), strict=False)]
            unpacked[name] = texts.reshape(ends.shape)
    return unpacked


class Notes:
    """What is to be told to the parent: arrays, and facts that are not arrays."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.arrays: dict[str, Any] = {}
        self.facts: dict[str, Any] = {
            "signatures": {},
            "rows": [],
            "row_keys": [],
            "dtypes": {},
            "errors": {},
            "seconds": {},
        }

    @contextlib.contextmanager
    def phase(self, name: str, *answered_errors: type[Exception]) -> Iterator[None]:
        """Times the block under a name. The given errors are noted as the model's answer, not raised."""
        (self._folder / "phase").write_text(name, encoding="utf-8")
        started = time.perf_counter()
        try:
            yield
        except answered_errors as error:
            self.facts["errors"][name] = f"{type(error).__name__}: {error}"
        finally:
            self.facts["seconds"][name] = round(time.perf_counter() - started, 3)

    def answer(self, name: str, tensors: Mapping[str, Any]) -> None:
        """Notes the outputs of one request."""
        import numpy as np

        for output, tensor in tensors.items():
            array = np.asarray(tensor.numpy(), dtype=object if tensor.dtype.name == "string" else None)
            # NumPy cannot store bfloat16 and its like; the declared type is noted beside the numbers.
            array = array.astype(np.float64) if array.dtype.kind == "V" else array
            self.facts["dtypes"][f"{name}/{output}"] = tensor.dtype.name
            self.arrays |= pack(f"{name}/{output}", array)

    def write(self) -> None:
        """Writes the answers, then the facts under their final name."""
        import numpy as np

        np.savez_compressed(self._folder / "answers.npz", **self.arrays)
        unfinished = self._folder / "facts.json.part"
        unfinished.write_text(json.dumps(self.facts), encoding="utf-8")
        unfinished.replace(self._folder / "facts.json")


def confine(memory_mb: int, parent: int) -> None:
    """Limits this process and ties its life to the parent's."""
    # RLIMIT_DATA counts private writable memory. RLIMIT_AS would count the gigabytes of libraries and
    # reserved addresses that TensorFlow maps and never touches.
    _limit(resource.RLIMIT_DATA, memory_mb * 2**20)
    _limit(resource.RLIMIT_FSIZE, _LARGEST_FILE)
    _limit(resource.RLIMIT_CORE, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit("the process that started this one is gone")


def _limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (value, value))


def describe(signature: Any) -> dict[str, Any]:
    """The names, dtypes and shapes of a signature's inputs and outputs."""

    def specs(tensors: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: {"dtype": spec.dtype.name, "shape": None if spec.shape.rank is None else spec.shape.as_list()}
            for name, spec in tensors.items()
        }

    return {"inputs": specs(signature.structured_input_signature[1]), "outputs": specs(signature.structured_outputs)}


def find_golden_rows(transform: Any, requests: Mapping[str, Any], row_key: str, rows: int) -> dict[int, int]:
    """The first rows that the trainer has predicted: position among the examples -> row key."""
    import tensorflow as tf

    golden = set(requests["golden_keys"].tolist())
    examples = requests["labelled"]
    found: dict[int, int] = {}
    for start in range(0, len(examples), _SEARCH_BATCH):
        batch = examples[start : start + _SEARCH_BATCH]
        keys = transform(examples=tf.constant(batch, tf.string))[row_key].numpy().reshape(-1)
        found |= {start + i: key for i, key in enumerate(keys.tolist()) if key in golden}
        if len(found) >= rows:
            break
    return dict(list(found.items())[:rows])


def ask(notes: Notes, name: str, signature: Any, request: Mapping[str, Any]) -> None:
    """Sends all rows at once, then the first few one by one."""
    import tensorflow as tf

    def send(label: str, part: slice) -> None:
        tensors = {
            argument: tf.constant(values[part], tf.string if values.dtype == object else values.dtype)
            for argument, values in request.items()
        }
        notes.answer(f"{name}/{label}", signature(**tensors))

    send("all", slice(None))
    for row in range(min(SINGLE_ROWS, len(next(iter(request.values()))))):
        send(str(row), slice(row, row + 1))


def interview(notes: Notes, job: Mapping[str, Any], requests: Mapping[str, Any]) -> None:
    """Loads the model and asks every signature that it has."""
    import tensorflow as tf

    errors = (tf.errors.OpError, OSError, ValueError, TypeError, KeyError)
    with notes.phase("load", *errors):
        model = tf.saved_model.load(job["model"])
    if "load" in notes.facts["errors"]:
        return
    notes.facts["signatures"] = {name: describe(signature) for name, signature in model.signatures.items()}

    rows: dict[int, int] = {}
    if TRANSFORM_SIGNATURE in model.signatures:
        with notes.phase(TRANSFORM_SIGNATURE, *errors):
            transform = model.signatures[TRANSFORM_SIGNATURE]
            rows = find_golden_rows(transform, requests, job["row_key"], job["rows"])
    # Without a golden row the other checks still say what they can, on the first rows.
    chosen = list(rows) or list(range(min(job["rows"], len(requests["examples"]))))
    notes.facts["rows"] = chosen
    notes.facts["row_keys"] = list(rows.values())

    features = {name.removeprefix("feature/"): values[chosen] for name, values in requests.items() if "/" in name}
    for name, request in zip(SERVING_SIGNATURES, ({"examples": requests["examples"][chosen]}, features), strict=True):
        if name in model.signatures:
            with notes.phase(name, *errors):
                ask(notes, name, model.signatures[name], request)


def enter(folder: Path) -> dict[str, Any]:
    """The job that lies in the folder; from here on this process is confined and finds TensorFlow."""
    job: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    confine(job["memory_mb"], job["parent"])
    # Appended as a plain folder: `site`, which this process runs without, would also execute .pth files.
    sys.path.append(job["library"])
    return job


def main(folder: Path) -> None:
    """Does the job that lies in the folder."""
    job = enter(folder)
    notes = Notes(folder)
    with notes.phase("import"):
        import numpy as np
        import tensorflow  # noqa: F401
    with np.load(folder / "requests.npz", allow_pickle=False) as arrays:
        requests = unpack(arrays)
    interview(notes, job, requests)
    notes.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

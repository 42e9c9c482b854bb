"""Check `variables`: no NaN, and no infinity that reaches an answer, among the numbers that the model has learned.

A row of an embedding that is NaN fails for the one customer in thousands who has that word, and no request of a test
may find it; read as data, it is found at once. Only what a signature reads counts: training leaves moments and
counters in a checkpoint that no server looks at. NaN is a fault there, unless the graph itself looks for it. Infinity
is not always: masks of attention, scores of what is impossible, the first and last bound of a bucket are infinite on
purpose; they are compared, added or chosen from. Infinity in what is multiplied or added up, a kernel or an embedding
that is averaged, makes NaN of the first 0 that it meets, and an embedding that is the answer is read by clients. So
that is refused, and other infinity is told. Constants of more than one number that reach the answer so count as
variables do: a frozen graph has no others. So does what fills a lookup table, from the graph or from a file: an amount
that is NaN there is one for the customers of one word.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.python.framework import errors
from tensorflow.python.training import py_checkpoint_reader

from components.smoke_test.export.saved_model import Export
from components.smoke_test.export.weights import Numbers, Variable, constants, of_tables, variables
from components.smoke_test.report import CheckResult
from preprocessing.text import counted, decoded, quoted, sentences

_EXPECTED = "finite numbers in every variable and table that a signature reads"
_HINT = (
    "training diverged, or a merge, a cast to half precision, a manual change of weights or a missing value in a table "
    "spoiled them: look at these values where the model was made, and train or export again"
)
_UNREADABLE = (errors.OpError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What TensorFlow's reader raises over a damaged checkpoint."""
_LOOKED_FOR, _NOT_MULTIPLIED = "for which the graph itself looks", "which nothing multiplies"
_CHUNK = 2**22
_MOST_BYTES = 4 * 2**30
"""So much is read; one variable after the other is in memory."""
_NAMED = 3


def check_variables(export: Export) -> CheckResult:
    """Reads the checkpoint and the constants: one result."""
    known = variables(export)
    try:
        faults, notes, read = _restored(export, known)
    except _UNREADABLE as error:
        return CheckResult.skips("variables", f"the checkpoint can't be read, see `loads`: {type(error).__name__}")
    for each in (*constants(export), *of_tables(export)):
        read += 1
        for kind, count, first in _bad(each.values):
            key = f", the first for {_shown(each.keys[first[0]])}" if each.keys is not None and first else ""
            told = f"{each.where}: {_told(kind, count, each.values.size, () if key else first)}{key}"
            if note := _excuse_of_numbers(kind, each):
                notes.append(f"{told}, {note}")
            else:
                faults.append(told)
    if faults:
        return CheckResult.fails("variables", _EXPECTED, sentences(faults, _NAMED), hint=_HINT)
    more = f"; {sentences(notes, _NAMED)}" if notes else ""
    return CheckResult.passes("variables", _EXPECTED, f"{counted(read, 'variable')} read as data{more}")


def _restored(export: Export, known: list[Variable]) -> tuple[list[str], list[str], int]:
    """What is wrong with the variables, what else there is to say of them, and how many were read."""
    faults: list[str] = []
    notes: list[str] = []
    by_key: dict[str, list[Variable]] = {}
    for each in known:
        by_key.setdefault(each.key, []).append(each)
    if not by_key:
        return faults, notes, 0
    reader = py_checkpoint_reader.NewCheckpointReader(str(export.folder / "variables" / "variables"))
    types, shapes = reader.get_variable_to_dtype_map(), reader.get_variable_to_shape_map()
    left = _MOST_BYTES
    read = 0
    for key in sorted(by_key.keys() & types.keys(), key=lambda key: (np.prod(shapes[key]), key)):
        if not (types[key].is_floating or types[key].is_complex):
            continue
        left -= int(np.prod(shapes[key])) * types[key].size
        name = by_key[key][0].name if len(by_key[key]) == 1 else key
        if left < 0:
            notes.append(f"{name} is too large to be read here")
            continue
        array = np.asarray(reader.get_tensor(key))
        read += 1
        for kind, count, first in _bad(array):
            told = f"{name}: {_told(kind, count, array.size, first)}"
            if note := _excuse(kind, by_key[key]):
                notes.append(f"{told}, {note}")
            else:
                faults.append(told)
    return faults, notes, read


def _excuse(kind: str, parts: list[Variable]) -> str:
    """Why NaN or infinity is not a fault in a variable, or its parts; empty when it is."""
    if not any(each.read for each in parts):
        return "which no signature reads"
    if kind == "NaN":
        return _LOOKED_FOR if all(each.tested for each in parts if each.read) else ""
    return "" if any(each.reaches for each in parts) else _NOT_MULTIPLIED


def _excuse_of_numbers(kind: str, numbers: Numbers) -> str:
    """Why NaN or infinity is not a fault in a constant or a table; empty when it is."""
    if kind == "NaN":
        return _LOOKED_FOR if numbers.tested else ""
    return "" if numbers.reaches else _NOT_MULTIPLIED


def _shown(key: Any) -> str:
    return quoted(decoded(key)) if isinstance(key, bytes) else str(key)


def _bad(array: NDArray[Any]) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """For NaN and for infinity, where there is any: the kind, how many values, and where the first one is."""
    flat = array.reshape(-1)
    for kind, test in (("NaN", np.isnan), ("infinity", np.isinf)):
        count, first = 0, -1
        for start in range(0, flat.size, _CHUNK):
            found = np.flatnonzero(test(flat[start : start + _CHUNK]))
            if found.size and first < 0:
                first = start + int(found[0])
            count += int(found.size)
        if count:
            yield kind, count, tuple(int(each) for each in np.unravel_index(first, array.shape))


def _told(kind: str, count: int, size: int, first: tuple[int, ...]) -> str:
    at = f", the first at {list(first)}" if first else ""
    return f"{kind} in {count:,} of {counted(size, 'value')}{at}"

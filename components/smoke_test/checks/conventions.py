"""What an output's name promises where nobody says what the model predicts: `probabilities`, `scores`, `classes`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.compare import ROUNDING
from components.smoke_test.export.contract import Signature

Array = NDArray[Any]

PROBABILITIES = ("probabilities", "probability", "logistic")
"""Names of outputs that hold nothing but probabilities."""
SCORES, CLASSES = "scores", "classes"
_PERCENT = 100.0
_UNDECIDED = (0.01, 0.99)


def probability_outputs(signature: Signature, outputs: Mapping[str, Array]) -> list[str]:
    """The outputs of floating-point numbers whose names, and shapes, say that they are probabilities.

    `scores` are those of classes when `classes` are beside them, as TensorFlow's classification API has it, or where
    each row has a fixed number of them. Elsewhere they may be what a ranking sorts by, of any size: one number a row,
    one for each item of a list in the request, or one for each item that another output names.
    """
    numeric = {name for name, array in outputs.items() if array.dtype.kind == "f" and array.ndim and array.size}
    found = [name for name in PROBABILITIES if name in numeric]
    if SCORES in numeric and _of_classes(signature, outputs):
        found.append(SCORES)
    return found


def _of_classes(signature: Signature, outputs: Mapping[str, Array]) -> bool:
    if CLASSES in outputs:
        return True
    declared = signature.outputs[SCORES].shape
    if declared is None or len(declared) != 2 or declared[1] is None or declared[1] == 1:
        return False
    ranked = any(array.shape == outputs[SCORES].shape for array in outputs.values() if array.dtype.kind in "Oiu")
    listed = any(declared[1] in (spec.shape or ())[1:] for spec in signature.inputs.values())
    return not ranked and not listed


def sums_wrong(numbers: Array, tolerance: float) -> NDArray[np.bool_]:
    """The rows of a softmax whose probabilities do not sum to one; none of what is not a softmax.

    Probabilities of several labels at once, each on its own, have any sum. So it is a softmax where most of the rows
    that are not decided sum to one, which happens by chance to no other.

    Args:
      numbers: probabilities [rows, classes].
      tolerance: of a sum.

    Returns:
      bool [rows].
    """
    off = np.abs(numbers.sum(axis=1, dtype=np.float64) - 1) > tolerance
    undecided = ((numbers > _UNDECIDED[0]) & (numbers < _UNDECIDED[1])).any(axis=1)
    softmax = numbers.shape[1] > 1 and undecided.any() and (~off[undecided]).mean() > 0.5
    return off if softmax else np.zeros_like(off)


def outside(numbers: Array) -> NDArray[np.bool_]:
    """The rows with a number outside 0 and 1, bool [rows]; what is not finite is not judged."""
    with np.errstate(invalid="ignore"):
        wrong = np.isfinite(numbers) & ((numbers < -ROUNDING) | (numbers > 1 + ROUNDING))
    found: NDArray[np.bool_] = wrong.reshape(len(wrong), -1).any(axis=1)
    return found


def why_outside(numbers: Array) -> str:
    """What numbers beyond 0 and 1 look like, and what to do: [rows] or [rows, classes]."""
    finite = numbers[np.isfinite(numbers)]
    is_percent = bool((finite >= -ROUNDING).all() and (finite <= _PERCENT * (1 + ROUNDING)).all())
    if is_percent and numbers.ndim == 2 and numbers.shape[1] > 1:
        is_percent = bool(np.isclose(numbers.sum(axis=1, dtype=np.float64), _PERCENT, rtol=1e-4).mean() > 0.5)
    if is_percent:
        return "these look like percent: export them divided by 100"
    return "these look like logits: export the model with its softmax, or sigmoid, inside"


def classes_wrong(outputs: Mapping[str, Array]) -> Array | None:
    """The output `classes`, where it holds neither names nor numbers of classes."""
    array = outputs.get(CLASSES)
    if array is None or array.dtype.kind != "f" or not array.ndim or not array.size:
        return None
    finite = array[np.isfinite(array)]
    return None if bool((finite == np.round(finite)).all()) else array

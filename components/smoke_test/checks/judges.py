"""Whether an answer has the names, types and shapes that were promised, and numbers and classes that make sense."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.altered import taken_features
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import ROUNDING, text
from components.smoke_test.bench.output_shapes import outputs_differ
from components.smoke_test.bench.relations import Finite
from components.smoke_test.bench.shrink import parts_of, smallest
from components.smoke_test.checks import conventions
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult, Smallest
from components.smoke_test.sandbox.session import Answer
from preprocessing.config import DECISION_THRESHOLD
from preprocessing.text import listed

Array = NDArray[Any]
Judge = Callable[[Bench, Signature, Answer], CheckResult | str]
"""One answer to all rows -> the result, or why the check does not apply to it."""

_NAMED = 5
_NO_TASK = "it is not known what the model predicts: set smoke_test.expect.task"
_OTHER_NAME = "an output that holds other numbers needs another name"
_SUMS = "what is done to the probabilities after the softmax: are they cut off, rounded, or a class left out?"
_NO_PREDICTION = "it is not known which output holds the predictions: set smoke_test.expect.prediction"


def _outputs(bench: Bench, signature: Signature, answer: Answer) -> CheckResult:
    """Names, types and shapes as promised."""
    expected, received, hint = outputs_differ(bench, signature, answer)
    if received:
        return CheckResult.fails("outputs", expected, received, hint=hint)
    return CheckResult.passes("outputs", expected)


def _finite(bench: Bench, signature: Signature, answer: Answer) -> CheckResult | str:
    """No NaN, no infinity, in any output."""
    numeric = {name: array for name, array in sorted(answer.outputs.items()) if array.dtype.kind in "fc"}
    if not numeric:
        return "the outputs hold no numbers that could be NaN or infinite"
    for name, array in numeric.items():
        bad = ~np.isfinite(array)
        if bad.any():
            rows = bad.reshape(len(bad), -1).any(axis=1) if bad.ndim else bad.reshape(1)
            found = _smallest_not_finite(bench, signature, rows)
            expected, hint = f"finite numbers in {name}", _why_not_finite(bench, signature, found)
            return _fails(bench, "finite", rows, expected, _text_of(array), hint=hint, smallest=found)
    return CheckResult.passes("finite", "finite numbers")


def _smallest_not_finite(bench: Bench, signature: Signature, rows: NDArray[np.bool_]) -> Smallest | None:
    """The row and the columns that make the number; the other columns as in a row with finite numbers."""
    if len(rows) != len(bench.rows):
        return None
    bad, good = (np.flatnonzero(each)[:1] for each in (rows, ~rows))
    parts, plain = (parts_of(bench.rows.rows, each, bench.contract.label) for each in (bad, good))
    with bench.search_time.smallest() as slot:
        return smallest(bench, Finite(bench, signature), parts, slot, plain=plain[0] if plain else None)


def _why_not_finite(bench: Bench, signature: Signature, found: Smallest | None) -> str:
    """What to do about NaN and infinity, by the columns that make them."""
    if absent := never_given(bench, signature):
        return f"no row has a value for {listed(absent, _NAMED)}, which the signature takes: give examples with it"
    values = {} if found is None else found.rows[0].values
    missing = [name for name, value in values.items() if value == "missing"]
    if missing:
        return f"a missing value becomes NaN: preprocessing must replace it ({listed(missing, _NAMED)})"
    where = f" of {listed(list(values), _NAMED)}" if values else ""
    return (
        f"a value{where} leads to NaN or infinity: a division by 0, log(0), or an overflow, in preprocessing or model"
    )


def never_given(bench: Bench, signature: Signature) -> list[str]:
    """The columns that the signature needs, by its own word, and that no row has."""
    names = [each.column for each in taken_features(signature, bench.contract) if each.optional is False]
    return [name for name in names if not any(name in row for row in bench.rows.rows)]


def _probabilities(bench: Bench, signature: Signature, answer: Answer) -> CheckResult | str:
    """Between 0 and 1, with sum 1 where every class has its own."""
    if bench.contract.task is None:
        return _named_probabilities(bench, signature, answer)
    numbers = _predictions(bench, answer, ("binary", "multiclass"))
    if isinstance(numbers, str):
        return numbers
    tolerance = bench.tolerance("probabilities")
    finite = np.isfinite(numbers).all(axis=1)  # the others are the check `finite`'s
    outside = finite & ((numbers < -ROUNDING) | (numbers > 1 + ROUNDING)).any(axis=1)
    expected = "probabilities in [0, 1]"
    if numbers.shape[1] == 1:
        wrong, sums = np.zeros_like(outside), np.ones(len(numbers))
    else:
        expected += " with sum 1"
        sums = numbers.sum(axis=1)
        wrong = finite & (np.abs(sums - 1) > tolerance)
    if not (outside | wrong).any():
        return CheckResult.passes("probabilities", expected, tolerance=tolerance)
    hint = (
        conventions.why_outside(numbers)
        if outside.any()
        else "a sigmoid for each class where a softmax belongs? Clients expect that exactly one class is right"
    )
    return _fails(
        bench,
        "probabilities",
        outside | wrong,
        expected,
        lambda i: f"{text(numbers[i])} with sum {sums[i]:.6g}" if numbers.shape[1] > 1 else text(numbers[i]),
        tolerance=tolerance,
        hint=hint,
    )


def _named_probabilities(bench: Bench, signature: Signature, answer: Answer) -> CheckResult | str:
    """What outputs of conventional names hold, where nobody says what the model predicts."""
    names = conventions.probability_outputs(signature, answer.outputs)
    tolerance = bench.tolerance("probabilities")
    for name in names:
        numbers = np.asarray(answer.outputs[name], np.float64)
        outside = conventions.outside(numbers)
        wrong = outside
        expected = f"probabilities in [0, 1], as {name} is the name of the output"
        if name != conventions.SCORES and numbers.ndim == 2 and not outside.any():
            wrong = conventions.sums_wrong(numbers, tolerance)
            expected += ", with sum 1 as in most rows"
        if wrong.any():
            hint = f"{conventions.why_outside(numbers)}; {_OTHER_NAME}" if outside.any() else _SUMS
            return _fails(bench, "probabilities", wrong, expected, _text_of(numbers), tolerance=tolerance, hint=hint)
    if names:
        return CheckResult.passes("probabilities", f"probabilities in {listed(names)}", tolerance=tolerance)
    if conventions.SCORES in answer.outputs:
        return "scores may be what a ranking sorts by: set smoke_test.expect.task if they are probabilities"
    return _NO_TASK


def _classes(bench: Bench, _: Signature, answer: Answer) -> CheckResult | str:
    """The label's vocabulary, in the same order in every row."""
    if bench.contract.task is None and (told := conventions.classes_wrong(answer.outputs)) is not None:
        expected = "names or numbers of classes, as classes is the name of the output"
        received = f"{text(told[0])}, float numbers"
        return CheckResult.fails("classes", expected, received, hint="give the output another name, or the classes")
    if bench.contract.classes is None:
        return "no vocabulary of the label is known" if bench.contract.task != "regression" else "not a classification"
    names = np.array([name.encode() for name in bench.contract.classes], dtype=object)
    answered = _named_classes(answer, names)
    if answered is None:
        return "no output names the classes"
    wrong = (answered != names).any(axis=1)
    expected = text(names, most=len(names))
    if wrong.any():
        hint = (
            "clients map probabilities to classes by position: the export names them in another order than the label's "
            "vocabulary has"
        )
        return _fails(bench, "classes", wrong, expected, lambda i: text(answered[i], most=len(names)), hint=hint)
    return CheckResult.passes("classes", expected)


def _label(bench: Bench, _: Signature, answer: Answer) -> CheckResult | str:
    """The class with the highest probability; of two, the second one above the decision threshold."""
    classes, told = bench.contract.classes, answer.outputs.get("label")
    if classes is None:
        return "no vocabulary of the label is known" if bench.contract.task != "regression" else "not a classification"
    numbers = _predictions(bench, answer, ("binary", "multiclass"))
    if isinstance(numbers, str):
        return numbers
    if told is None or told.dtype != object or told.size != len(numbers):
        return "no output `label` names one class for each row"
    if numbers.shape[1] != len(classes):
        return "one probability for two classes does not tell where the label changes"
    names = np.array([name.encode() for name in classes], dtype=object)
    told = told.reshape(-1)
    threshold, rule, margins = bench.contract.decision_threshold, "the most probable class", numbers
    if bench.contract.task == "binary" and threshold != DECISION_THRESHOLD:
        rule = f"{text(names[1])} where its probability is above {threshold:g}"
        margins = np.stack([np.full(len(numbers), threshold), numbers[:, 1]], axis=1)
    # Of classes that share the highest probability either is right; and the softmax rounds what decided the label.
    highest = margins >= margins.max(axis=1, keepdims=True) - ROUNDING
    wrong = ~((told[:, np.newaxis] == names) & highest).any(axis=1) & np.isfinite(numbers).all(axis=1)
    if not wrong.any():
        return CheckResult.passes("label", rule)
    first = int(np.argmax(wrong))
    expected = f"{rule}, {text(names[int(np.argmax(margins[first]))])}"
    hint = "the label is taken from other numbers, or in another order of classes, than the probabilities"
    return _fails(bench, "label", wrong, expected, lambda i: text(told[i]), hint=hint)


def _range(bench: Bench, _: Signature, answer: Answer) -> CheckResult | str:
    """Values not far from what the label ever was."""
    limits = bench.contract.range
    if bench.contract.task != "regression":
        return "not a regression" if bench.contract.task else _NO_TASK
    if limits is None:
        return "the range of the training labels is not known: set smoke_test.expect.range"
    numbers = _predictions(bench, answer, ("regression",))
    if isinstance(numbers, str):
        return numbers
    (low, high), tolerance = limits, bench.tolerance("range")
    slack = bench.config.range_slack * (high - low) + tolerance * max(abs(low), abs(high))
    least, most = low - slack, high + slack
    wrong = ((numbers < least) | (numbers > most)).any(axis=1)
    expected = f"values in [{least:.6g}, {most:.6g}], from training labels in [{low:.6g}, {high:.6g}]"
    if wrong.any():
        hint = (
            "is the answer in the label's own units? The export must undo the label's scaling and logarithm; "
            "smoke_test.range_slack is how far a value may lie outside"
        )
        return _fails(bench, "range", wrong, expected, lambda i: text(numbers[i]), tolerance=tolerance, hint=hint)
    return CheckResult.passes("range", expected, tolerance=tolerance)


JUDGES: dict[CheckName, Judge] = {
    "outputs": _outputs,
    "finite": _finite,
    "probabilities": _probabilities,
    "classes": _classes,
    "label": _label,
    "range": _range,
}


def _predictions(bench: Bench, answer: Answer, tasks: tuple[str, ...]) -> Array | str:
    """The predictions, float64 [rows, columns], or why the check does not apply to them."""
    if bench.contract.task is None:
        return _NO_TASK
    if bench.contract.task not in tasks:
        return "not a classification" if bench.contract.task == "regression" else "not a regression"
    numbers = bench.numbers(answer)
    if numbers is None:
        return _NO_PREDICTION
    if numbers.ndim not in (1, 2) or len(numbers) != len(bench.rows) or not numbers.size:
        return "the predictions do not have a row for each row: see the check `outputs`"
    return numbers.reshape(len(numbers), -1)


def _named_classes(answer: Answer, names: Array) -> Array | None:
    """The output that names all classes in every row, as [rows, classes]: `classes`, or one of the same names."""
    for name, array in sorted(answer.outputs.items(), key=lambda each: each[0] != "classes"):
        if array.dtype == object and array.ndim in (1, 2) and array.size and array.shape[-1] == len(names):
            rows = array.reshape(-1, len(names))
            if name == "classes" or set(rows[0].tolist()) == set(names.tolist()):
                return rows
    return None


def _text_of(array: Array) -> Callable[[int], str]:
    """What shows one row."""
    return lambda row: text(array[row] if array.ndim else array)


def _fails(
    bench: Bench,
    check: CheckName,
    failing: NDArray[np.bool_],
    expected: str,
    received: Callable[[int], str],
    **more: Any,
) -> CheckResult:
    """The check failed; `received` says what the first failing row has."""
    first, count = int(np.argmax(failing)), int(failing.sum())
    others = f" (and {count - 1} more of {len(failing)} rows)" if count > 1 else ""
    row = bench.rows.positions[first] if len(failing) == len(bench.rows) else None
    return CheckResult.fails(check, expected, f"{received(first)}{others}", row=row, **more)

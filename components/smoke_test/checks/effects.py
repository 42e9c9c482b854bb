"""Whether the answers depend on the features as they did in training, and not on the label."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from components.smoke_test.bench.altered import Batch, without_label
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.compare import difference, text
from components.smoke_test.bench.interventions import Effects, FeatureEffect, distinct, measure
from components.smoke_test.bench.requests import Row, request, strings
from components.smoke_test.checks.judges import never_given
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Answer
from preprocessing.text import listed, sentences

_FEWEST_ROWS = 8
"""With fewer rows, equal answers and small effects tell nothing."""
_SAME = 1e-9
_MOST_LABELS = 20
_LABEL_ROWS = 16
_NAMED = 5
_NEVER_GIVEN = (
    "no row has a value for {}, which the signature requires: it was sent as missing; give examples with it, or the "
    "input a default"
)

_IGNORED = (
    "neither shuffling these columns, nor leaving them out, nor extreme values changes a single answer: are they lost "
    "in the exported preprocessing? If they are not meant to matter, raise smoke_test.effects.max_ignored"
)


def check_effects(bench: Bench) -> Iterator[CheckResult]:
    """`label_required`, `label_ignored`, `constant`, `feature_effect` and `ignored_features`, by signature.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    yield from _label_required(bench)
    yield from _label_ignored(bench)
    rows = without_label(bench.rows.rows, bench.contract.label)
    if reason := _no_statistics(bench, rows):
        for check in _STATISTICS:
            yield CheckResult.skips(check, reason)
        return
    for signature in bench.answering():
        effects = measure(bench, signature, rows)
        if isinstance(effects, str):
            for check in _STATISTICS:
                yield CheckResult.skips(check, effects, signature=signature.name)
            continue
        yield _constant(bench, signature, rows, effects)
        yield _feature_effect(bench, signature, effects)
        yield _ignored_features(bench, signature, effects)


_STATISTICS: tuple[CheckName, ...] = ("constant", "feature_effect", "ignored_features")


def _no_statistics(bench: Bench, rows: Sequence[Row]) -> str:
    if bench.rows.made:
        return "the rows are made up: what they change says nothing about real ones; give examples"
    if len(rows) < _FEWEST_ROWS:
        return f"{len(rows)} rows; at least {_FEWEST_ROWS} are needed"
    return ""


def _constant(bench: Bench, signature: Signature, rows: Sequence[Row], effects: Effects) -> CheckResult:
    """Whether different rows get different answers."""
    different = distinct(rows, signature, bench.contract)
    if different < _FEWEST_ROWS:
        reason = f"{different} different rows among {len(rows)}; at least {_FEWEST_ROWS} are needed"
        return CheckResult.skips("constant", reason, signature=signature.name)
    answer = bench.answers[signature.name]
    prediction = bench.prediction_output(answer)
    # What an answer only repeats of the request, a customer's number for example, says nothing.
    own = {name: each for name, each in answer.outputs.items() if name == prediction or not _repeats(each, rows)}
    values, texts = _answers_by_row(own, prediction, len(rows))
    if not values.shape[1] and not texts:
        reason = "no output has a value of its own for each row"
        return CheckResult.skips("constant", reason, signature=signature.name)
    expected = f"answers that differ among {different} different rows"
    if np.isfinite(values).all():
        spread = values.max(axis=0) - values.min(axis=0)
        same = bool((spread <= _SAME * np.abs(values).max(axis=0)).all())
    else:
        same = bool((values == values[:1]).all())
    same = same and all(bool((each == each[:1]).all()) for each in texts)
    # Rows of one class may all get exactly 0 and 1, or its name; then the answers to stranger rows decide. They do too
    # where any output may be the prediction, also one without a value for each row.
    certain = prediction is None or (
        bench.contract.task in ("binary", "multiclass") and bool(np.isin(values, (0.0, 1.0)).all())
    )
    if not same or (certain and any(each.outputs & set(own) for each in effects.features)):
        return CheckResult.passes("constant", expected, signature=signature.name)
    return CheckResult.fails(
        "constant",
        expected,
        f"{text(values[0] if values.shape[1] else texts[0][0])} for every row",
        signature=signature.name,
        hint=_why_constant(bench, signature, effects),
    )


def _why_constant(bench: Bench, signature: Signature, effects: Effects) -> str:
    """What the same answer to every row comes from, by what was found out about the features."""
    if absent := never_given(bench, signature):
        return _NEVER_GIVEN.format(listed(absent, _NAMED))
    if moving := [each.column for each in effects.features if each.changed]:
        return (
            f"only values far from those in the rows change the answers ({listed(moving, _NAMED)}): is everything "
            "clipped, saturated or scaled away in the exported preprocessing?"
        )
    return "the model ignores its input: look at the exported preprocessing, the training loss and the weights"


def _answers_by_row(outputs: Mapping[str, Array], prediction: str | None, rows: int) -> tuple[Array, list[Array]]:
    """What each row is answered.

    Returns:
      The predictions, float64 [rows, any]; all numeric outputs where it can't be told which they are. And the outputs
      of texts, each [rows, any].
    """
    by_row = {name: each for name, each in outputs.items() if _has_rows(each, rows)}
    numeric = {name: array for name, array in by_row.items() if array.dtype.kind in "fiu"}
    chosen = [numeric[prediction]] if prediction in numeric else list(numeric.values())
    flat = [np.asarray(each, np.float64).reshape(rows, -1) for each in chosen]
    texts = [each.reshape(rows, -1) for each in by_row.values() if each.dtype == object]
    return np.concatenate(flat, axis=1) if flat else np.empty((rows, 0)), texts


def _has_rows(array: Array, rows: int) -> bool:
    return bool(array.ndim and len(array) == rows and array.size)


def _repeats(array: Array, rows: Sequence[Row]) -> bool:
    """Whether an output holds what a column of the request held."""
    if not _has_rows(array, len(rows)):
        return False
    flat = array.reshape(len(rows), -1)
    return any(
        all(column in row and np.array_equal(row[column], each) for row, each in zip(rows, flat, strict=True))
        for column in rows[0]
    )


def _feature_effect(bench: Bench, signature: Signature, effects: Effects) -> CheckResult:
    """Whether what mattered in training matters here."""
    importance, limits = bench.contract.importance, bench.config.effects
    name = signature.name
    if importance is None:
        return CheckResult.skips("feature_effect", "the trainer left no importances of the features", signature=name)
    if effects.deviation is None:
        return CheckResult.skips("feature_effect", "it is not known which output is the prediction", signature=name)
    least = limits.important * _deviation(bench, effects)
    mattered = {column: change for column, change in importance.items() if change > 0 and change >= least}
    tried = {each.column: each for each in effects.features}
    varied = [column for column in mattered if column in tried and tried[column].varies]
    missing = [column for column in mattered if not effects.takes(column)]
    if not varied and not missing:
        reason = "no feature that mattered in training has different values in these rows"
        return CheckResult.skips("feature_effect", reason, signature=name)
    expected = (
        f"shuffling a feature that mattered in training changes the answers by at least "
        f"{limits.min_effect:.0%} of what it did for the trainer"
    )
    faults = [f"{column}: the signature does not take it" for column in missing]
    for column in varied:
        if not _is_enough(tried[column], mattered[column], effects.deviation, limits.min_effect):
            faults.append(f"{column}: {tried[column].shuffled:.3g}, for the trainer {mattered[column]:.3g}")
    if not faults:
        received = f"true of {listed(varied, _NAMED)}"
        return CheckResult.passes("feature_effect", expected, received, signature=name)
    hint = "the export drops the feature, or transforms it differently from training: compare the two preprocessings"
    return CheckResult.fails("feature_effect", expected, sentences(faults, _NAMED), signature=name, hint=hint)


def _deviation(bench: Bench, effects: Effects) -> float:
    """The predictions' standard deviation: the trainer's own where it left them for these rows."""
    if bench.rows.golden is not None:
        return float(np.std(bench.rows.golden, axis=0, dtype=np.float64).mean())
    return effects.deviation or 0.0


def _is_enough(effect: FeatureEffect, importance: float, deviation: float, share: float) -> bool:
    """Whether a feature has its effect.

    A few dozen rows are a small sample, and the first ones of a sorted table no fair one: where all are of one class
    with a probability near 1, no shuffling moves much. So where that falls short, the largest change counts that the
    feature can make at all, by a value from elsewhere in the table, by being missing or far from what it is, against no
    more than what these answers vary. What is dropped, or multiplied by next to nothing, makes none.
    """
    if effect.shuffled >= share * importance:
        return True
    return effect.largest > 0 and effect.largest >= share * min(importance, deviation)


def _ignored_features(bench: Bench, signature: Signature, effects: Effects) -> CheckResult:
    """Whether most features have some effect."""
    # A column of one single value was so in training too, most likely, and nothing could be learned from it.
    tried = [each for each in effects.features if each.varies]
    if not tried:
        reason = "no feature that is known to be an input has different values in these rows"
        return CheckResult.skips("ignored_features", reason, signature=signature.name)
    ignored = [each.column for each in tried if not each.changed]
    most = bench.config.effects.max_ignored
    expected = f"at most {most:.0%} of the features without any effect"
    received = f"{len(ignored)} of {len(tried)}" + (f": {listed(ignored, _NAMED)}" if ignored else "")
    if len(ignored) <= most * len(tried):
        return CheckResult.passes("ignored_features", expected, received, signature=signature.name)
    absent = never_given(bench, signature)
    hint = _NEVER_GIVEN.format(listed(absent, _NAMED)) if absent else _IGNORED
    # Many sound models leave most columns alone: a lasso, a small tree, keys that are there for the log. Whose trainer
    # promises nothing about its features refutes nothing by that, as long as one of them matters.
    promised = bool(bench.contract.promised) or bench.contract.importance is not None
    severity = "block" if promised or len(ignored) == len(tried) else "warn"
    return CheckResult.fails(
        "ignored_features", expected, received, signature=signature.name, hint=hint, severity=severity
    )


def _label_required(bench: Bench) -> Iterator[CheckResult]:
    """Whether each signature answers without the label."""
    label = bench.contract.label
    if label is None:
        yield CheckResult.skips("label_required", "the label is not known: name it in smoke_test.expect.label")
        return
    expected = f"an answer to rows without the label `{label}`"
    hint = "parse and transform only the features in serving: the label is what the client wants to know"
    for signature in bench.contract.predicting():
        where = {"signature": signature.name}
        answer = bench.answers[signature.name]
        takers = [each for each in signature.features if _is_label(signature, each, label)]
        if signature.kind == "features" and any(each not in signature.defaults for each in takers):
            received = f"the argument {takers[0]} has no default, so every request must give it"
            yield CheckResult.fails("label_required", expected, received, hint=hint, **where)
        elif _is_good(answer):
            yield CheckResult.passes("label_required", expected, **where)
        elif not answer.out_of_memory and _is_good(_ask_labelled(bench, signature, label)):
            received = f"{answer.error or 'NaN or infinity'}; with the label, an answer"
            yield CheckResult.fails("label_required", expected, received, hint=hint, **where)
        else:
            reason = "it answers neither without nor with the label: see the checks `answers` and `finite`"
            yield CheckResult.skips("label_required", reason, **where)


def _is_label(signature: Signature, argument: str, label: str) -> bool:
    return label in (argument, signature.features[argument].name)


def _is_good(answer: Answer) -> bool:
    arrays = answer.outputs.values()
    return answer.error is None and all(np.isfinite(each).all() for each in arrays if each.dtype.kind == "f")


def _ask_labelled(bench: Bench, signature: Signature, label: str) -> Answer:
    """The answer to the rows with a label, made up where they have none."""
    made = next(iter(_labels(bench, signature, label)), None)
    rows = [row if label in row or made is None else {**row, label: made} for row in bench.rows.rows]
    return bench.session.ask([request(signature, rows)], phase="label_required")[0]


def _label_ignored(bench: Bench) -> Iterator[CheckResult]:
    """Whether a label in the request changes nothing."""
    label = bench.contract.label
    if label is None:
        yield CheckResult.skips("label_ignored", "the label is not known: name it in smoke_test.expect.label")
        return
    expected = f"the same answers whatever label `{label}` the request holds"
    for signature in bench.answering():
        where: dict[str, Any] = {"signature": signature.name, "tolerance": bench.tolerance("label_ignored")}
        arguments = [each for each in signature.features if _is_label(signature, each, label)]
        labels = _labels(bench, signature, label)
        if signature.kind == "features" and not arguments:
            received = "the signature has no such argument"
            yield CheckResult.passes("label_ignored", expected, received, **where)
        elif not labels:
            reason = "neither the rows nor the contract say which labels there are: see smoke_test.expect.classes"
            yield CheckResult.skips("label_ignored", reason, **where)
        elif fault := _label_fault(bench, signature, label, labels):
            hint = "the model reads the label, directly or through a feature made of it: it predicts what it is told"
            yield CheckResult.fails("label_ignored", expected, fault, hint=hint, **where)
        else:
            yield CheckResult.passes("label_ignored", expected, f"the same with {len(labels)} labels", **where)


def _label_fault(bench: Bench, signature: Signature, label: str, labels: Sequence[Array]) -> str:
    """How the answers change with the first label that changes them; empty when none does."""
    batch = Batch(signature, without_label(bench.rows.rows[:_LABEL_ROWS], label))
    asked = [batch.request(), *(batch.request({label: [value] * len(batch.rows)}) for value in labels)]
    plain, *answers = bench.session.ask(asked, phase="label_ignored")
    if plain.error is not None:
        # It is not the label: see the check `batch_sizes`.
        return ""
    for value, answer in zip(labels, answers, strict=True):
        if answer.error is not None:
            return f"with {text(value)}: {answer.error}"
        tolerance, task = bench.tolerance("label_ignored"), bench.contract.task
        threshold = bench.contract.decision_threshold
        if found := difference(plain.outputs, answer.outputs, tolerance=tolerance, task=task, threshold=threshold):
            return (
                f"with {text(value)}: {found.output} {found.received}, without a label {found.expected} "
                f"({found.rows} of {len(batch.rows)} rows)"
            )
    return ""


def _labels(bench: Bench, signature: Signature, label: str) -> list[Array]:
    """The labels that a request may hold, each as the values of one row, of the type that the column has."""
    given = [row[label] for row in bench.rows.rows if label in row and len(row[label])]
    parsed = next((each for name, each in signature.features.items() if _is_label(signature, name, label)), None)
    contract = bench.contract
    found: list[Array] = list(
        {each.tobytes() if each.dtype != object else tuple(each): each for each in given}.values()
    )
    kind = (
        given[0].dtype.kind if given else {"string": "O", "int64": "i", "float32": "f"}[parsed.dtype] if parsed else ""
    )
    if contract.classes is not None:
        made = [_typed(each, kind or "O") for each in contract.classes]
        found = [each for each in made if each is not None] or found
    elif contract.range is not None:
        low, high = contract.range
        made = [_typed(str(each), kind or "f") for each in (low, high, (low + high) / 2)]
        found = [each for each in made if each is not None]
    elif not found and parsed is not None:
        made = [_typed(each, kind) for each in (("a", "b") if kind == "O" else ("0", "1", "1000"))]
        found = [each for each in made if each is not None]
    return found[:_MOST_LABELS]


def _typed(label: str, kind: str) -> Array | None:
    """A label as one row's value of a type, or None when it has no such form."""
    if kind == "O":
        return strings([label])
    try:
        number = float(label)
        return np.array([number], np.float32) if kind == "f" else np.array([int(number)], np.int64)
    except (ValueError, OverflowError):
        return None

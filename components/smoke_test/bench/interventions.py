"""What the answers do when one feature of some rows is shuffled, left out, or far from what it was."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.smoke_test.bench.altered import Batch, Taken, evenly, repeated, taken_features
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.requests import Row, strings
from components.smoke_test.export.contract import Contract, Signature
from components.smoke_test.sandbox.session import Answer, Request

_SEED = 1
_ROWS = 64
_FEWEST_ROWS = 8
_SHUFFLES = 3
_BLOCKS = _SHUFFLES + 4
"""Every request holds the rows so many times: shuffled, with values from elsewhere, then strange. All have one size, as
the last digits of an answer may depend on the size of the batch."""
_SECONDS = 10.0
"""About so long a signature may be asked; of a slow or wide model fewer rows, then fewer features are tried."""
_CHUNK_SECONDS = 5.0
_UNKNOWN = (b"lockgate: never seen", b"1")
Values = list[Array | None]


@dataclass(frozen=True)
class FeatureEffect:
    """What one feature does.

    Attributes:
      column: its name.
      varies: whether the rows have different values of it.
      shuffled: the mean absolute change of the predictions over rows and classes when it is shuffled, the mean of a few
        shuffles; 0 where it is not known which output is the prediction.
      largest: the largest such change by whatever was tried.
      outputs: those that anything that was tried changed in any row.
    """

    column: str
    varies: bool
    shuffled: float
    largest: float
    outputs: frozenset[str]

    @property
    def changed(self) -> bool:
        """Whether it changed anything at all."""
        return bool(self.outputs)


@dataclass(frozen=True)
class Effects:
    """What the features of a signature do.

    Attributes:
      features: those that were tried.
      columns: all columns that reach the signature; None when it can't be told.
      deviation: of the predictions for the rows, the mean over classes; None where it is not known which output is the
        prediction.
    """

    features: Sequence[FeatureEffect]
    columns: frozenset[str] | None
    deviation: float | None

    def takes(self, column: str) -> bool:
        """Whether a request can hold the column at all."""
        return self.columns is None or column in self.columns


def distinct(rows: Sequence[Row], signature: Signature, contract: Contract) -> int:
    """How many of the rows differ in what the signature takes."""
    columns = [each.column for each in taken_of(rows, signature, contract)]
    return len({tuple(_key(row.get(column)) for column in columns) for row in rows})


def measure(bench: Bench, signature: Signature, rows: Sequence[Row]) -> Effects | str:
    """Asks for the rows with each feature changed in turn.

    Args:
      bench: the model.
      signature: one that answers.
      rows: without the label.

    Returns:
      The effects, or why there are none.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    taken = taken_of(rows, signature, bench.contract)
    fewest = _BLOCKS * min(_FEWEST_ROWS, len(rows))
    if (seconds := fewest * bench.row_seconds[signature.name]) > bench.config.process.phase_seconds / 2:
        return f"not measured: {fewest} rows in one request would take about {seconds:.0f} s"
    batch, before = _base(bench, signature, rows, len(taken))
    if before.error is not None:
        return f"it does not answer {_BLOCKS * len(batch.rows)} rows at once: {before.error}"
    # The tf.Example of a row holds whatever we put there; only arguments are a closed list.
    columns = frozenset(each.column for each in taken) if signature.kind == "features" else None
    numbers = _numbers_by_row(bench, before, _BLOCKS * len(batch.rows))
    deviation = float(np.std(numbers[: len(batch.rows)], axis=0).mean()) if numbers is not None else None
    size = max(before.seconds, 1e-3)
    tried = evenly(taken, max(int(_SECONDS / size), _FEWEST_ROWS))
    random = np.random.default_rng(_SEED)
    features: list[FeatureEffect] = []
    step = max(int(_CHUNK_SECONDS / size), 1)
    large = repeated(batch, _BLOCKS)
    for start in range(0, len(tried), step):
        features += _ask(bench, batch, large, before, tried[start : start + step], random)
    return Effects(features, columns, deviation)


def taken_of(rows: Sequence[Row], signature: Signature, contract: Contract) -> list[Taken]:
    """What the signature takes; where that can't be told, and of what mattered in training, what the rows have."""
    taken = {each.column: each for each in taken_features(signature, contract)}
    if signature.kind == "examples":
        present = dict.fromkeys(name for row in rows for name in row)
        wanted = present if not taken else [name for name in contract.importance or () if name in present]
        for name in wanted:
            taken.setdefault(name, Taken(name, None, _dtype(rows, name)))
    # In a SavedModel they have no order of their own.
    return [taken[column] for column in sorted(taken)]


def _dtype(rows: Sequence[Row], column: str) -> str:
    kind = next(row[column].dtype.kind for row in rows if column in row)
    return {"O": "string", "f": "float32"}.get(kind, "int64")


def _base(bench: Bench, signature: Signature, rows: Sequence[Row], features: int) -> tuple[Batch, Answer]:
    """The rows that are used, as many as there is time for, and the answer to them in the size of all requests."""
    # No request larger than a server would send.
    most = min(_ROWS, max(bench.config.batches.max_rows // _BLOCKS, _FEWEST_ROWS))
    # The first request already must not take long.
    affordable = int(_SECONDS / (_BLOCKS * bench.row_seconds[signature.name]))
    batch = Batch(signature, evenly(rows, max(min(most, affordable), _FEWEST_ROWS)))
    before = _asked(bench, batch)
    most = max(int(len(batch.rows) * _SECONDS / (max(features, 1) * max(before.seconds, 1e-3))), _FEWEST_ROWS)
    if most < len(batch.rows):
        batch = Batch(signature, evenly(rows, most))
        before = _asked(bench, batch)
    return batch, before


def _asked(bench: Bench, batch: Batch) -> Answer:
    request = repeated(batch, _BLOCKS).request()
    # The first request of a size takes longer than all others.
    return bench.session.ask([request, request], phase="effects")[1]


def _ask(
    bench: Bench, batch: Batch, large: Batch, before: Answer, tried: Sequence[Taken], random: np.random.Generator
) -> Iterator[FeatureEffect]:
    """The effects of a few features, asked together; `large` has the batch's rows once for each block."""
    shuffles = {each.column: [_shuffled(batch.values(each.column), random) for _ in range(_BLOCKS)] for each in tried}
    for column, blocks in shuffles.items():
        blocks[_SHUFFLES] = _from_elsewhere(bench, column, random, len(batch.rows)) or blocks[_SHUFFLES]
    strange = {each.column: _strange(each, batch.values(each.column)) for each in tried}
    requests = []
    for each in tried:
        real = shuffles[each.column][: _BLOCKS - len(strange[each.column])]
        requests.append(_request(large, each.column, [*real, *strange[each.column]]))
    answers = dict(zip(tried, bench.session.ask(requests, phase="effects"), strict=True))
    # A model may refuse strange values; shuffled ones are real.
    refused = [each for each in tried if answers[each].error is not None]
    if refused:
        requests = [_request(large, each.column, shuffles[each.column]) for each in refused]
        answers |= dict(zip(refused, bench.session.ask(requests, phase="effects"), strict=True))
    for each in tried:
        values = batch.values(each.column)
        varies = len({_key(value) for value in values}) > 1
        yield _effect(bench, each.column, varies, len(large.rows), before, answers[each])


def _request(large: Batch, column: str, blocks: Sequence[Values]) -> Request:
    return large.request({column: [value for block in blocks for value in block]})


def _shuffled(values: Values, random: np.random.Generator) -> Values:
    """Every row gets another row's value."""
    order = random.permutation(len(values))
    result: Values = [None] * len(values)
    for receiver, giver in zip(order, np.roll(order, 1), strict=True):
        result[receiver] = values[giver]
    return result


def _from_elsewhere(bench: Bench, column: str, random: np.random.Generator, count: int) -> Values:
    """Real values, of rows from all over the split: those of a sorted table's first rows are all alike."""
    values = [row.get(column) for row in bench.rows.elsewhere]
    return [values[i] for i in random.integers(len(values), size=count)] if values else []


def _strange(each: Taken, values: Values) -> list[Values]:
    """Far below and above all values, or two texts never seen; and none at all, where a row may lack the feature."""
    present = [value for value in values if value is not None and len(value)]
    blocks: list[Values] = [[None] * len(values)] if each.optional else []
    if not present or each.dtype == "bool":
        return blocks
    strange: list[bytes | float] = list(_UNKNOWN)
    if present[0].dtype != object:
        numbers = np.concatenate(present).astype(np.float64)
        numbers = numbers[np.isfinite(numbers)]
        low, high = (numbers.min(), numbers.max()) if numbers.size else (0.0, 0.0)
        margin = 10 * max(high - low, abs(high), abs(low), 1.0)
        strange = [low - margin, high + margin]
    return blocks + [[None if value is None else _all(value, what) for value in values] for what in strange]


def _all(value: Array, what: bytes | float) -> Array:
    """Replaces every value by this one, with the type kept."""
    return strings([what] * len(value)) if isinstance(what, bytes) else _far(value, what)


def _far(value: Array, number: float) -> Array:
    limits = np.iinfo(np.int64) if value.dtype.kind in "iu" else np.finfo(np.float32)
    # A float next to the largest int64 would be beyond it.
    clipped = min(max(number, float(limits.min) * 0.99), float(limits.max) * 0.99)
    return np.full(len(value), clipped).astype(value.dtype)


def _numbers_by_row(bench: Bench, answer: Answer, rows: int) -> Array | None:
    """The predictions, float64 [rows, any]; None where there are none for each row: an output may have any shape."""
    numbers = bench.numbers(answer)
    if numbers is None or not numbers.ndim or len(numbers) != rows or not numbers.size:
        return None
    return numbers.reshape(rows, -1)


def _effect(bench: Bench, column: str, varies: bool, rows: int, before: Answer, after: Answer) -> FeatureEffect:
    if after.error is not None:
        # Neither is known; that it refuses what is in its own rows is for the other checks.
        return FeatureEffect(column, varies, shuffled=0.0, largest=0.0, outputs=frozenset(before.outputs))
    numbers = [_numbers_by_row(bench, answer, rows) for answer in (before, after)]
    shuffled, largest = 0.0, 0.0
    if numbers[0] is not None and numbers[1] is not None and numbers[0].shape == numbers[1].shape:
        with np.errstate(invalid="ignore"):
            changes = np.abs(numbers[1] - numbers[0]).reshape(_BLOCKS, rows // _BLOCKS, -1)
        blocks = np.where(np.isfinite(changes), changes, 0.0).mean(axis=(1, 2))
        shuffled, largest = float(blocks[:_SHUFFLES].mean()), float(blocks.max())
    return FeatureEffect(column, varies, shuffled, largest, _differing(before.outputs, after.outputs))


def _differing(before: Mapping[str, Array], after: Mapping[str, Array]) -> frozenset[str]:
    return frozenset(
        name
        for name, array in before.items()
        if name not in after
        or array.shape != after[name].shape
        or not np.array_equal(array, after[name], equal_nan=array.dtype.kind == "f")
    )


def _key(value: Array | None) -> object:
    return None if value is None else tuple(value.tolist())

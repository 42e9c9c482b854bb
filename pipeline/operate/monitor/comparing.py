"""Requests beside training data, by the data gate's own comparisons and limits: those of `data_gate.serving`."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_gate.columns import Columns, Kind
from components.data_gate.comparisons import CATEGORIES, Pair, absent, measure, moved
from components.data_gate.config import DataGateConfig
from components.data_gate.summary import Column, from_values
from components.data_gate.tables import serving_sample
from pipeline.config.loader import LoadedConfig
from pipeline.operate.monitor.learned import Learned, Predictions, learned
from pipeline.operate.serve.answer_columns import LABEL, PROBABILITY, VALUE, VERSION
from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.text import quoted

PREDICTION = "prediction"
"""Stands for a column in the lines about the model's answers."""
UNSEEN = "values that training did not have"

_ALL = 1 - 1e-6
"""So much of a column's values the statistics have to name before another value counts as unseen."""
_NAMED = 1000
"""So many values of a column TFDV's statistics name at most."""
_SHOWN_VALUES = 3
_ORDER = ("beyond", "warned", "chance", "within")
State = Literal["within", "chance", "warned", "beyond"]


@dataclass(frozen=True)
class Line:
    """How one comparison came out.

    Attributes:
      column: of the table, or `PREDICTION`.
      measure: what was measured, in words.
      distance: 0 (the same) to 1 (nothing in common); None where the requests lack the column.
      limit: how far it may be.
      chance: what two samples of these sizes exceed by chance alone.
      state: `within` the limit; `beyond` it, or `warned` where that is configured only to warn; or beyond it by
        `chance`, as there are too few rows to tell.
      detail: where the difference is.
    """

    column: str
    measure: str
    distance: float | None
    limit: float
    chance: float
    state: State
    detail: str


@dataclass(frozen=True)
class Monitored:
    """What the requests look like beside the training data.

    Attributes:
      version: that is served.
      run: that made it.
      requests: the file or folder.
      rows: in it that were looked at.
      cut: whether it has more, which `data_gate.serving.max_rows` leaves out.
      training_rows: that they are compared with.
      lines: the comparisons; those beyond their limits first.
    """

    version: str
    run: str
    requests: str
    rows: int
    cut: bool
    training_rows: int
    lines: tuple[Line, ...]

    @property
    def exceeded(self) -> bool:
        """Whether a limit that blocks is exceeded."""
        return any(line.state == "beyond" for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "exceeded": self.exceeded}


def monitor(loaded: LoadedConfig, requests: str) -> Monitored:
    """Compares requests with what the served version learned from.

    Args:
      loaded: the pipeline.
      requests: the folder of a request log, or a file as for `data_gate.serving.sample`.

    Raises:
      UserError: there are no requests, they can't be read, or nobody knows what the version learned from.
      OSError, tensorflow.errors.OpError: a file can't be read.
    """
    config = loaded.config
    from_training = learned(loaded)
    schema = schema_pb2.Schema()
    for name, column in from_training.train.columns.items():
        schema.feature.add(name=name, type=schema_pb2.FeatureType.Value(column.type))
    try:
        sample = serving_sample(
            requests, schema, config.data.missing("csv"), config.data_gate.serving.max_rows, _said(from_training)
        )
    except UserError as error:
        # There the path is a field of the configuration.
        hint = error.hint if "remove the setting" not in error.hint else "give the folder of a server's request log"
        raise UserError(
            error.message or "the requests can't be read", expected=error.expected, received=error.received, hint=hint
        ) from error
    pair = Pair("serving_skew", from_training.train, "train", sample.summary, None, "")
    columns = _columns(from_training, config.features)
    lines = [
        *_features(pair, columns, config.data_gate),
        *_unseen(pair, columns, config.data_gate),
        *_answers(from_training, sample.table, config.data_gate),
    ]
    ordered = sorted(lines, key=lambda line: _ORDER.index(line.state))
    return Monitored(
        from_training.version,
        from_training.run,
        requests,
        sample.summary.rows,
        sample.cut,
        from_training.train.rows,
        tuple(ordered),
    )


def _said(from_training: Learned) -> list[str]:
    """The columns of the log that hold the model's answers, as far as they are compared."""
    classes = from_training.predictions.contract.classes if from_training.predictions is not None else None
    return [VERSION, LABEL, VALUE, *(PROBABILITY + each for each in (classes or ())[-1:])]


def _columns(from_training: Learned, features: FeaturesConfig) -> Columns:
    """The inputs of the served version: the configuration may have others by now."""
    today = Columns.of(features)
    if from_training.inputs is None:
        return today
    known = from_training.train.columns
    inputs: dict[str, Kind] = {
        name: today.inputs.get(name, "category" if name in known and known[name].type == "BYTES" else "number")
        for name in from_training.inputs
    }
    return today.model_copy(update={"inputs": inputs})


def _features(pair: Pair, columns: Columns, config: DataGateConfig) -> Iterator[Line]:
    for finding in absent(pair, config.serving, columns):
        state: State = "beyond" if finding.severity == "block" else "warned"
        yield Line(str(finding.feature), "the column", None, 0.0, 0.0, state, finding.received)
    for each in moved(pair, config.serving, columns, config.chance):
        yield _line(each.column, each.measure, each.distance, each.limit, blocks=each.severity == "block")


def _line(column: str, measured: str, distance: Any, limit: float, *, blocks: bool) -> Line:
    state: State = "chance" if distance.value > limit else "within"
    if distance.exceeds(limit):
        state = "beyond" if blocks else "warned"
    return Line(column, measured, distance.value, limit, distance.chance, state, distance.detail)


def _unseen(pair: Pair, columns: Columns, config: DataGateConfig) -> Iterator[Line]:
    """Categories that training did not have, where its statistics name all of them."""
    limit = config.unexpected_values.block_above
    for name, before in pair.base.columns.items():
        after = pair.other.columns.get(name)
        if after is None or not columns.comparable(name) or not before.shares or not after.shares:
            continue
        if columns.inputs.get(name) == "text" or sum(before.shares.values()) < _ALL:
            continue
        if columns.inputs.get(name) == "list" and len(before.shares) >= _NAMED:
            continue  # shares of lists add up to more than 1, whoever is missing
        new = {value: share for value, share in after.shares.items() if value not in before.shares}
        if new:
            largest = sorted(new, key=lambda value: -new[value])[:_SHOWN_VALUES]
            share = sum(new.values())
            state: State = "beyond" if share > limit else "warned"
            yield Line(name, UNSEEN, share, limit, 0.0, state, ", ".join(map(quoted, largest)))


def _answers(from_training: Learned, table: pa.Table | None, config: DataGateConfig) -> Iterator[Line]:
    """The answers of the served version in the log, beside those for its test split."""
    predictions = from_training.predictions
    if predictions is None or table is None or config.serving.severity == "off":
        return
    if VERSION in table.column_names:
        numbers = table[VERSION].cast(pa.int64()).to_numpy(zero_copy_only=False)
        table = table.filter(pa.array(numbers == int(from_training.version)))
    for name, before, after in _sides(predictions, table):
        measured = measure(before, after, as_category=before.type == "BYTES", chance=config.chance)
        if measured is not None:
            limit = config.serving.categorical if measured[1] == CATEGORIES else config.serving.numeric
            yield _line(name, measured[1], measured[0], limit, blocks=config.serving.severity == "block")


def _sides(predictions: Predictions, table: pa.Table) -> Iterator[tuple[str, Column, Column]]:
    """The name of each distribution of answers, on the test split and in the requests."""
    classes = predictions.contract.classes
    if classes is None:
        if VALUE in table.column_names:
            yield PREDICTION, _numbers(predictions.values), _numbers(_floats(table, VALUE))
        return
    if LABEL in table.column_names:
        said = np.array(table[LABEL].drop_null().to_pylist(), object)
        yield (
            PREDICTION,
            from_values("BYTES", np.array(predictions.labels(), object), 0),
            from_values("BYTES", said, 0),
        )
    positive = PROBABILITY + classes[-1]
    if predictions.contract.task == "binary" and positive in table.column_names:
        yield (
            f"{PREDICTION}: probability of {classes[-1]}",
            _numbers(predictions.values[:, 1]),
            _numbers(_floats(table, positive)),
        )


def _floats(table: pa.Table, name: str) -> Any:
    return table[name].cast(pa.float64()).drop_null().to_numpy()


def _numbers(values: Any) -> Column:
    finite = values[np.isfinite(values)]
    return from_values("FLOAT", finite, len(values) - len(finite))

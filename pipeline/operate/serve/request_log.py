"""The request log: raw rows and their answers as Parquet files, each there whole or not at all.

One column for each column of the table, so that ExampleGen, `data_gate.serving` and `lockgate monitor` read it as they
read the table; and `prediction_...` for what the model said.
"""

import contextlib
import datetime
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from pipeline.config.serving import RequestLogConfig
from pipeline.operate.serve import calls
from pipeline.operate.serve.answer_columns import LABEL, PROBABILITY, TIME, VALUE, VERSION
from pipeline.operate.serve.raw_inputs import RawInputs
from preprocessing.text import decoded

_ROWS_AND_CLASSES = 2
_MOST_CLASSES = 30
"""With more, only the label is kept."""
_PREFIX, _ENDING = "requests-", ".parquet"
_PART_SECONDS = 3600.0
"""A half-written file that is older was left by a server that was killed."""
_MIB = 2**20
_LONGEST_PAUSE_SECONDS = 1.0


@dataclass
class _Waiting:
    """Rows that are not written yet."""

    version: int
    since: float
    rows: int = 0
    tables: list[pa.Table] = field(default_factory=list)


class RequestLog:
    """Keeps some of the requests. Any thread may use it."""

    def __init__(
        self,
        folder: Path,
        config: RequestLogConfig,
        inputs: Callable[[int, Mapping[str, Any]], RawInputs],
        *,
        kept: Callable[[int], None],
        lost: Callable[[int, str], None],
        left_out: Callable[[int, str], None],
        unpruned: Callable[[str], None],
        seed: int | None = None,
    ) -> None:
        """Makes the folder.

        Args:
          folder: of the files.
          config: how much is kept.
          inputs: gives what a version reads, by its number and its signatures.
          kept: is told how many rows were written.
          lost: is told how many rows could not be written, and why.
          left_out: is told how many rows can't be kept, as nobody knows their columns, and why.
          unpruned: is told why old files could not be removed.
          seed: of the drawing, for tests.

        Raises:
          OSError: it can't be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._config, self._inputs = folder, config, inputs
        self._kept, self._lost, self._left_out = kept, lost, left_out
        self._unpruned = unpruned
        self._drawn = random.Random(seed)  # noqa: S311 - which requests are kept is no secret
        self._lock = threading.Lock()
        self._waiting: _Waiting | None = None

    def add(self, asked: calls.Asked) -> None:
        """Keeps a request that was answered, if it holds raw rows and is drawn."""
        with self._lock:
            if self._drawn.random() >= self._config.sample:
                return
        if not asked.rows:
            return
        try:
            columns = calls.features(asked, self._inputs(asked.version, asked.signatures))
            if columns is None:
                return
            table = _table(columns, asked)
        except (calls.NotRawError, pa.ArrowException) as error:
            self._left_out(asked.rows, str(error))
            return
        full: list[_Waiting] = []
        with self._lock:
            if self._waiting is not None and self._waiting.version != asked.version:
                full.append(self._waiting)
                self._waiting = None
            if self._waiting is None:
                self._waiting = _Waiting(asked.version, time.monotonic())
            self._waiting.tables.append(table)
            self._waiting.rows += table.num_rows
            if self._waiting.rows >= self._config.rows_per_file:
                full.append(self._waiting)
                self._waiting = None
        for each in full:
            self._write(each)

    def follow(self, stop: threading.Event) -> None:
        """Writes what has waited long enough, until `stop`."""
        while not stop.wait(min(self._config.seconds_per_file, _LONGEST_PAUSE_SECONDS)):
            self.flush(older=self._config.seconds_per_file)

    def flush(self, older: float = 0.0) -> None:
        """Writes what waits.

        Args:
          older: only if its first row came so many seconds ago.
        """
        with self._lock:
            waiting = self._waiting
            if waiting is None or time.monotonic() - waiting.since < older:
                return
            self._waiting = None
        self._write(waiting)

    def _write(self, waiting: _Waiting) -> None:
        moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
        # The number at random: two servers may keep their requests in one folder.
        name = f"{_PREFIX}{moment}-{waiting.version}-{secrets.token_hex(2)}{_ENDING}"
        part = self._folder / f".{name}.part"
        try:
            parquet.write_table(pa.concat_tables(waiting.tables, promote_options="permissive"), part)
            part.rename(self._folder / name)
        except (OSError, pa.ArrowException) as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            self._lost(waiting.rows, str(error))
            return
        self._kept(waiting.rows)
        try:
            self._prune()
        except OSError as error:
            self._unpruned(str(error))

    def _prune(self) -> None:
        """Removes the oldest files beyond the limit, and what killed servers left half written."""
        room = self._config.max_mb * _MIB
        for file in sorted(self._folder.glob(f"{_PREFIX}*{_ENDING}"), reverse=True):
            room -= _size(file)
            if room < 0:
                file.unlink(missing_ok=True)
        for part in self._folder.glob(f".{_PREFIX}*{_ENDING}.part"):
            if time.time() - _changed(part) > _PART_SECONDS:
                part.unlink(missing_ok=True)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:  # another server has removed it
        return 0


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _table(columns: Mapping[str, list[Any]], asked: calls.Asked) -> pa.Table:
    """Rows with their answers; a feature keeps its name where an answer is called the same."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    features = {name: _column(values) for name, values in columns.items()}
    about = {
        VERSION: pa.array([asked.version] * asked.rows, pa.int64()),
        TIME: pa.array([now] * asked.rows, pa.string()),
    }
    return pa.table({**_answers(asked), **about, **features})


def _column(values: list[Any]) -> pa.Array:
    if any(isinstance(each, list) for each in values):
        texts = [None if each is None else [decoded(one) for one in each] for each in values]
        return pa.array(texts, pa.list_(pa.string()))
    kept = [decoded(each) if isinstance(each, bytes) else each for each in values]
    # Signatures and tf.Examples have no other floats.
    return pa.array(kept, pa.float32() if any(isinstance(each, float) for each in kept) else None)


def _answers(asked: calls.Asked) -> dict[str, pa.Array]:
    outputs, found = asked.outputs, dict[str, pa.Array]()
    for name, output in ((LABEL, "label"), (VALUE, "value")):
        if output in outputs and outputs[output].shape == (asked.rows,):
            found[name] = _column(outputs[output].tolist())
    probabilities, classes = outputs.get("probabilities"), outputs.get("classes")
    if probabilities is None or classes is None or probabilities.ndim != _ROWS_AND_CLASSES:
        return found
    if probabilities.shape == classes.shape and len(classes) == asked.rows and classes.shape[1] <= _MOST_CLASSES:
        for position, name in enumerate(classes[0].tolist()):
            found[PROBABILITY + decoded(name)] = pa.array(probabilities[:, position].astype(np.float32))
    return found

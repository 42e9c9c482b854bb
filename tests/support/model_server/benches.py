"""The toy model in the sandbox, with rows, ready for the checks that ask a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from support.model_server import toy

from components.smoke_test.bench.bench import Bench, Rows
from components.smoke_test.bench.requests import Row, strings
from components.smoke_test.config import Process, Server, SmokeTestConfig
from components.smoke_test.export.contract import Contract, Feature
from components.smoke_test.export.saved_model import read_export
from components.smoke_test.sandbox.session import Session

RAW = [(0.5, 3, "Rome"), (-2.25, 7, "Oslo"), (1e6, -4, "Rome"), (None, 5, None), (0.1, None, "Rome")]
POSITIONS = (3, 5, 8, 13, 21)


def rows() -> list[Row]:
    """The rows of RAW, with a label that no request may hold."""
    made = []
    for x, count, city in RAW:
        row = {"answer": np.array([1], np.int64)}
        row |= {} if x is None else {"x": np.array([x], np.float32)}
        row |= {} if count is None else {"count": np.array([count], np.int64)}
        row |= {} if city is None else {"city": strings([city])}
        made.append(row)
    return made


@contextmanager
def toy_bench(folder: Path) -> Iterator[Bench]:
    """Exports the toy model and starts its process."""
    export = read_export(toy.export(folder))
    features = {"x": Feature("x", "float32"), "count": Feature("count", "int64"), "city": Feature("city", "string")}
    contract = Contract(
        task=None, classes=None, label="answer", features=features, signatures=export.signatures, prediction="value"
    )
    with Session(Process()) as session:
        session.wait_until_started()
        seconds = session.load(folder)
        yield Bench(SmokeTestConfig(), export, contract, session, Rows(rows(), POSITIONS), load_seconds=seconds)


def with_server(bench: Bench, *, process: dict[str, Any] | None = None, **server: Any) -> Bench:
    """The bench with other settings of `smoke_test.server` and `smoke_test.process`."""
    changes = {"server": Server(**server), "process": Process(**(process or {}))}
    return replace(bench, config=bench.config.model_copy(update=changes))

"""A bench whose model is a Python function: a stand-in for the process that the model lives in."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.core.protobuf import saved_model_pb2

from components.smoke_test.bench.bench import Bench, Rows
from components.smoke_test.bench.search_time import WEIGHTS, SearchTime
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Feature, Signature, TensorSpec
from components.smoke_test.export.saved_model import Export
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Answer, Memory, ModelError, Odd, Repeated, Request
from components.smoke_test.sandbox.worker.repeating import Series

Outputs = Mapping[str, Any]
Model = Callable[[str, Mapping[str, Any], int], Outputs]
"""Signature, inputs, how many ask at once -> outputs. May raise `ModelRefusesError`."""


class ModelRefusesError(Exception):
    """The model answers with an error: code and message."""


class StandIn:
    """Answers as `Session` does.

    Attributes:
      asked: the signature and the number of rows of every request so far.
      kept_mb: what it has kept of its requests: a model may add to it.
    """

    def __init__(self, model: Model, transform: Callable[[Any], Outputs] | None = None) -> None:
        self._model, self._transform = model, transform
        self.asked: list[tuple[str, int]] = []
        self.kept_mb = 0.0
        self._series: dict[str, Series] = {}

    def ask(self, requests: Sequence[Request], *, phase: str, threads: int = 1) -> list[Answer]:  # noqa: ARG002
        return [self._answer(request, threads) for request in requests]

    def memory(self) -> Memory:
        return Memory(500.0, 600.0, 700.0, 80.0 + self.kept_mb)

    def repeat(
        self,
        requests: Sequence[Request],
        order: Sequence[int],
        *,
        phase: str,  # noqa: ARG002
        series: str,
        seconds: float,  # noqa: ARG002 - it takes no time
        threads: int = 1,
    ) -> Repeated:
        kept = self._series.setdefault(series, Series())
        kept.start_again()
        for place in dict.fromkeys(order):
            kept.first.setdefault(place, self._answer(requests[place], 1))
        kept.run(lambda place: self._answer(requests[place], threads), order, threads=1, seconds=60)
        odd = [Odd(turn, place, kept.first[place], answer) for turn, place, answer in kept.odd]
        return Repeated([turn for turn, _ in kept.turns], [each for _, each in kept.turns], kept.differing, odd)

    def transform(self, graph: Path, examples: Any) -> Answer:  # noqa: ARG002
        try:
            return Answer(self._transform(examples))
        except ModelRefusesError as error:
            return Answer(error=ModelError(*error.args))

    def _answer(self, request: Request, threads: int) -> Answer:
        rows = max((len(array) for array in request.inputs.values() if array.ndim), default=1)
        self.asked.append((request.signature, rows))
        try:
            outputs = {
                name: np.asarray(each) for name, each in self._model(request.signature, request.inputs, threads).items()
            }
        except ModelRefusesError as error:
            return Answer(error=ModelError(*error.args))
        names = {name: "string" if each.dtype == object else each.dtype.name for name, each in outputs.items()}
        return Answer(outputs, names, seconds=1e-4)


def signature(name: str = "serving_default", inputs: Any = None, **outputs: TensorSpec) -> Signature:
    """A signature with a tensor for each feature: `x`, unless it says otherwise."""
    inputs = inputs or {"x": TensorSpec("float32", (None,))}
    features = {argument: Feature(argument, "float32") for argument in inputs}
    outputs = outputs or {"value": TensorSpec("float32", (None,))}
    return Signature(name, "features", "predict", inputs, outputs, features=features)


def bench(
    model: Model,
    *,
    signatures: Sequence[Signature] = (signature(),),
    x: Sequence[float] = (0.5, -2.0, 3.0, 1.0),
    rows: Rows | None = None,
    golden: Any = None,
    transform: Callable[[Any], Outputs] | None = None,
    config: Mapping[str, Any] | None = None,
    **contract: Any,
) -> Bench:
    """A bench of rows with one number, `x`; row i stands at place 10 + i of the split."""
    known = {"task": None, "classes": None, "label": None, "features": {}, "prediction": None}
    made = rows or Rows([{"x": np.array([each], np.float32)} for each in x], range(10, 10 + len(x)), golden)
    settings = SmokeTestConfig(**(config or {}))
    return Bench(
        config=settings,
        export=Export(Path("export"), _no_graph(), {}),
        contract=Contract(**known | {"signatures": {each.name: each for each in signatures}} | contract),
        session=StandIn(model, transform),  # type: ignore[arg-type]
        rows=made,
        load_seconds=1.0,
        search_time=SearchTime(settings.search.seconds, tuple(WEIGHTS)),
        transform_graph=Path("graph") if transform else None,
    )


def _no_graph() -> Any:
    """A SavedModel without a graph: there is nothing to be read in it."""
    proto = saved_model_pb2.SavedModel()
    proto.meta_graphs.add().meta_info_def.tags.append("serve")
    return proto


def texts(values: Any) -> Any:
    """Strings as they come from a model: an object array of bytes."""
    array = np.array(values, dtype=object)
    return np.vectorize(lambda each: each.encode(), otypes=[object])(array) if array.size else array


def failures(results: Any) -> list[CheckResult]:
    """Those of the results that failed."""
    return [each for each in results if each.status == "failed"]


def of(results: Any, check: str) -> list[CheckResult]:
    """The results of one check."""
    return [each for each in results if each.check == check]

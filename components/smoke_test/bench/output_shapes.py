"""Whether the outputs of an answer have the names, types and shapes that were promised."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.requests import takes_batches
from components.smoke_test.export.contract import Contract, Signature, TensorSpec
from components.smoke_test.sandbox.session import Answer

Array = NDArray[Any]
Shape = tuple[int | None, ...]

_OTHER_EXPORT = "the export differs from what its trainer promised: look at the code that exports"
_FLOAT64 = "cast the prediction to float32 in the export: clients and the Evaluator were promised that"
_TASK = "the task asks for this; if it is another output, name it in smoke_test.expect.prediction"
_BATCH = (
    "REST and the server's batching need a row of every output for each row of the request: look for a mean or a "
    "squeeze over the batch, and put what belongs to no row into a signature of its own"
)
_DECLARED = "the graph does not keep to its own signature: a dimension was lost, or squeezed away"


def outputs_differ(bench: Bench, signature: Signature, answer: Answer) -> tuple[str, str, str]:
    """Compares the outputs with what was promised: by the trainer, else by the signature and the task.

    Returns:
      What is expected; what is there instead, empty when that is as expected; and a hint.
    """
    rows = len(bench.rows) if takes_batches(signature) else None
    promised = bench.contract.promised.get(signature.name)
    expected = dict(promised[1]) if promised else dict(signature.outputs)
    actual = {name: _spec(answer, name) for name in answer.outputs}
    hint = _OTHER_EXPORT if promised else _DECLARED
    name = bench.prediction_output(answer)
    by_task = {} if promised or name is None else _of_task(bench.contract, name)
    if name not in actual and any(name in each.outputs for each in bench.contract.predicting()):
        by_task = {}  # a signature for another question, beside one that gives the predictions
    if set(actual) != set(expected) or not all(_fits(actual[each], expected[each], rows) for each in expected):
        differing = {each: spec for each, spec in actual.items() if not _fits(spec, expected.get(each), rows)}
        if any(spec.dtype == "float64" for spec in differing.values()):
            hint = _FLOAT64
        return _listed(expected, rows), _listed(actual, None), hint
    if rows is not None and (loose := {each: spec for each, spec in actual.items() if not _follows(spec, rows)}):
        return f"{_listed(expected, rows)}, with a row for each of the {rows} rows", _listed(loose, None), _BATCH
    for each, allowed in by_task.items():
        if not any(_fits(actual[each], spec, rows) for spec in allowed) if each in actual else True:
            described = " or ".join(_described(spec, rows) for spec in allowed)
            received = f"{each}: {actual[each]}" if each in actual else _listed(actual, None)
            return (
                f"{each}: {described}, as the task is {bench.contract.task}",
                received,
                _FLOAT64 if each in actual and actual[each].dtype == "float64" else _TASK,
            )
    return _listed(expected, rows), "", ""


def _spec(answer: Answer, name: str) -> TensorSpec:
    """What came back. NumPy has no bfloat16: of such types the declared one counts."""
    array, declared = answer.outputs[name], answer.dtypes.get(name, "")
    received = "string" if array.dtype == object else array.dtype.name
    if declared not in ("", "string") and not _in_numpy(declared):
        received = declared
    return TensorSpec(received, array.shape)


def _in_numpy(dtype: str) -> bool:
    return dtype in ("bool", "string") or hasattr(np, dtype)


def _of_task(contract: Contract, name: str) -> Mapping[str, list[TensorSpec]]:
    """The forms that the predictions of the task may have; nothing where the task is not known."""
    if contract.task is None:
        return {}
    flat = [TensorSpec("float32", (None,)), TensorSpec("float32", (None, 1))]
    width = len(contract.classes) if contract.classes else None
    if contract.task == "regression":
        return {name: flat}
    if contract.task == "binary":
        return {name: [TensorSpec("float32", (None, 2)), *flat]}
    return {name: [TensorSpec("float32", (None, width))]}


def _fits(actual: TensorSpec, expected: TensorSpec | None, rows: int | None) -> bool:
    """Whether type and shape are as expected; an open first dimension is that of the rows."""
    if expected is None or actual.dtype != expected.dtype:
        return False
    if expected.shape is None or actual.shape is None:
        return True
    wanted = _with_rows(expected.shape, rows)
    if len(wanted) != len(actual.shape):
        return False
    return all(size is None or size == received for size, received in zip(wanted, actual.shape, strict=True))


def _follows(actual: TensorSpec, rows: int) -> bool:
    return bool(actual.shape) and actual.shape is not None and actual.shape[0] == rows


def _with_rows(shape: Shape, rows: int | None) -> Shape:
    return (rows, *shape[1:]) if shape and shape[0] is None else shape


def _described(spec: TensorSpec, rows: int | None) -> str:
    return str(spec if spec.shape is None else TensorSpec(spec.dtype, _with_rows(spec.shape, rows)))


def _listed(outputs: Mapping[str, TensorSpec], rows: int | None) -> str:
    return ", ".join(f"{name}: {_described(spec, rows)}" for name, spec in sorted(outputs.items())) or "no output"

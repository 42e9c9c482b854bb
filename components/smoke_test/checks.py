"""Pure functions: what the child saw -> what is right and wrong with the model."""

import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.answers import (
    OTHER_EXPORT,
    Answer,
    batch_of_one,
    classes,
    finite,
    label,
    parity,
    probabilities,
)
from components.smoke_test.golden import Contract, Golden
from components.smoke_test.report import PROCESS_CHECK, CheckResult
from components.smoke_test.sandbox import Limits, Observation, Outcome, Tensor
from components.smoke_test.worker import SERVING_SIGNATURES, TRANSFORM_SIGNATURE

_MEMORY_SIGNS = ("RESOURCE_EXHAUSTED", "ResourceExhausted", "bad_alloc", "MemoryError", "Cannot allocate memory")


def run_checks(
    outcome: Outcome, golden: Golden, features: Mapping[str, str], *, limits: Limits, tolerance: float
) -> list[CheckResult]:
    """All checks on what one child saw, in the order in which they make sense to a reader.

    Args:
      outcome: how the child ended.
      golden: the trainer's predictions and the contract.
      features: the dtype of each argument of `serve_features`, by name.
      limits: what the child was allowed.
      tolerance: absolute for probabilities, relative for values.
    """
    results = [_process(outcome, limits)]
    seen = outcome.observation
    if seen is None:
        return results
    results.append(_answered("loads", None, "load", seen))
    if not results[-1].passed:
        return results
    arguments = {"serving_default": {"examples": "string"}, TRANSFORM_SIGNATURE: {"examples": "string"}}
    arguments["serve_features"] = dict(features)
    results += [_signature(name, inputs, seen) for name, inputs in arguments.items()]
    results.append(_golden_rows(seen))
    for name in SERVING_SIGNATURES:
        results += _serving(name, seen, golden, tolerance)
    return results


def _process(outcome: Outcome, limits: Limits) -> CheckResult:
    hint = ""
    if outcome.failure:
        hint = "read log_tail in the report; smoke_test.timeout_seconds and smoke_test.memory_mb are the limits"
        if any(sign in outcome.log_tail for sign in _MEMORY_SIGNS):
            hint = "it ran out of memory: raise smoke_test.memory_mb if the model really needs more"
    return CheckResult(
        check=PROCESS_CHECK,
        expected=f"the model's process to finish within {limits.seconds:g} s and {limits.memory_mb} MiB",
        actual=f"{outcome.failure}, in phase {outcome.phase!r}" if outcome.failure else "exit code 0",
        passed=not outcome.failure,
        hint=hint,
    )


def _answered(check: str, signature: str | None, phase: str, seen: Observation) -> CheckResult:
    error = seen.errors.get(phase)
    memory = error is not None and any(sign in error for sign in _MEMORY_SIGNS)
    return CheckResult(
        check=check,
        signature=signature,
        expected="no error",
        actual=error or "no error",
        passed=error is None,
        hint="raise smoke_test.memory_mb if the model really needs more" if memory else "",
        seconds=seen.seconds.get(phase, 0.0),
    )


def _signature(name: str, inputs: Mapping[str, str], seen: Observation) -> CheckResult:
    expected = _described(inputs)
    declared = seen.signatures.get(name)
    if declared is None:
        actual = f"no such signature, only {', '.join(sorted(seen.signatures)) or 'none'}"
    else:
        actual = _described({argument: spec["dtype"] for argument, spec in declared["inputs"].items()})
    passed = actual == expected
    return CheckResult(
        check="signature",
        signature=name,
        expected=expected,
        actual=actual,
        passed=passed,
        hint="" if passed else "a server would refuse the documented request; " + OTHER_EXPORT,
    )


def _described(inputs: Mapping[str, str]) -> str:
    return "inputs " + ", ".join(f"{name}: {dtype}" for name, dtype in sorted(inputs.items()))


def _golden_rows(seen: Observation) -> CheckResult:
    found = len(seen.row_keys)
    error = seen.errors.get(TRANSFORM_SIGNATURE)
    return CheckResult(
        check="golden_rows",
        signature=TRANSFORM_SIGNATURE,
        expected="at least one row that the trainer has predicted",
        actual=error or f"{found} rows",
        passed=found > 0,
        hint=""
        if found
        else "the trainer stores predictions of the split that smoke_test.split names: train again, on these examples",
        seconds=seen.seconds.get(TRANSFORM_SIGNATURE, 0.0),
    )


def _serving(name: str, seen: Observation, golden: Golden, tolerance: float) -> Iterator[CheckResult]:
    """The checks on the answers of one serving signature; each needs the ones before it."""
    if name not in seen.signatures:
        return
    answered = _answered("answers", name, name, seen)
    yield answered
    if not answered.passed:
        return
    answers = seen.answers.get(name, {})
    malformed = _outputs(answers, golden.contract, len(seen.rows))
    yield malformed.model_copy(update={"signature": name})
    if not malformed.passed:
        return
    answer = Answer(
        contract=golden.contract,
        outputs={output: tensor.values for output, tensor in answers["all"].items()},
        singles={
            int(request): {output: tensor.values for output, tensor in outputs.items()}
            for request, outputs in answers.items()
            if request != "all"
        },
        rows=seen.rows,
        expected=_expected(seen, golden),
        tolerance=tolerance,
    )
    for check in _checks_for(answer):
        started = time.perf_counter()
        result = check(answer)
        yield result.model_copy(update={"signature": name, "seconds": round(time.perf_counter() - started, 6)})
        if result.check == "finite" and not result.passed:
            return  # every comparison with NaN would fail too and hide this one


def _checks_for(answer: Answer) -> list[Callable[[Answer], CheckResult]]:
    checks: list[Callable[[Answer], CheckResult]] = [finite]
    if answer.contract.classes is not None:
        checks += [probabilities, classes, label]
    if answer.expected is not None:
        checks.append(parity)
    return [*checks, batch_of_one]


def _expected(seen: Observation, golden: Golden) -> NDArray[np.float32] | None:
    if not seen.row_keys:
        return None
    position = {key: i for i, key in enumerate(golden.row_keys.tolist())}
    return golden.predictions[[position[key] for key in seen.row_keys]]


def _outputs(answers: Mapping[str, Mapping[str, Tensor]], contract: Contract, rows: int) -> CheckResult:
    """Names, types and shapes, of the answer to all rows and of those to single rows."""
    for request, outputs in answers.items():
        sent = rows if request == "all" else 1
        expected = _expected_outputs(contract, sent)
        actual = {name: f"{tensor.dtype} {list(tensor.values.shape)}" for name, tensor in outputs.items()}
        if actual != expected:
            return CheckResult(
                check="outputs",
                expected=_listed(expected),
                actual=f"{_listed(actual)} for {sent} rows",
                passed=False,
                hint=OTHER_EXPORT,
            )
    everything = _listed(_expected_outputs(contract, rows))
    return CheckResult(check="outputs", expected=everything, actual=everything, passed=True)


def _expected_outputs(contract: Contract, rows: int) -> dict[str, str]:
    if contract.classes is None:
        return {"value": f"float32 {[rows]}"}
    shape = [rows, len(contract.classes)]
    return {"probabilities": f"float32 {shape}", "classes": f"string {shape}", "label": f"string {[rows]}"}


def _listed(outputs: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {description}" for name, description in sorted(outputs.items())) or "no output"

"""Another engine gets the same requests: a real TensorFlow Serving, and the verdict of TFX's InfraValidator."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.requests import Row, strings
from components.smoke_test.export.contract import Signature
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Request
from components.smoke_test.server import rest
from components.smoke_test.server.client import Client, NoAnswerError
from components.smoke_test.server.interview import Api, Judge, Question
from components.smoke_test.server.process import PROGRAM, StartError, find_program, running_server

_APIS: tuple[Api, Api] = ("server_rest", "server_grpc")
_PHASE = "server"
_UNKNOWN = "lockgate_unknown_feature"
_LEFT_OUT = "input left out"
_SERVES = "a server that serves the model"
_LOG_LINES = 20
_REST_DROPS = (
    "TensorFlow Serving's REST API drops inputs that it does not know; where clients use it, set "
    "smoke_test.harm.expected.extra_feature to either"
)


def check_server(bench: Bench) -> Iterator[CheckResult]:
    """`server_rest` and `server_grpc`: a real server answers as the sandbox does.

    Raises:
      ProcessEnded: the model's process ended over a request.
      OSError: the export can't be copied for the server.
    """
    settings = bench.config.server
    if settings.use == "never":
        yield from _both_skipped("off: smoke_test.server.use is never")
    elif not bench.answering():
        yield from _both_skipped("no signature answers the real rows: see the check `answers`")
    elif settings.rest or settings.grpc:
        yield from _check_given(bench)
    else:
        yield from _check_started(bench)


def check_infra_validator(bench: Bench) -> Iterator[CheckResult]:
    """`infra_validator`: the verdict of TFX's own component, which ran before."""
    expected = "the blessing of TFX's InfraValidator"
    if bench.infra_blessing is None:
        off = bench.config.infra_validator is None
        reason = "off: smoke_test.infra_validator is not set" if off else "no InfraValidator ran before this"
        yield CheckResult.skips("infra_validator", reason)
    elif bench.infra_blessing:
        yield CheckResult.passes("infra_validator", expected)
    else:
        hint = "the log of the InfraValidator node holds the server's own; it also refuses when no server starts at all"
        yield CheckResult.fails("infra_validator", expected, "the model was not blessed", hint=hint)


def _check_given(bench: Bench) -> Iterator[CheckResult]:
    """The server of the configuration, over the APIs whose addresses are there."""
    settings = bench.config.server
    addresses: dict[Api, str | None] = {"server_rest": settings.rest, "server_grpc": settings.grpc}
    for api, address in addresses.items():
        if address is None:
            other = api.removeprefix("server_")
            yield CheckResult.skips(api, f"smoke_test.server has an address, but no `{other}`; with one it runs")
        else:
            yield from _interview(bench, api, address, settings.model_name)


def _check_started(bench: Bench) -> Iterator[CheckResult]:
    """A server of our own, if there is one to start."""
    config = bench.config
    program = find_program()
    if program is None:
        reason = f"no {PROGRAM} on the PATH"
        remedy = f"install {PROGRAM}, or name a server that has this export in smoke_test.server.rest or .grpc"
        if config.server.use == "if_found":
            yield from _both_skipped(f"{reason}; to run it, {remedy}")
        else:
            for api in _APIS:
                yield CheckResult.fails(api, f"{_SERVES}: smoke_test.server.use is required", reason, hint=remedy)
        return
    started = time.perf_counter()
    with ExitStack() as stack:
        try:
            running = stack.enter_context(
                running_server(
                    program,
                    bench.export.folder,
                    seconds=config.server.start_seconds,
                    output_mb=config.process.output_mb,
                )
            )
        except StartError as error:
            seconds = time.perf_counter() - started
            for api in _APIS:
                yield CheckResult.fails(api, _SERVES, f"{program}: {error}", hint=_log(error.log_tail), seconds=seconds)
            return
        addresses: dict[Api, str] = {"server_rest": running.rest, "server_grpc": running.grpc}
        for api, address in addresses.items():
            for result in _interview(bench, api, address, running.model):
                failed = result.status == "failed"
                hint = "; ".join(part for part in (result.hint, _log(running.log_tail())) if part)
                yield result.model_copy(update={"hint": hint}) if failed else result


def _both_skipped(reason: str) -> Iterator[CheckResult]:
    for api in _APIS:
        yield CheckResult.skips(api, reason)


def _log(tail: str) -> str:
    lines = tail.splitlines()[-_LOG_LINES:]
    return "the server's log ends with: " + "\n".join(lines) if lines else "the server printed nothing"


def _interview(bench: Bench, api: Api, address: str, model: str) -> Iterator[CheckResult]:
    """Everything that is asked over one API."""
    questions: list[Question] = []
    for signature in bench.answering():
        if api == "server_rest" and (reason := rest.unsupported(signature)):
            yield CheckResult.skips(api, reason, signature=signature.name)
        else:
            questions += _questions(bench, signature, api)
    with _client(api, address, model, bench.config.process.phase_seconds) as client:
        try:
            reason = client.unavailable()
        except NoAnswerError as error:
            hint = f"is it running, and is smoke_test.server.{api.removeprefix('server_')} right?"
            yield CheckResult.fails(api, _SERVES, str(error), hint=hint)
            return
        if reason:
            hint = "does the server have this export, under the name of smoke_test.server.model_name?"
            yield CheckResult.fails(api, f"{_SERVES} as `{model}`", reason, hint=hint)
            return
        contract = bench.contract
        judge = Judge(api, bench.tolerance(api), contract.task, bench.rows.positions, contract.decision_threshold)
        yield from judge.ask(client, questions)


def _client(api: Api, address: str, model: str, seconds: float) -> AbstractContextManager[Client]:
    if api == "server_rest":
        return rest.RestClient(address, model, seconds)
    # A third of a second that only a run with a server pays.
    from components.smoke_test.server.grpc_client import GrpcClient

    return GrpcClient(address, model, seconds)


def _questions(bench: Bench, signature: Signature, api: Api) -> list[Question]:
    """What one signature is asked: real rows, missing values, and requests that are wrong."""
    rows, outcome = bench.rows.rows, bench.config.harm.outcome
    one = bench.request(signature, rows[:1])
    as_sandbox = [
        ("one row", one),
        (f"{len(rows)} rows", bench.request(signature, rows)),
        ("missing values", bench.request(signature, _with_gaps(bench, rows))),
    ]
    if one.inputs:
        as_sandbox.append((_LEFT_OUT, Request(signature.name, _without_one(signature, one.inputs))))
    answers = bench.session.ask([request for _, request in as_sandbox], phase=_PHASE)
    # REST wants every input, whatever has a default.
    lenient = _LEFT_OUT if api == "server_rest" else ""
    questions = [
        Question(case, signature, request, "same or error" if case == lenient else "same", answer)
        for (case, request), answer in zip(as_sandbox, answers, strict=True)
    ]
    extra = {**one.inputs, _UNKNOWN: np.zeros(1, np.float32)}
    hint = _REST_DROPS if api == "server_rest" else ""
    questions.append(
        Question("extra feature", signature, Request(signature.name, extra), outcome("extra_feature"), answers[0], hint)
    )
    if one.inputs:
        wrong = Request(signature.name, _wrong_dtype(one.inputs))
        questions.append(Question("wrong dtype", signature, wrong, outcome("wrong_dtype")))
    # A signature that takes some other string would be right to answer this.
    if signature.kind == "examples" and signature.features:
        cut = Request(signature.name, {name: _truncated(array) for name, array in one.inputs.items()})
        questions.append(Question("truncated example", signature, cut, outcome("truncated_example")))
    return questions


def _with_gaps(bench: Bench, rows: Sequence[Row]) -> list[Row]:
    """The rows, each without another one of the features that need not be there."""
    optional = [name for name, feature in bench.contract.features.items() if not feature.required]
    if not optional:
        return list(rows)
    gaps = [optional[i % len(optional)] for i in range(len(rows))]
    return [{name: values for name, values in row.items() if name != gap} for row, gap in zip(rows, gaps, strict=True)]


def _without_one(signature: Signature, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The inputs without one: one that has a default, if any does."""
    left_out = min(signature.defaults or inputs)
    return {name: array for name, array in inputs.items() if name != left_out}


def _wrong_dtype(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The inputs, the first one of them as texts where numbers belong, or the other way round."""
    first = min(inputs)
    shape = inputs[first].shape
    wrong = np.zeros(shape, np.int64) if inputs[first].dtype == object else np.full(shape, b"text", object)
    return {**inputs, first: wrong}


def _truncated(examples: NDArray[Any]) -> NDArray[Any]:
    """The examples without their last byte; what is empty becomes a field without an end."""
    return strings([example[:-1] or b"\xff" for example in examples])

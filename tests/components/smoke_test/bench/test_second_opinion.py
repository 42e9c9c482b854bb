"""What the model's process does not survive, and a second one without oneDNN does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, signature

from components.smoke_test.bench.second_opinion import ask_daring
from components.smoke_test.checks.batches import check_batches
from components.smoke_test.checks.harm import check_harm
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import Answer, ModelError, Request

KERNEL = "Operation received an exception: Status: 2, in file tensorflow/core/kernels/mkl/mkl_avgpooling_op.cc:183"
CRASH = ProcessEnded("killed by signal 6 (Aborted)", crashed=True)
REQUEST = Request("serve", {"x": np.float32([1])})


class Process:
    """Answers each request with what it was made with: an answer, an error, or its end."""

    def __init__(self, *outcomes: Answer | ProcessEnded) -> None:
        self._outcomes = list(outcomes)
        self.asked, self.restarts = 0, 0

    def ask(self, requests: Sequence[Request], *, phase: str) -> list[Answer]:  # noqa: ARG002
        self.asked += len(requests)
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, ProcessEnded):
            raise outcome
        return [outcome] * len(requests)

    def restart(self, _: Path) -> None:
        self.restarts += 1


class Second:
    """As `SecondOpinion`."""

    def __init__(self, answer: Answer | None) -> None:
        self._answer, self.asked = answer, 0
        self.endings: dict[str, str] = {}

    def ask(self, requests: Sequence[Request], phase: str) -> list[Answer] | None:  # noqa: ARG002
        self.asked += len(requests)
        return None if self._answer is None else [self._answer] * len(requests)


class Where:
    """A bench with these two."""

    def __init__(self, first: Process, second: Second | None) -> None:
        self.session, self.second_opinion = first, second
        self.export = type("Export", (), {"folder": Path("model")})


GOOD = Answer({"y": np.float32([2])})
REFUSED = Answer(error=ModelError("InvalidArgument", "input must be 4-dimensional"))


def ask(first: Process, second: Second | None, requests: int = 2) -> tuple[list[Answer], str]:
    return ask_daring(Where(first, second), [REQUEST] * requests, phase="harm", kind="wrong_rank")  # type: ignore[arg-type]


def test_what_the_first_answers_nobody_else_is_asked() -> None:
    first, second = Process(GOOD), Second(REFUSED)
    assert ask(first, second) == ([GOOD, GOOD], "")
    assert (second.asked, first.restarts) == (0, 0)


def test_a_crash_that_the_second_survives_is_tensorflows() -> None:
    first, second = Process(CRASH, GOOD), Second(REFUSED)
    assert ask(first, second) == ([REFUSED, REFUSED], "killed by signal 6 (Aborted)")
    assert first.restarts == 1
    # The next requests of the kind do not end it again.
    assert ask(first, second) == ([REFUSED, REFUSED], "killed by signal 6 (Aborted)")
    assert (first.asked, first.restarts, second.asked) == (2, 1, 4)


@pytest.mark.parametrize(
    ("end", "second"),
    [
        (CRASH, Second(None)),
        (CRASH, None),
        (ProcessEnded("no answer within 60 s"), Second(GOOD)),
    ],
)
def test_any_other_end_is_the_models(end: ProcessEnded, second: Second | None) -> None:
    first = Process(end)
    with pytest.raises(ProcessEnded, match=str(end).split(" (")[0]):
        ask(first, second)
    assert first.restarts == 0


def test_an_error_of_a_kernel_of_onednn_is_asked_about() -> None:
    kernel = Answer(error=ModelError("Aborted", KERNEL))
    answers, failed = ask(Process(kernel), Second(REFUSED), requests=1)
    assert (answers, failed) == ([REFUSED], f"Aborted: {KERNEL}")
    assert ask(Process(kernel), Second(None), requests=1) == ([kernel], "")
    own = Answer(error=ModelError("Aborted", "the model's own"))
    assert ask(Process(own), Second(GOOD), requests=1) == ([own], "")


def empty_batch(outcome: Answer, second: Second | None, *, promised: bool = False) -> CheckResult:
    """The result of a batch of 0 for a model that answers others well."""

    def answer(_: str, inputs: Any, __: int) -> Any:
        return {"value": 2 * inputs["x"]}

    known = {"promised": {"serving_default": ({}, {})}} if promised else {}
    on = bench(answer, signatures=(signature(),), x=(1.0, 2.0), prediction="value", **known)
    asked = on.session.ask

    def ask(requests: Sequence[Request], **more: Any) -> list[Answer]:
        return [outcome if not len(each.inputs["x"]) else asked([each], **more)[0] for each in requests]

    on.session.ask = ask  # type: ignore[method-assign]
    object.__setattr__(on, "second_opinion", second)
    return next(each for each in check_batches(on) if each.case == "0 rows")


EMPTY = Answer({"value": np.float32([])})


def test_an_empty_batch() -> None:
    assert empty_batch(EMPTY, None).status == "passed"
    own = empty_batch(REFUSED, Second(REFUSED))
    assert (own.status, own.severity) == ("failed", "warn")
    assert "TensorFlow" not in own.hint
    # A promise is a promise, and only a clear refusal is one.
    assert empty_batch(REFUSED, Second(REFUSED), promised=True).severity == "block"
    assert empty_batch(Answer(error=ModelError("Internal", "oh")), Second(None)).severity == "block"
    assert empty_batch(Answer({"value": np.float32([1])}), Second(None)).severity == "block"


def test_an_empty_batch_that_only_onednn_fails() -> None:
    for outcome in (REFUSED, Answer({"value": np.float32([1, 2])})):
        result = empty_batch(outcome, Second(EMPTY), promised=True)
        assert (result.status, result.severity) == ("failed", "warn")
        assert result.received.endswith("an empty answer with TF_ENABLE_ONEDNN_OPTS=0")
        assert result.hint.startswith("TensorFlow 2.")


def test_a_wrong_rank_that_only_onednn_does_not_survive() -> None:
    def answer(_: str, inputs: Any, __: int) -> Any:
        if "x" not in inputs:
            raise ModelRefusesError("InvalidArgument", "x is missing")
        if inputs["x"].ndim != 2:
            raise CRASH
        return {"value": inputs["x"][:, 0]}

    for second, expected in ((Second(REFUSED), "warn"), (Second(Answer(error=ModelError("Internal", "oh"))), "block")):
        wide = signature(inputs={"x": TensorSpec("float32", (None, 1))})
        on = bench(answer, signatures=(wide,), config={"harm": {"expected": {"extra_feature": "skip"}}})
        on.session.restart = lambda _: None  # type: ignore[method-assign]
        object.__setattr__(on, "export", Where(Process(GOOD), None).export)
        object.__setattr__(on, "second_opinion", second)
        [result] = [each for each in check_harm(on) if each.case == "wrong_rank"]
        assert (result.status, result.severity) == ("failed", expected)
        assert result.received.startswith("killed by signal 6 (Aborted); with TF_ENABLE_ONEDNN_OPTS=0: ")
        assert ("issues/111453" in result.hint) == (expected == "warn")

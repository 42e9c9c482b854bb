"""Questions to a server, and how its answers are judged by those of the sandbox."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from components.smoke_test.bench.compare import difference
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import HarmOutcome
from components.smoke_test.report import CheckResult
from components.smoke_test.sandbox.session import Answer, Request
from components.smoke_test.server.client import Client, NoAnswerError
from preprocessing.config import Task

Api = Literal["server_rest", "server_grpc"]
Outcome = HarmOutcome | Literal["same", "same or error"]

_EXPECTED: dict[Outcome, str] = {
    "same": "the sandbox's answer",
    "same or error": "the sandbox's answer, or InvalidArgument",
    "answer": "an answer",
    "error": "InvalidArgument",
    "either": "an answer or InvalidArgument",
}
_INVALID = "InvalidArgument"
_DIFFERS = "the same files behave differently in TensorFlow Serving: is its version older than the trainer's?"
_RECOVERY = "after an error the server no longer answers a good request as before"
_SILENT = "is the server overloaded? smoke_test.process.phase_seconds is the limit for all requests over one API"


@dataclass(frozen=True)
class Question:
    """One request to the server, and what is expected of it.

    Attributes:
      case: its name in the report.
      signature: the one that is asked.
      request: what is sent.
      outcome: `same`: as the sandbox answered; `same or error`: that or a refusal; the others as in `harm.expected`.
      reference: the sandbox's answer, which an answer is compared with; None where any answer will do.
      hint: what to do when the outcome is another.
    """

    case: str
    signature: Signature
    request: Request
    outcome: Outcome
    reference: Answer | None = None
    hint: str = ""


@dataclass(frozen=True)
class Judge:
    """What the answers of one API are judged by.

    Attributes:
      api: the check.
      tolerance: the largest difference that is allowed.
      task: of the model, if it is known.
      positions: where each row of a request stands in the split.
      threshold: above this probability the second of two classes is the answer.
    """

    api: Api
    tolerance: float
    task: Task | None
    positions: Sequence[int]
    threshold: float

    def ask(self, client: Client, questions: Sequence[Question]) -> Iterator[CheckResult]:
        """Asks all questions, and after each error a good one again.

        Args:
          client: of the server.
          questions: the first one of each signature is the good one.

        Returns:
          One result for each question; the last one is a failure when the server gives no answer at all.
        """
        good: dict[str, Question] = {}
        for question in questions:
            started = time.perf_counter()
            first = good.setdefault(question.signature.name, question)
            try:
                answer = client.ask(question.signature, question.request.inputs)
                result = self.judge(question, answer)
                if answer.error is not None and first is not question:
                    again = self.judge(first, client.ask(first.signature, first.request.inputs))
                    if again.status == "failed":
                        result = again.model_copy(update={"case": f"after {question.case}", "hint": _RECOVERY})
            except NoAnswerError as error:
                yield self._failed(question, "an answer", str(error), _SILENT)
                return
            yield result.model_copy(update={"seconds": time.perf_counter() - started})

    def judge(self, question: Question, answer: Answer) -> CheckResult:
        """What the answer to one question says."""
        reference, expected = question.reference, _EXPECTED[question.outcome]
        if answer.error is not None:
            if question.outcome == "same":
                right = reference is not None and reference.error is not None
            else:
                right = question.outcome != "answer" and answer.error.code == _INVALID
            judged = self._passed if right else self._failed
            return judged(question, expected, str(answer.error), question.hint)
        if question.outcome == "error":
            return self._failed(question, expected, "an answer", question.hint)
        if reference is None:
            return self._passed(question, expected, "an answer")
        if reference.error is not None:
            return self._failed(question, f"an error as in the sandbox: {reference.error}", "an answer", question.hint)
        return self._compare(question, reference, answer)

    def _compare(self, question: Question, reference: Answer, answer: Answer) -> CheckResult:
        # REST has no types of its own.
        for name, dtype in sorted(answer.dtypes.items()):
            if reference.dtypes.get(name, dtype) != dtype:
                return self._failed(question, f"{name} of type {reference.dtypes[name]}", dtype, question.hint)
        found = difference(
            reference.outputs, answer.outputs, tolerance=self.tolerance, task=self.task, threshold=self.threshold
        )
        if found is None:
            return self._passed(question, _EXPECTED["same"], "the same")
        place = f"{found.output} " if found.output else ""
        more = f" (and {found.rows - 1} more rows)" if found.rows > 1 else ""
        failed = self._failed(question, f"{place}{found.expected}", f"{found.received}{more}", question.hint)
        return failed.model_copy(update={"row": None if found.whole else self.positions[found.row]})

    def _passed(self, question: Question, expected: str, received: str, _hint: str = "") -> CheckResult:
        return CheckResult.passes(
            self.api,
            expected,
            received,
            case=question.case,
            signature=question.signature.name,
            tolerance=self.tolerance,
        )

    def _failed(self, question: Question, expected: str, received: str, hint: str) -> CheckResult:
        return CheckResult.fails(
            self.api,
            expected,
            received,
            case=question.case,
            signature=question.signature.name,
            tolerance=self.tolerance,
            hint=hint or _DIFFERS,
        )

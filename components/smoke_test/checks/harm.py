"""Requests made to do harm: each gets the answer or the refusal that is expected, and does no lasting damage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from tensorflow.python.framework import tensor_util

from components.smoke_test.bench.altered import Batch, evenly, taken_features, without_label
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.compare import difference
from components.smoke_test.bench.harmful import Harmful, HarmMaker
from components.smoke_test.bench.requests import MISSING, Row
from components.smoke_test.bench.second_opinion import SWITCH, TENSORFLOW_ITSELF, ask_daring
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import HarmCase, HarmOutcome
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import REFUSED, Answer
from preprocessing.text import counted, one_line

_EXPECTED: dict[HarmOutcome, str] = {
    "answer": "a finite answer",
    "error": f"the error {REFUSED}",
    "either": f"a finite answer, or the error {REFUSED}",
    "any": f"an answer, or the error {REFUSED}",
    "skip": "",
}
_CASES: tuple[HarmCase, ...] = get_args(HarmCase)
_SHOWN = 3
_SECONDS = 10.0
"""About so long one signature may be asked; of a slow or very wide model fewer features are tried."""
_REQUESTS_PER_FEATURE = 30
_FEWEST_FEATURES = 4
_RANKS = (
    f"{TENSORFLOW_ITSELF} (https://github.com/tensorflow/tensorflow/issues/111453); or let tf.ensure_shape refuse "
    "other ranks where the signature begins"
)


def check_harm(bench: Bench) -> Iterator[CheckResult]:
    """`harm`: one result for each case and signature; `recovery`: after each harmful request, a good row as before.

    Raises:
      ProcessEnded: the model's process ended over a request; the phase names the case.
    """
    asked: set[HarmCase] = set()
    wanted = [case for case in _CASES if bench.config.harm.outcome(case) != "skip"]
    for signature in bench.answering():
        interview = _Interview.of(bench, signature)
        if isinstance(interview, str):
            yield CheckResult.skips("harm", interview, signature=signature.name)
            continue
        for case in wanted:
            harmful = interview.maker.requests(case)
            if harmful:
                asked.add(case)
                yield interview.ask(case, harmful)
        yield interview.recovery()
    for case in _CASES:
        if case not in asked and bench.answering():
            reason = _not_applicable(case) if case in wanted else "off: smoke_test.harm.expected says skip"
            yield CheckResult.skips("harm", reason, case=case)


def _not_applicable(case: HarmCase) -> str:
    if case in ("truncated_example", "random_bytes"):
        return "no signature takes serialized tf.Examples"
    if case in ("missing_optional", "missing_required"):
        return f"no signature is known to have {case.removeprefix('missing_')} features"
    return "no signature takes a feature of this kind"


@dataclass
class _Interview:
    """The questions to one signature.

    Attributes:
      bench: the model.
      signature: the one that is asked.
      maker: of the harmful requests.
      reference: its answer to the good row.
      seconds: what one request takes.
      changed: after what the good row was answered differently, and how; at first nothing.
      asked: how many harmful requests there were.
    """

    bench: Bench
    signature: Signature
    maker: HarmMaker
    reference: Answer
    seconds: float
    changed: str = ""
    asked: int = 0

    @classmethod
    def of(cls, bench: Bench, signature: Signature) -> "_Interview | str":
        """An interview, or why there can be none."""
        batch = Batch(signature, [_good_row(bench)])
        good = batch.request()
        # The first request of a size may take longer than all others.
        answers = bench.session.ask([good, good], phase=f"harm ({signature.name})")
        if (error := answers[0].error) is not None:
            return f"it does not answer a single good row: {error}"
        # In a SavedModel they have no order of their own.
        taken = sorted(taken_features(signature, bench.contract), key=lambda each: each.column)
        seconds = max(answers[-1].seconds, 1e-4)
        most = max(int(_SECONDS / (2 * _REQUESTS_PER_FEATURE * seconds)), _FEWEST_FEATURES)
        maker = HarmMaker(
            batch,
            evenly(taken, min(most, bench.config.harm.max_features)),
            [each.column for each in taken if each.optional],
            bench.config.harm,
            ours=signature.name in bench.contract.promised,
            fills_in=_filled_with_missing(bench, signature),
        )
        return cls(bench, signature, maker, answers[0], seconds)

    def ask(self, case: HarmCase, harmful: Sequence[Harmful]) -> CheckResult:
        """Asks everything of one case, and the good row after each that may be refused, and after the last."""
        good = self.maker.batch.request()
        faults, refused, failed = [], 0, ""
        # No group comes near the deadline of a phase.
        size = max(int(self.bench.config.process.phase_seconds / (8 * self.seconds)), 1)
        for start in range(0, len(harmful), size):
            order: list[tuple[Harmful, bool]] = []
            for each in harmful[start : start + size]:
                order += [(each, False), (each, True)] if each.outcome != "answer" else [(each, False)]
            if not order[-1][1]:
                order.append((order[-1][0], True))
            requests = [good if is_good else each.request for each, is_good in order]
            phase = f"harm: {case} ({self.signature.name})"
            try:
                answers, itself = ask_daring(self.bench, requests, phase=phase, kind=case)
            except ProcessEnded as error:
                error.hint = f"`smoke_test: {{harm: {{expected: {{{case}: skip}}}}}}` leaves these requests out"
                raise
            failed = failed or itself
            for (each, is_good), answer in zip(order, answers, strict=True):
                if is_good:
                    self._compare(each, answer)
                    continue
                refused += answer.error is not None
                if fault := self._fault(each, answer):
                    faults.append(f"{each.what}: {fault}")
        self.asked += len(harmful)
        result = self._result(case, harmful, faults, refused)
        if not failed:
            return result
        received = f"{failed}; with {SWITCH}: {result.received}"
        if result.status == "failed":
            return result.model_copy(update={"received": received})
        return CheckResult.fails(
            "harm",
            result.expected,
            received,
            case=case,
            signature=self.signature.name,
            severity="warn",
            hint=_RANKS if case == "wrong_rank" else TENSORFLOW_ITSELF,
        )

    def recovery(self) -> CheckResult:
        """Whether the good row's answer stayed as it was."""
        expected = "after each harmful request, the same answer to a good row as before"
        where: dict[str, Any] = {"signature": self.signature.name, "tolerance": self.bench.tolerance("recovery")}
        if not self.changed:
            return CheckResult.passes("recovery", expected, f"the same after {self.asked} requests", **where)
        hint = "something of the model survives a request: a variable that it assigns, a counter, a random state"
        return CheckResult.fails("recovery", expected, self.changed, hint=hint, **where)

    def _compare(self, harmful: Harmful, after: Answer) -> None:
        if self.changed:
            return
        place = f"after {harmful.case} ({harmful.what})"
        if after.error is not None:
            self.changed = f"{place}: {after.error}"
        elif fault := self._difference(after, self.bench.tolerance("recovery")):
            self.changed = f"{place}: {fault}"

    def _difference(self, answer: Answer, tolerance: float) -> str:
        contract = self.bench.contract
        found = difference(
            self.reference.outputs,
            answer.outputs,
            tolerance=tolerance,
            task=contract.task,
            threshold=contract.decision_threshold,
        )
        return f"{found.output} {found.received}, before it was {found.expected}" if found is not None else ""

    def _fault(self, harmful: Harmful, answer: Answer) -> str:
        """What is wrong with an answer; empty when nothing is."""
        if answer.error is not None:
            if answer.error.code == REFUSED and harmful.outcome != "answer":
                return ""
            return one_line(answer.error, LONGEST_MESSAGE)
        if harmful.outcome == "error":
            return "an answer"
        fault = self._bad_form(answer, harmful) or self._bad_number(answer, harmful)
        if not fault and harmful.same_answer:
            fault = self._difference(answer, self.bench.tolerance("harm"))
        return fault

    def _bad_form(self, answer: Answer, harmful: Harmful) -> str:
        for name, good in self.reference.outputs.items():
            if name not in answer.outputs:
                return f"no output {name}"
            array = answer.outputs[name]
            if array.dtype != good.dtype:
                return f"{name} of type {array.dtype}, not {good.dtype}"
            if harmful.same_shape and not self._fits(name, array.shape, good.shape):
                return f"{name} of shape {list(array.shape)}, not {list(good.shape)}"
        return ""

    def _fits(self, name: str, shape: tuple[int, ...], good: tuple[int, ...]) -> bool:
        """Only a dimension that the signature leaves open may differ from the good answer, and never the batch."""
        spec = self.signature.outputs.get(name)
        declared = spec.shape if spec is not None and spec.shape is not None else (None,) * len(good)
        if len(shape) != len(good) or len(declared) != len(good):
            return shape == good
        sizes = zip(shape[1:], good[1:], declared[1:], strict=True)
        return shape[:1] == good[:1] and all(a == b or size is None for a, b, size in sizes)

    def _bad_number(self, answer: Answer, harmful: Harmful) -> str:
        if harmful.outcome == "any":
            return ""
        for name, array in answer.outputs.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                return f"{_not_finite(array)} in {name}"
        numbers = self.bench.numbers(answer)
        if numbers is not None and self.bench.contract.task in ("binary", "multiclass"):
            slack = self.bench.tolerance("probabilities")
            if ((numbers < -slack) | (numbers > 1 + slack)).any():
                return f"probabilities from {numbers.min():.7g} to {numbers.max():.7g}"
        return ""

    def _result(self, case: HarmCase, harmful: Sequence[Harmful], faults: Sequence[str], refused: int) -> CheckResult:
        expected = "; ".join(_EXPECTED[each] for each in dict.fromkeys(each.outcome for each in harmful))
        where = {"case": case, "signature": self.signature.name}
        if not faults:
            return CheckResult.passes("harm", expected, _summary(len(harmful), refused), **where)
        received = f"{'; '.join(faults[:_SHOWN])} ({len(faults)} of {counted(len(harmful), 'request')})"
        hint = (
            "make the model's preprocessing answer this, or let the signature refuse it with InvalidArgument and say "
            f"so: `smoke_test: {{harm: {{expected: {{{case}: error}}}}}}` (or `either`, `any`, `skip`)"
        )
        return CheckResult.fails("harm", expected, received, hint=hint, **where)


def _summary(count: int, refused: int) -> str:
    parts = [f"{count - refused} answered"] if count > refused else []
    if refused:
        parts.append(f"{refused} {REFUSED}")
    return f"{counted(count, 'request')}: {', '.join(parts)}"


def _not_finite(array: Any) -> str:
    return "NaN" if np.isnan(array).any() else "infinity"


def _good_row(bench: Bench) -> Row:
    """The first of the rows with the most values."""
    rows = without_label(bench.rows.rows, bench.contract.label)
    return max(rows, key=len)


def _filled_with_missing(bench: Bench, signature: Signature) -> frozenset[str]:
    """The arguments whose default is the value that says "missing": there, it is one that the model knows."""
    if not signature.defaults:
        return frozenset()
    defaults = bench.export.meta_graph.signature_def[signature.name].defaults
    try:
        values = {name: tensor_util.MakeNdarray(defaults[name]).reshape(-1) for name in signature.defaults}
    except (TypeError, ValueError):
        return frozenset()  # no tensor: the request that leaves the argument out says so
    return frozenset(
        name
        for name, array in values.items()
        if array.size and any(_is_missing(value, array.dtype.kind) for value in array[:1].tolist())
    )


def _is_missing(value: Any, kind: str) -> bool:
    if kind == "f":
        return bool(np.isnan(value))
    return value in (b"", "") if kind in "OSU" else value == MISSING["int64"]

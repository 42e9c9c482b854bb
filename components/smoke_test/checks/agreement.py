"""Check `signatures_agree`: every signature that answers the same question gives the same answer."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from components.smoke_test.bench.altered import evenly, without_label
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.gaps import Gaps
from components.smoke_test.bench.questions import declared_alike, same_question
from components.smoke_test.bench.readings import other_reading
from components.smoke_test.bench.relations import Agree, Failure
from components.smoke_test.bench.requests import Array, Row, columns_of
from components.smoke_test.bench.resemblance import exchanged, resemblance
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.shrink import Part, parts_of, smallest
from components.smoke_test.checks.agreement_exchange import PHASE, exchanged_columns
from components.smoke_test.checks.agreement_search import searched
from components.smoke_test.checks.answers import NO_ANSWER
from components.smoke_test.export.contract import Signature
from components.smoke_test.export.weights import learned_by
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult, FailingRow, Smallest
from components.smoke_test.sandbox.session import Answer
from preprocessing.text import counted, listed

_CHECK: CheckName = "signatures_agree"
_GAP_ROWS = 3
"""So many rows are asked without a value, each alone: a server does not repeat a default of one row."""
_MOST_COLUMNS = 64
_FEWEST_SECONDS = 3.0
_SEARCH_SECONDS = 0.5
"""So long one of two is asked for values that no row has, however busy the machine is."""
_FEW_ROWS = 8
_COMPARED_ROWS = 256
_NAMED = 3
_READ_OTHERWISE = "the two read a column differently, or name the classes in another order"
_DIFFER = (
    "{0}; signatures that are meant to differ need outputs of different names, or `severity: {{signatures_agree: off}}`"
)
_LEARNED_APART = (
    "each of the two has weights that the other has not: two models that are meant to differ? Then give their outputs "
    "different names, or set `severity: {signatures_agree: off}`"
)
_EXCHANGED = (
    "one of the two signatures takes the columns in another order, or under each other's names: with the values of "
    "{0} and {1} exchanged, both answer the same"
)
_WHERE_MISSING = (
    "the two agree where all values are given, and put different defaults in the place of a missing value ({0}): use "
    "the same default in both"
)


@dataclass(frozen=True)
class Answered:
    """A signature and its answer to all rows."""

    signature: Signature
    answer: Answer


def check_agreement(bench: Bench, transformed: Answered | None) -> Iterator[CheckResult]:
    """Compares every signature with the first one that answers the same question.

    Args:
      bench: the model.
      transformed: the signature that takes transformed features, with its answer to those of all rows; or None.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    answers = {each.name: Answered(each, bench.answers[each.name]) for each in bench.answering()}
    if transformed is not None:
        answers[transformed.signature.name] = transformed
    if not answers:
        yield CheckResult.skips(_CHECK, NO_ANSWER)
        return
    compared = False
    # Those that answer another question than all before them: what comes later may answer theirs.
    references = [answers.pop("serving_default" if "serving_default" in answers else min(answers))]
    with bench.search_time.slot(_CHECK) as slot:
        for _, other in sorted(answers.items()):
            pairs = (_Pair.of(bench, each, other, slot) for each in references)
            results = next((found for pair in pairs if pair is not None and (found := pair.results())), [])
            if not results:
                references.append(other)
            compared = compared or bool(results)
            yield from results
    if not compared:
        yield CheckResult.skips(_CHECK, "no two signatures answer the same question")


@dataclass(frozen=True)
class _Pair:
    """Two signatures that may have to agree.

    Attributes:
      bench: the model.
      one, other: with their answers to all rows.
      relation: that the outputs which both have are equal.
      sure: whether they answer the same question; else their answers must tell.
      slot: how long what is asked beside the real rows may take, by what these took.
    """

    bench: Bench
    one: Answered
    other: Answered
    relation: Agree
    sure: bool
    slot: Slot

    @classmethod
    def of(cls, bench: Bench, one: Answered, other: Answered, slot: Slot) -> "_Pair | None":
        """The pair; None where the two share no output, or take different columns."""
        signatures = one.signature, other.signature
        promised = {each.name for each in signatures} <= set(bench.contract.promised)
        # Declared alike; of a promised output the declaration is another check's.
        shared = tuple(
            name
            for name in sorted(set(one.answer.outputs) & set(other.answer.outputs))
            if one.answer.outputs[name].shape == other.answer.outputs[name].shape
            and (promised or declared_alike(*(each.outputs.get(name) for each in signatures)))
        )
        if not shared or not (promised or _columns(bench, signatures[0]) == _columns(bench, signatures[1])):
            return None
        relation = Agree(bench, *signatures, shared)
        return cls(bench, one, other, relation, promised or same_question(*signatures, shared), slot)

    def results(self) -> list[CheckResult]:
        """One result for each cause, or one that passes; none where the two answer different questions."""
        expected, received = (self.relation.shared(each.answer.outputs) for each in (self.one, self.other))
        failure = self.relation.compared(expected, received)
        if failure is not None:
            result = self._of_rows(failure, self._agreeing())
            return [result] if result is not None else []
        tried, gaps = self._gaps() if self._takes_raw_columns() else ("", [])
        if not gaps and self._takes_raw_columns():
            more, gaps = self._searched()
            tried += more
        return gaps or [
            CheckResult.passes(
                _CHECK,
                f"the answers of {self.one.signature.name}",
                f"the same{tried}",
                signature=self.other.signature.name,
                tolerance=self.bench.tolerance(_CHECK),
            )
        ]

    def _of_rows(self, failure: Failure, agreeing: Sequence[int]) -> CheckResult | None:
        """The result where real rows are answered differently."""
        exchanged = self._exchanged() if self._takes_raw_columns() else None
        found = self._smallest(failure, agreeing)
        if exchanged is not None:
            case = f"columns {' and '.join(exchanged)} exchanged"
            return self._fails(failure, _EXCHANGED.format(*exchanged), case=case, found=found)
        # Where many rows agree it is one question, whatever the outputs are called.
        if not self.sure and 2 * len(agreeing) < min(len(self.bench.rows), _COMPARED_ROWS):
            return None
        values = {} if found is None else found.rows[0].values
        if values and set(values.values()) == {"missing"}:
            return self._fails(failure, _WHERE_MISSING.format(listed(list(values), _NAMED)), found=found)
        if not agreeing and self._learned_apart():
            return self._fails(failure, _LEARNED_APART, found=found).model_copy(update={"severity": "warn"})
        how = self._resemblance(failure) or self._reading() or f"{_where(values)}{_READ_OTHERWISE}"
        return self._fails(failure, _DIFFER.format(how), found=found)

    def _learned_apart(self) -> bool:
        """Whether each has weights that the other has not: two encoders, two horizons, two heads of one trunk."""
        if self._ours():
            return False
        one, other = (learned_by(self.bench.export, each.signature.name) for each in (self.one, self.other))
        return bool(one - other) and bool(other - one)

    @property
    def _allowed(self) -> float:
        """The seconds for other rows than the real ones: a listed fault must not be missed for a busy machine."""
        return max(self.slot.seconds, _FEWEST_SECONDS)

    def _reading(self) -> str:
        """How one of them reads a column in another way, in words."""
        if not self._takes_raw_columns():
            return ""
        column, how = other_reading(self.relation, self._few_rows, self._seconds, self.slot.seconds)
        one, other = self.one.signature.name, self.other.signature.name
        return f"{other} reads {column} {how}: so changed, {one} answers the same" if column else ""

    def _resemblance(self, failure: Failure) -> str:
        """What was done to the numbers that differ, in words."""
        tolerance = self.bench.tolerance(_CHECK)
        one, answered = (self.relation.shared(each.answer.outputs) for each in (self.one, self.other))
        if other := exchanged(one, answered, failure.output, tolerance):
            return f"the outputs {failure.output} and {other} are exchanged: each is under the other's name"
        return resemblance(*self._differing(failure), tolerance)

    def _differing(self, failure: Failure) -> tuple[Array, Array]:
        """The output that differs, of both."""
        return self.one.answer.outputs[failure.output], self.other.answer.outputs[failure.output]

    def _agreeing(self) -> list[int]:
        """The places of the rows that both answer alike, among the first ones."""
        outputs = [self.relation.shared(each.answer.outputs) for each in (self.one, self.other)]
        count = len(self.bench.rows)
        if any(not array.ndim or len(array) != count for each in outputs for array in each.values()):
            return []

        def agree(place: int) -> bool:
            rows = [{name: array[place : place + 1] for name, array in each.items()} for each in outputs]
            return self.relation.compared(*rows) is None

        return [place for place in range(min(count, _COMPARED_ROWS)) if agree(place)]

    def _exchanged(self) -> tuple[str, str] | None:
        """The two columns which, exchanged in the requests of one signature, make both answer alike."""
        columns = _columns(self.bench, self.relation.other)
        return exchanged_columns(self.relation, self._few_rows, columns, int(self._allowed / self._seconds))

    def _gaps(self) -> tuple[str, list[CheckResult]]:
        """Rows without a value in each column in turn: what was asked of it, in words, and what is wrong with it."""
        label = self.bench.contract.label
        places = evenly(range(len(self.bench.rows)), _GAP_ROWS)
        parts = parts_of(self.bench.rows.rows, places, label)
        gaps = Gaps(self.bench, self.one.signature, self.other.signature, self._ours())
        may_miss = gaps.columns()
        if not may_miss:
            return "", []
        fits = int(self._allowed / (self._seconds * len(places)))
        tried = evenly(may_miss, min(_MOST_COLUMNS, fits))
        if not tried:
            return "; for want of time no column was left out", []
        asked = [(name, part, form) for name in tried for part in parts for form in gaps.forms(name, part.row)]
        requests = [request for _, _, form in asked for request in form]
        answers = iter(self.bench.session.ask(requests, phase=PHASE))
        wrong: dict[str, tuple[Part, Failure]] = {}
        for name, part, form in asked:
            if (failure := self.relation.judge([part.row], [next(answers) for _ in form])) is not None:
                wrong.setdefault(name, (part, failure))
        if not wrong:
            more = f" of {len(may_miss)}" if len(tried) < len(may_miss) else ""
            return f", also without a value in {counted(len(tried), 'column')}{more}", []
        name, (part, failure) = next(iter(wrong.items()))
        row = self.bench.rows.positions[part.place]
        found = Smallest(
            signature=self.other.signature.name,
            rows=(FailingRow(row=row, values={name: "missing"}),),
            others=f"every other column as in row {row}",
            expected=failure.expected,
            received=failure.received,
            requests=len(requests),
        )
        case, place = f"without {listed(list(wrong), _NAMED)}", replace(failure, row=part.place)
        return "", [self._fails(place, _WHERE_MISSING.format(listed(list(wrong), _NAMED)), case=case, found=found)]

    def _searched(self) -> tuple[str, list[CheckResult]]:
        """Values that no row has: how many were asked, in words, and what is wrong with one of them."""
        # Where it is not sure that both answer the same question, an output that is the same in all rows is no sign.
        outputs = self.relation.outputs if self.sure else tuple(filter(self._varies, self.relation.outputs))
        if not outputs:
            return "", []
        found = searched(
            self.bench, replace(self.relation, outputs=outputs), max(self.slot.left() / 2, _SEARCH_SECONDS)
        )
        if isinstance(found, int):
            return f", also for {counted(found, 'value')} that no row has" if found else "", []
        case, failure = f"{found.column} = {found.value}", replace(found.failure, row=None)
        return "", [self._fails(failure, _DIFFER.format(found.hint), case=case)]

    def _varies(self, output: str) -> bool:
        array = self.one.answer.outputs[output]
        return bool(array.ndim) and len(array) == len(self.bench.rows) and bool((array != array[:1]).any())

    def _ours(self) -> bool:
        return {self.one.signature.name, self.other.signature.name} <= set(self.bench.contract.promised)

    @cached_property
    def _seconds(self) -> float:
        """About so long both take for a few rows, once they are warm."""
        requests = self.relation.requests(self._few_rows)
        answers = self.bench.session.ask([*requests, *requests], phase=PHASE)
        return max(1e-4, sum(each.seconds for each in answers[2:]))

    @cached_property
    def _few_rows(self) -> list[Row]:
        return evenly(without_label(self.bench.rows.rows, self.bench.contract.label), _FEW_ROWS)

    def _takes_raw_columns(self) -> bool:
        return all(each.role == "predict" for each in (self.one.signature, self.other.signature))

    def _smallest(self, failure: Failure, agreeing: Sequence[int]) -> Smallest | None:
        """The row and the columns that make the difference: the others as in a row on which both agree."""
        if failure.row is None or failure.row >= len(self.bench.rows) or not self._takes_raw_columns():
            return None
        rows, label = self.bench.rows.rows, self.bench.contract.label
        parts = parts_of(rows, [failure.row], label)
        plain = parts_of(rows, agreeing[:1], label)[0] if agreeing else None
        if plain is None and self._differing(failure)[0].dtype.kind == "f":
            # Where no row agrees, one without any value may; but of texts that says nothing, as classes may be tied.
            plain = replace(parts[0], row={})
        with self.bench.search_time.smallest() as slot:
            return smallest(self.bench, self.relation, parts, slot, plain=plain)

    def _fails(self, failure: Failure, hint: str, *, case: str = "", found: Smallest | None = None) -> CheckResult:
        in_row = failure.row is not None and failure.row < len(self.bench.rows)
        return CheckResult.fails(
            _CHECK,
            failure.expected,
            failure.received,
            case=case,
            signature=self.other.signature.name,
            row=self.bench.rows.positions[failure.row or 0] if in_row else None,
            tolerance=self.bench.tolerance(_CHECK),
            hint=hint,
            smallest=found,
        )


def _where(columns: Collection[str]) -> str:
    return f"the difference comes with the values of {listed(list(columns), _NAMED)}: " if columns else ""


def _columns(bench: Bench, signature: Signature) -> frozenset[str]:
    """The columns that reach a signature, without the label."""
    return columns_of(signature) - {bench.contract.label}

"""The check `values`: one number at which a model breaks, looked for where models break."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from components.smoke_test.bench.altered import evenly
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.compare import ROUNDING, text
from components.smoke_test.bench.interventions import taken_of
from components.smoke_test.bench.probes import Prober, RowAnswer, finite_outputs, good_rows, not_finite
from components.smoke_test.bench.requests import Row
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.values import Column, numeric_columns, suspicious_values, with_value
from components.smoke_test.checks.by_signature import by_signature
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import REFUSED
from preprocessing.text import counted, listed, one_line

_CHECK: CheckName = "values"
_MOST_COLUMNS = 64
_PAIRED_COLUMNS = 12
_SHOWN = 5
_EXPECTED = "a finite answer to a good row with one other value"
_ZERO = "a logarithm of 0, or a division by 0: use log1p, tf.math.divide_no_nan or a small number beside it"
_NEGATIVE = "a root or a logarithm of a negative number: clip the value first"
_ELSEWHERE = "a division by 0 or an overflow that begins at this value: guard the operation, or clip the value first"
_REFUSES = "answer it, as the values next to it are answered: one such row fails the whole batch"


@dataclass(frozen=True)
class _Probe:
    """A row with one value, or two, that may break the model.

    Attributes:
      columns: those that are changed.
      what: their new values, for the report.
      row: the row.
      value: the new value.
      known: whether production will send this: inside the range of what the rows have.
      unlikely: whether it is a zero that the rows stay far from.
    """

    columns: tuple[str, ...]
    what: str
    row: Row
    value: float
    known: bool
    unlikely: bool = False


@dataclass(frozen=True)
class _Fault:
    probe: _Probe
    received: str
    is_error: bool


def check_values(bench: Bench) -> Iterator[CheckResult]:
    """`values`: by signature, values around zero, the rows' range and the constants of the graph, in each column.

    Whoever has promised an answer must give a finite one to every number. A model of another trainer may refuse, or
    answer NaN, what lies outside all that its rows have; zero counts as inside unless the rows stay far from it.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    yield from by_signature(bench, _CHECK, _of_signature)


def _of_signature(bench: Bench, signature: Signature, slot: Slot) -> Iterator[CheckResult]:
    taken = taken_of(bench.rows.rows, signature, bench.contract)
    numeric = numeric_columns(taken, bench.rows.rows, made=bench.rows.made)
    columns = evenly(numeric, _MOST_COLUMNS)
    if not columns:
        yield CheckResult.skips(_CHECK, "it takes no number", signature=signature.name)
        return
    prober = Prober(bench, signature, "values", slot)
    judge = _Judge(bench, prober, ours=signature.name in bench.contract.promised)
    probes = _interleaved([_of_column(bench, each) for each in columns])
    faults = judge.faults(probes)
    broken = {column for fault in faults for column in fault.probe.columns}
    pairs = _of_pairs(bench, [each for each in columns[:_PAIRED_COLUMNS] if each.name not in broken])
    faults += judge.faults(pairs)
    asked = len(probes) + len(pairs) - prober.left_out
    if not asked:
        yield CheckResult.skips(_CHECK, "no time: see smoke_test.search.seconds", signature=signature.name)
        return
    left = [f"{prober.left_out:,} left out for want of time"] if prober.left_out else []
    left += [f"{len(numeric) - len(columns)} more columns"] if len(numeric) > len(columns) else []
    yield from _results(bench, signature, faults, asked, "".join(f"; {each}" for each in left))


def _interleaved(by_column: Sequence[Sequence[_Probe]]) -> list[_Probe]:
    """The most suspicious value of every column before the next of any."""
    longest = max(map(len, by_column))
    return [probes[i] for i in range(longest) for probes in by_column if i < len(probes)]


def _of_column(bench: Bench, column: Column) -> list[_Probe]:
    [row] = good_rows(bench, 1, column.name)
    found = []
    for value in suspicious_values(column, bench.constants):
        zero = value == 0
        known = column.has_been(value) or (zero and column.may_be_zero())
        what = f"{column.name} = {_shown(value)}"
        found.append(_Probe((column.name,), what, with_value(row, column, value), value, known, zero and not known))
    if column.taken.size > 1:
        everywhere = with_value(row, column, 0.0, everywhere=True)
        found.insert(1, _Probe((column.name,), f"{column.name} all 0", everywhere, 0.0, known=False, unlikely=True))
    return found


def _of_pairs(bench: Bench, columns: Sequence[Column]) -> list[_Probe]:
    """Two columns at 0, and two that are equal: a ratio and a difference that are fine one by one."""
    found = []
    [row] = good_rows(bench, 1)
    single = [each for each in columns if each.taken.size == 1]
    for one, other in combinations(single, 2):
        pair = (one.name, other.name)
        both = with_value(with_value(row, one, 0.0), other, 0.0)
        near = one.may_be_zero(with_another=True) and other.may_be_zero(with_another=True)
        found.append(_Probe(pair, f"{one.name} = {other.name} = 0", both, 0.0, near, unlikely=not near))
        low, high = max(one.low, other.low), min(one.high, other.high)
        if low <= high:
            value = float(np.round((low + high) / 2)) if low <= np.round((low + high) / 2) <= high else low
            equal = with_value(with_value(row, one, value), other, value)
            found.append(_Probe(pair, f"{one.name} = {other.name} = {_shown(value)}", equal, value, known=True))
    return found


@dataclass
class _Judge:
    """Says which answers are wrong.

    Attributes:
      bench: with the model.
      prober: asks.
      ours: whether an answer to every value was promised.
    """

    bench: Bench
    prober: Prober
    ours: bool

    def __post_init__(self) -> None:
        self._finite = finite_outputs(self.bench, self.prober.signature)

    def faults(self, probes: Sequence[_Probe]) -> list[_Fault]:
        """The probes with a wrong answer, asked alone again: a neighbour in the batch may be at fault."""
        found = []
        for probe, answer in zip(probes, self.prober.ask([each.row for each in probes]), strict=True):
            if answer is None or self._fault(probe, answer) is None:
                continue
            if (fault := self._fault(probe, self.prober.alone(probe.row))) is not None:
                found.append(fault)
        return found

    def _fault(self, probe: _Probe, answer: RowAnswer) -> _Fault | None:
        if answer.error is not None:
            if answer.error.code == REFUSED and not (self.ours and (probe.known or probe.value == 0)):
                return None
            return _Fault(probe, one_line(answer.error, LONGEST_MESSAGE), is_error=True)
        if not (self.ours or probe.known or probe.unlikely):
            return None
        if name := not_finite(answer, self._finite):
            return _Fault(probe, f"{name} {text(answer.outputs[name])}", is_error=False)
        return self._outside(probe, answer)

    def _outside(self, probe: _Probe, answer: RowAnswer) -> _Fault | None:
        """Probabilities that are none."""
        name = self.bench.prediction_output(self.bench.answers[self.prober.signature.name])
        array: Array | None = answer.outputs.get(name or "")
        if array is None or array.dtype.kind != "f" or self.bench.contract.task not in ("binary", "multiclass"):
            return None
        slack = max(ROUNDING, self.bench.tolerance("probabilities"))
        if ((array < -slack) | (array > 1 + slack)).any():
            return _Fault(probe, f"{name} {text(array)}", is_error=False)
        return None


def _results(
    bench: Bench, signature: Signature, faults: Sequence[_Fault], asked: int, left: str
) -> Iterator[CheckResult]:
    expected = f"{_EXPECTED}, {asked:,} tried{left if faults else ''}"
    ours = signature.name in bench.contract.promised
    blocks = [ours or each.is_error or not each.probe.unlikely for each in faults]
    for wanted in (True, False):
        group = [each for each, block in zip(faults, blocks, strict=True) if block is wanted]
        if not group:
            continue
        first = group[0]
        others = [each.probe.what for each in group[1:]]
        more = f" (and for {listed(others, _SHOWN)})" if others else ""
        result = CheckResult.fails(
            _CHECK,
            expected,
            f"{first.received}{more}",
            case=first.probe.what,
            signature=signature.name,
            hint=_hint(bench, first),
        )
        # A zero that the rows stay far from may be one that nobody will send.
        yield result if wanted else result.model_copy(update={"severity": "warn"})
    if not faults:
        yield CheckResult.passes(_CHECK, expected, f"{counted(asked, 'value')}{left}", signature=signature.name)


def _hint(bench: Bench, fault: _Fault) -> str:
    if fault.is_error:
        return _REFUSES
    if len(fault.probe.columns) > 1:
        return f"a ratio or a difference of the two columns that has no value here: {_ELSEWHERE}"
    if fault.probe.value == 0:
        return _ZERO
    constants = {float(each): where for each, where in bench.constants.integers.items()} | dict(bench.constants.floats)
    near = [where for each, where in constants.items() if np.isclose(each, fault.probe.value, rtol=1e-6, atol=0)]
    if near:
        return f"the graph holds this number in {near[0]}: {_ELSEWHERE}"
    return _NEGATIVE if fault.probe.value < 0 else _ELSEWHERE


def _shown(value: float) -> str:
    return f"{value:.9g}"

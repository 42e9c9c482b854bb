"""The cells of the table, as requests: a text that means missing gets the answer that training saw for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.compare import compare_output
from components.smoke_test.bench.requests import Row, strings
from components.smoke_test.checks.answers import NO_ANSWER
from components.smoke_test.export.contract import Signature
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.session import Request
from preprocessing.text import listed, one_line, quoted

_PHASE = "missing_words"
_CASES = 2000
"""So many cells are sent at most: of wide tables some of each column's words."""
_SHARE_OF_PHASE = 0.25
_NO_WORDS = "the trainer says nothing of words that mean missing"
_HINT = (
    "the rows that the model was trained on had no value there: a client that sends the cells of the table gets "
    "another answer than the tests promised; export the preprocessing that knows these words (data.csv.null_values, "
    "data.columns), or train again"
)


@dataclass(frozen=True)
class _Case:
    """One cell that is sent in the place of a missing one.

    Attributes:
      column: of the cell.
      text: what is sent.
      row: the place of its row among the real ones.
      known: whether that row has no value there itself, so that the trainer has predicted it.
    """

    column: str
    text: str
    row: int
    known: bool


def check_missing_words(bench: Bench) -> Iterator[CheckResult]:
    """Asks for a missing value by every text that means it: the check `missing_words`.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    words = bench.contract.missing_words
    if words is None or not bench.rows.rows:
        yield CheckResult.skips("missing_words", _NO_WORDS)
        return
    cases = _cases(bench, words)
    if not cases:
        yield CheckResult.skips("missing_words", "the model reads no text")
        return
    signatures = [each for each in bench.answering() if each.name in bench.contract.promised]
    if not signatures:
        yield CheckResult.skips("missing_words", NO_ANSWER)
    for signature in signatures:
        # Both requests hold so many rows: of a slow model some of each column's words.
        seconds = bench.config.process.phase_seconds * _SHARE_OF_PHASE
        most = max(1, int(seconds / bench.row_seconds[signature.name]))
        yield _checked(bench, signature, cases[:most])


def _cases(bench: Bench, words: Mapping[str, tuple[str, ...]]) -> list[_Case]:
    """Every word of every column, blanks, and the empty text; of each column one before the next of any."""
    by_column = []
    for column, of_column in words.items():
        rows = [place for place, row in enumerate(bench.rows.rows) if not _has(row, column)]
        known = bool(rows) and bench.rows.golden is not None
        texts = (*of_column[:1], " ", *of_column[1:], *(f" {word}\t" for word in of_column[:1]), "")
        by_column.append([_Case(column, text, rows[0] if rows else 0, known) for text in texts])
    return [case for together in zip_longest(*by_column) for case in together if case is not None][:_CASES]


def _has(row: Row, column: str) -> bool:
    return column in row and len(row[column]) > 0


def _checked(bench: Bench, signature: Signature, cases: Sequence[_Case]) -> CheckResult:
    without = [_without(bench.rows.rows[case.row], case.column) for case in cases]
    written = [{**row, case.column: strings([case.text])} for case, row in zip(cases, without, strict=True)]
    requests: list[Request] = [bench.request(signature, rows) for rows in (written, without)]
    sent, left_out = bench.session.ask(requests, phase=_PHASE)
    expected = f"the answers to {len(cases)} cells that are missing"
    for answer in (sent, left_out):
        if answer.error is not None:
            message = one_line(answer.error, LONGEST_MESSAGE)
            return CheckResult.fails("missing_words", expected, message, signature=signature.name, hint=_HINT)
    received, reference = bench.numbers(sent), bench.numbers(left_out)
    if received is None or reference is None or received.shape != reference.shape:
        return CheckResult.fails(
            "missing_words",
            expected,
            f"no output {bench.contract.prediction}",
            signature=signature.name,
            hint="see the check `outputs`",
        )
    if bench.rows.golden is not None:
        # Where a real row has no value, the trainer itself has said what the answer is.
        known = np.array([case.known for case in cases])
        golden = bench.rows.golden.reshape(len(bench.rows), *reference.shape[1:])
        reference[known] = golden[[case.row for case in cases if case.known]]
    return _compared(bench, signature, cases, (reference, received))


def _without(row: Row, column: str) -> dict[str, Array]:
    return {name: values for name, values in row.items() if name != column}


def _compared(bench: Bench, signature: Signature, cases: Sequence[_Case], answers: tuple[Array, Array]) -> CheckResult:
    name, tolerance = bench.contract.prediction or "", bench.tolerance("missing_words")
    found = compare_output(name, *answers, tolerance=tolerance, task=bench.contract.task)
    columns = list(dict.fromkeys(case.column for case in cases))
    if found is None:
        expected = f"the answer to a missing value, for {len(cases)} cells in {listed(columns, 5, repr)}"
        return CheckResult.passes("missing_words", expected, signature=signature.name, tolerance=tolerance)
    case = cases[found.row]
    return CheckResult.fails(
        "missing_words",
        f"{found.expected_in_words}, as for a missing value",
        found.received_in_words,
        signature=signature.name,
        case=f"{case.column} = {quoted(case.text)}",
        row=bench.rows.positions[case.row],
        tolerance=tolerance,
        hint=_HINT,
    )

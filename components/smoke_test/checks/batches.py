"""The same row gets the same answer: in any batch, in any order, every time, and when many ask at once."""

from collections.abc import Iterator

from components.smoke_test.bench.asked import Asked
from components.smoke_test.bench.bench import Bench
from components.smoke_test.checks.answers import NO_ANSWER, NO_SIGNATURE
from components.smoke_test.checks.diagnosis import Diagnosis
from components.smoke_test.checks.repeats import check_repeatable, check_threads
from components.smoke_test.checks.row_order import NEIGHBOURS, UNSTEADY, check_row_order
from components.smoke_test.checks.sizes import check_sizes
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult

_CHECKS: tuple[CheckName, ...] = ("batch_sizes", "row_order", "repeatable", "threads")


def check_batches(bench: Bench) -> Iterator[CheckResult]:
    """`batch_sizes`, `row_order`, `repeatable`, `threads`.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    asked = [Asked(bench, each, bench.request(each, bench.rows.rows)) for each in bench.answering()]
    if not asked:
        for check in _CHECKS:
            yield CheckResult.skips(check, NO_ANSWER if bench.contract.predicting() else NO_SIGNATURE)
        return
    steady: dict[str | None, bool] = {}
    for result in check_repeatable(asked):
        steady[result.signature] = result.status != "failed"
        yield result
    diagnoses = [Diagnosis(each, steady[each.signature.name]) for each in asked]
    with bench.search_time.slot("batch_sizes") as slot:
        for i, diagnosis in enumerate(diagnoses):
            yield from check_sizes(diagnosis, slot.part(len(asked) - i), NEIGHBOURS if diagnosis.steady else UNSTEADY)
    with bench.search_time.slot("row_order") as slot:
        for i, (each, diagnosis) in enumerate(zip(asked, diagnoses, strict=True)):
            part = slot.part(len(asked) - i)
            yield from check_row_order(each, part, diagnosis, steady=steady[each.signature.name])
    yield from check_threads(asked)

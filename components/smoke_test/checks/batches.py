"""The same row gets the same answer: in any batch, in any order, every time, and when many ask at once."""

from collections.abc import Iterator

import numpy as np

from components.smoke_test.bench.asked import Asked
from components.smoke_test.bench.bench import Bench
from components.smoke_test.checks.answers import NO_ANSWER, NO_SIGNATURE
from components.smoke_test.checks.diagnosis import Diagnosis
from components.smoke_test.checks.empty_batch import empty_batch
from components.smoke_test.checks.repeats import check_repeatable, check_threads
from components.smoke_test.checks.row_order import NEIGHBOURS, UNSTEADY, check_row_order
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
    for each, diagnosis in zip(asked, diagnoses, strict=True):
        yield from _batch_sizes(each, steady[each.signature.name], diagnosis)
    with bench.search_time.slot("row_order") as slot:
        for i, (each, diagnosis) in enumerate(zip(asked, diagnoses, strict=True)):
            part = slot.part(len(asked) - i)
            yield from check_row_order(each, part, diagnosis, steady=steady[each.signature.name])
    yield from check_threads(asked)


def _batch_sizes(asked: Asked, steady: bool, diagnosis: Diagnosis) -> Iterator[CheckResult]:
    """The rows again and again in batches of every size."""
    check: CheckName = "batch_sizes"
    batches = asked.bench.config.batches
    sizes = sorted({*batches.sizes, batches.max_rows})
    reasons = {size: asked.too_large(size) for size in sizes}
    places = {size: np.arange(size) % asked.rows for size in sizes if size and not reasons[size]}
    answers = dict(zip(places, asked.ask(list(places.values()), "batches"), strict=True))
    for size in sizes:
        case = f"{size} row" if size == 1 else f"{size} rows"
        if not size and not reasons[size]:
            yield empty_batch(asked, case)
            continue
        if size not in places:
            yield CheckResult.skips(check, reasons[size], signature=asked.signature.name, case=case)
            continue
        fault = asked.differs(check, places[size], answers[size])
        hint = NEIGHBOURS if steady else UNSTEADY
        result = asked.result(check, f"the same answers in a batch of {size}", fault, hint, case)
        yield diagnosis.of_batch(result, places[size], answers[size])

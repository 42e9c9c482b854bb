"""A search in every signature that answers, each with its part of the time."""

from collections.abc import Callable, Iterable, Iterator

from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.checks.answers import NO_ANSWER, NO_SIGNATURE
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult

Search = Callable[[Bench, Signature, Slot], Iterable[CheckResult]]


def by_signature(bench: Bench, check: CheckName, search: Search) -> Iterator[CheckResult]:
    """The results of a check's search, signature by signature; one that says why where none answers.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    signatures = bench.answering()
    if not signatures:
        yield CheckResult.skips(check, NO_ANSWER if bench.contract.predicting() else NO_SIGNATURE)
    with bench.search_time.slot(check) as slot:
        for i, signature in enumerate(signatures):
            yield from search(bench, signature, slot.part(len(signatures) - i))

"""Check `state`: answering leaves nothing behind, and takes nothing from elsewhere than the request and the weights.

By what operations may do, never by a list of what is bad: an operation that TensorFlow marks as stateful, or that
takes a reference to a variable, is refused unless it is on a reviewed list of those that read, look up, check or call
(`state_ops`). What counts is what a server executes (`export.executed`): in a function also stateful operations that
nothing reads, as the runtime keeps them; not what it prunes. Initialisers may write; they may not draw random numbers
or look at the clock, which makes every server another model. Stateless random numbers are a function of their seed:
what makes the seed counts instead. A dataset, an iterator or a table that a request makes for itself goes with it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from components.smoke_test.checks.ops import allowed_ops
from components.smoke_test.checks.seeds import draws_from, is_idle
from components.smoke_test.checks.state_ops import (
    CAUSES,
    RANDOM,
    Cause,
    cause_of,
    goes_with_the_request,
    what_it_touches,
)
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.executed import INITIALISATION
from components.smoke_test.export.graph import Place, attribute
from components.smoke_test.export.saved_model import Export
from components.smoke_test.report import CheckResult
from preprocessing.text import decoded

_EXPECTED = "answers that are read, looked up, checked and computed, and leave nothing behind"
_INITIALISING = "an initialisation that makes the same model on every server"
_NAMED = 5


@dataclass(frozen=True)
class _Found:
    """An operation that may not run: where it is, and the names of what it changes."""

    place: Place
    op: str
    touched: tuple[str, ...]


def check_state(export: Export, config: SmokeTestConfig) -> Iterator[CheckResult]:
    """One failure for each signature and cause, or one result that passes."""
    failed = False
    count = 0
    for name, ran in export.served.items():
        by_cause: dict[str, list[_Found]] = {}
        for place, node in ran:
            count += 1
            # What may not be there at all is the check `ops`'s affair.
            judged = node.op in allowed_ops() and node.op not in config.ops.allow
            cause = cause_of(node.op) if judged else None
            if cause is None or (cause.kept and name == INITIALISATION):
                continue
            touched = what_it_touches(export.graph, place.function, node)
            if cause.kept and (goes_with_the_request(touched) or is_idle(ran, touched)):
                continue
            if cause.kept and draws_from(ran, touched):
                cause = RANDOM
            by_cause.setdefault(cause.name, []).append(_Found(place, node.op, _names(touched)))
        for cause in CAUSES:
            if cause.name in by_cause:
                failed = True
                yield _failure(name, cause, by_cause[cause.name])
    if not failed:
        yield CheckResult.passes("state", _EXPECTED, f"{count:,} operations run, and none of them keeps anything")


def _names(touched: list[Any]) -> tuple[str, ...]:
    return tuple(repr(decoded(attribute(each, "shared_name").s) or each.name) for each in touched if each is not None)


def _failure(signature: str, cause: Cause, found: list[_Found]) -> CheckResult:
    first = found[0]
    others = Counter(each.op for each in found[1:])
    more = f", and {others.total()} more: {', '.join(op for op, _ in others.most_common(_NAMED))}" if others else ""
    where = f"in function {first.place.function}" if first.place.function else "in the graph itself"
    what = f"{first.op} on {first.touched[0]}" if first.touched else first.op
    by = f"signature {signature}" if signature != INITIALISATION else "the initialisation"
    return CheckResult.fails(
        "state",
        _EXPECTED if signature != INITIALISATION else _INITIALISING,
        f"{what} in node {first.place.name} {where}, run by {by}{more}",
        case=cause.name,
        signature=signature or None,
        hint=f"{cause.hint}; or, where it does no harm, add the operation to smoke_test.ops.allow",
    )

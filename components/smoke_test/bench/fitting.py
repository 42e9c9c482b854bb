"""How many rows a slow model can be asked at once, and its very first answers, which tell that."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from components.smoke_test.bench import requests
from components.smoke_test.bench.altered import evenly
from components.smoke_test.bench.bench import Rows
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Signature
from components.smoke_test.sandbox.session import Answer, Session

_SHARE_OF_PHASE = 0.25
"""What all rows in one batch may take of a phase: half of the machine may be lent to somebody else meanwhile."""
_FEW = 8


def fitted(
    session: Session, contract: Contract, rows: Rows, config: SmokeTestConfig
) -> tuple[Rows, Mapping[str, Answer]]:
    """The rows, or as many of them as every signature answers in one batch in good time.

    Args:
      session: the model, loaded, and not asked anything yet.
      contract: what is known of it.
      rows: those to ask.
      config: the limits.

    Returns:
      The rows, spread evenly over those given where they are fewer, and each predicting signature's answer to the
      first of them alone.

    Raises:
      ProcessEnded: the model's process ended over it.
    """
    limit = config.process.phase_seconds * _SHARE_OF_PHASE
    first, most = {}, len(rows)
    for signature in contract.predicting():
        answer, again = _ask(session, contract, signature, rows, 1)
        first[signature.name] = answer
        if again.error is None:
            most = min(most, _affordable(session, contract, signature, rows, (again.seconds, limit)))
    if most == len(rows):
        return rows, first
    places = evenly(range(len(rows)), most)
    golden = None if rows.golden is None else rows.golden[np.asarray(places)]
    chosen = [rows.rows[i] for i in places], [rows.positions[i] for i in places]
    return replace(rows, rows=chosen[0], positions=chosen[1], golden=golden, left_out=len(rows) - most), first


def _affordable(
    session: Session, contract: Contract, signature: Signature, rows: Rows, times: tuple[float, float]
) -> int:
    """How many of the rows fit, by the seconds of one row, and the most that a batch may take."""
    one, limit = times
    if one * len(rows) <= limit or not requests.takes_batches(signature):
        return len(rows)
    few = min(_FEW, len(rows), max(1, int(limit / one)))
    if few == 1:
        return 1
    # Most of a request's time may be the same for any number of rows.
    _, again = _ask(session, contract, signature, rows, few)
    per_row = max((again.seconds - one) / (few - 1), 1e-9)
    return max(1, min(len(rows), int((limit - one) / per_row)))


def _ask(session: Session, contract: Contract, signature: Signature, rows: Rows, count: int) -> list[Answer]:
    """Twice the same: the first request of a size takes longer than all others. What fails is not asked again."""
    # Of the request for all rows, so that lists are filled up to the same width as later.
    whole = requests.request(signature, rows.rows, without=contract.label)
    request = requests.take(whole, signature, range(count)) if requests.takes_batches(signature) else whole
    first = session.ask([request], phase="answers")
    return first * 2 if first[0].error is not None else [*first, *session.ask([request], phase="answers")]

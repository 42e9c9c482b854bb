"""Which rows the model is asked."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.smoke_test.bench.altered import evenly
from components.smoke_test.bench.bench import Rows
from components.smoke_test.bench.made_rows import made_rows
from components.smoke_test.bench.requests import Array, Row, column_of, decode, strings
from components.smoke_test.bench.split import Split, read_split
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Signature
from components.smoke_test.export.golden import Golden
from components.smoke_test.names import CheckName
from components.smoke_test.sandbox.session import Request, Session

_MOST_SEARCHED = 2000
"""How many examples more than asked for are searched for rows that the trainer has predicted."""
_SEARCH_BATCH = 500


class NoRowsError(Exception):
    """There is nothing to ask; the message is what was found."""

    def __init__(self, check: CheckName, expected: str, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.check: CheckName = check
        self.expected, self.row = expected, row


def choose_rows(
    session: Session,
    contract: Contract,
    golden: Golden | None,
    files: Sequence[str] | None,
    schema: Any | None,
    config: SmokeTestConfig,
) -> Rows:
    """Examples spread evenly over the split that the trainer has predicted, if it has; or made-up ones without a split.

    Raises:
      NoRowsError: the split is empty, an example can't be read or holds values of another type than a signature
        takes, or the trainer has predicted none of them.
      ProcessEnded: the model's process ended over the search.
    """
    if files is None:
        return Rows(made_rows(contract, schema, config.rows), range(config.rows), made=True)
    try:
        split = read_split(files, config.rows)
    except tf.errors.OpError as error:
        raise NoRowsError("answers", "TFRecord files of serialized tf.Examples", error.message) from error
    if not split.records:
        raise NoRowsError("answers", "rows to ask", f"no rows in the {config.split} split")
    order = split.spread(config.rows)
    transform = key_signature(contract)
    if golden is None or transform is None:
        return _rows(split, sorted(order[: config.rows]), contract)
    place = {key: i for i, key in enumerate(golden.row_keys.tolist())}
    most = order[: config.rows + _MOST_SEARCHED]
    known = _known(session, transform, contract.row_key or "", split, most)
    found = dict(islice(((i, place[key]) for i, key in known if key in place), config.rows))
    if not found:
        raise NoRowsError(
            "golden",
            "at least one row that the trainer has predicted",
            f"none among {len(most):,} rows of the {config.split} split",
        )
    chosen = sorted(found)
    rows = _rows(split, chosen, contract)
    return replace(
        rows,
        golden=golden.predictions[[found[i] for i in chosen]],
        stored=golden,
        elsewhere=_elsewhere(split.records, contract, config.rows),
    )


def _elsewhere(records: Sequence[bytes], contract: Contract, most: int) -> Sequence[Row]:
    """At most so many rows, spread over the records; those that can't be read, or don't fit, are left out."""
    found = []
    for record in evenly(records, most):
        with suppress(DecodeError, NoRowsError):
            row = decode(record)
            _check_types(row, 0, contract)
            found.append(row)
    return found


def key_signature(contract: Contract) -> Signature | None:
    """The signature that gives the row keys of serialized examples."""
    signatures = (each for each in contract.signatures.values() if each.kind == "examples")
    return next((each for each in signatures if contract.row_key in each.outputs), None)


def _known(
    session: Session, transform: Signature, row_key: str, split: Split, order: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """The place and the key of each example, in this order."""
    size = start = 0
    while start < len(order):
        # A few at first: preprocessing may be slow.
        size = min(_SEARCH_BATCH, max(4 * size, 64))
        places = order[start : start + size]
        yield from zip(places, row_keys(session, transform, row_key, split.of(places)), strict=True)
        start += size


def row_keys(session: Session, transform: Signature, row_key: str, records: Sequence[bytes]) -> list[int]:
    """The keys by which the trainer's predictions are found.

    Raises:
      NoRowsError: the signature does not give one for each.
      ProcessEnded: the model's process ended over it.
    """
    [argument] = transform.inputs
    [answer] = session.ask([Request(transform.name, {argument: strings(records)})], phase="golden_rows")
    keys = answer.outputs[row_key].reshape(-1).tolist() if answer.error is None else []
    if len(keys) != len(records):
        received = str(answer.error or f"{len(keys)} keys for {len(records)} rows")
        raise NoRowsError("golden", f"row keys from the signature {transform.name}", received)
    return keys


def _rows(split: Split, places: Sequence[int], contract: Contract) -> Rows:
    positions = [split.positions[place] for place in places]
    rows = [read_row(split.records[place], split.positions[place], contract) for place in places]
    return Rows(rows, positions, split=split)


def read_row(record: bytes, position: int, contract: Contract) -> Row:
    """A serialized example as a row.

    Raises:
      NoRowsError: it isn't one, or holds values of another type than a signature takes.
    """
    try:
        row = decode(record)
    except DecodeError as error:
        raise NoRowsError("answers", "serialized tf.Examples", f"not one: {error}", row=position) from error
    _check_types(row, position, contract)
    return row


def _check_types(row: Row, position: int, contract: Contract) -> None:
    """A signature with a tensor for each feature can't be asked for a text where it takes a number.

    One that parses examples itself is asked, and says so.
    """
    for signature in contract.predicting():
        if signature.kind != "features":
            continue
        for argument, spec in signature.inputs.items():
            column = column_of(signature, argument)
            if column in row and not _fits(row[column], spec.dtype):
                expected = f"column {column!r} as {spec.dtype}, which the signature {signature.name} takes"
                raise NoRowsError("answers", expected, f"{row[column].tolist()[:3]}", row=position)


def _fits(values: Array, dtype: str) -> bool:
    if (values.dtype == object) != (dtype == "string"):
        return False
    if values.dtype.kind == "f" and "int" in dtype:
        return bool(np.all(values == np.round(values)))
    return True

"""Which rows the model is asked."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from components.smoke_test.bench.altered import evenly
from components.smoke_test.bench.bench import Rows
from components.smoke_test.bench.made_rows import made_rows
from components.smoke_test.bench.requests import Array, Row, column_of, decode, read_examples, strings
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.contract import Contract, Signature
from components.smoke_test.export.golden import Golden
from components.smoke_test.names import CheckName
from components.smoke_test.sandbox.session import Request, Session

SPARE_ROWS = 2000
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
    """The first examples that the trainer has predicted, or the first, or made-up ones where there are no examples.

    Raises:
      NoRowsError: the split is empty, an example can't be read or holds values of another type than a signature
        takes, or the trainer has predicted none of them.
      ProcessEnded: the model's process ended over the search.
    """
    if files is None:
        return Rows(made_rows(contract, schema, config.rows), range(config.rows), made=True)
    most = config.rows + (SPARE_ROWS if golden is not None else 0)
    try:
        records = list(islice(read_examples(files), most))
    except tf.errors.OpError as error:
        raise NoRowsError("answers", "TFRecord files of serialized tf.Examples", error.message) from error
    if not records:
        raise NoRowsError("answers", "rows to ask", f"no rows in the {config.split} split")
    transform = _transform(contract)
    if golden is None or transform is None:
        return _rows(records, range(min(config.rows, len(records))), contract)
    place = {key: i for i, key in enumerate(golden.row_keys.tolist())}
    found = dict(islice(_known(session, transform, contract.row_key or "", records, place), config.rows))
    if not found:
        raise NoRowsError(
            "golden",
            "at least one row that the trainer has predicted",
            f"none among the first {len(records):,} of the {config.split} split",
        )
    chosen = _rows(records, list(found), contract)
    return Rows(
        chosen.rows,
        chosen.positions,
        golden.predictions[list(found.values())],
        elsewhere=_elsewhere(records, contract, config.rows),
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


def _transform(contract: Contract) -> Signature | None:
    """The signature that gives the row keys of serialized examples."""
    signatures = (each for each in contract.signatures.values() if each.kind == "examples")
    return next((each for each in signatures if contract.row_key in each.outputs), None)


def _known(
    session: Session, transform: Signature, row_key: str, records: Sequence[bytes], place: dict[int, int]
) -> Iterator[tuple[int, int]]:
    """The position of each example that the trainer has predicted, and the place of its prediction."""
    [argument] = transform.inputs
    for start in range(0, len(records), _SEARCH_BATCH):
        batch = strings(records[start : start + _SEARCH_BATCH])
        [answer] = session.ask([Request(transform.name, {argument: batch})], phase="golden_rows")
        if answer.error is not None:
            raise NoRowsError("golden", f"row keys from the signature {transform.name}", str(answer.error))
        for i, key in enumerate(answer.outputs[row_key].reshape(-1).tolist()):
            if key in place:
                yield start + i, place[key]


def _rows(records: Sequence[bytes], positions: Sequence[int], contract: Contract) -> Rows:
    rows = []
    for position in positions:
        try:
            rows.append(decode(records[position]))
        except DecodeError as error:
            raise NoRowsError("answers", "serialized tf.Examples", f"not one: {error}", row=position) from error
        _check_types(rows[-1], position, contract)
    return Rows(rows, positions)


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

"""Creates something exactly once, also where the server's answer got lost."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from components.cloud.http import Patience, RequestError
from preprocessing.errors import UserError

Object = dict[str, Any]


class UncertainError(UserError):
    """The thing may have been created all the same."""


def create_once(
    create: Callable[[], Object],
    find: Callable[[], Object | None],
    *,
    key: str,
    what: str,
    where: str,
    patience: Patience,
    shared: bool = False,
) -> Object:
    """Creates something; after a failure that leaves open whether it worked, takes what is there.

    It is never created again: a first request that the server is still working on would make a second one.

    Args:
      create: sends the request.
      find: looks for the thing, None where it isn't.
      key: the field of the thing that holds its ID.
      what: the thing, for a message.
      where: the page that shows it.
      patience: how often is looked, and how long is waited in between.
      shared: whether somebody else may create it at the same time: then theirs is as good.

    Raises:
      RequestError: it was not created.
      UncertainError: it was probably not created, or that is not known.
      KeyboardInterrupt: it was cut short; a note of it (`__notes__`) says that the thing may be there.
    """
    with _said_after_ctrl_c(what, where):
        try:
            created = create()
        except RequestError as error:
            taken = shared and error.status == httpx.codes.CONFLICT
            if not (error.maybe_done or taken):
                raise
            failure = error.message
        else:
            if created.get(key):
                return created
            failure = f"the answer to the creation of {what} has no {key}"
        if (found := _looked_for(find, failure, what, where, patience)) is not None:
            return found
        raise UncertainError(
            f"{failure}; {what} was not found afterwards, so it was probably not created",
            hint=f"look for it at {where}; if it is not there, submit again",
        )


@contextlib.contextmanager
def _said_after_ctrl_c(what: str, where: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as stop:
        # Its name may be made up: nobody else knows what to look for.
        stop.add_note(f"{what} may exist; look for it at {where}")
        raise


def _looked_for(
    find: Callable[[], Object | None], failure: str, what: str, where: str, patience: Patience
) -> Object | None:
    try:
        found = find()
        for wait in patience.waits():
            if found is not None:
                break
            # The server may still be at it.
            patience.sleep(wait)
            found = find()
    except UserError as error:
        raise UncertainError(
            f"{failure}; whether {what} was created is not known, as looking for it failed too: {error.message}",
            hint=f"look for it at {where}; if it is not there, submit again",
        ) from error
    return found

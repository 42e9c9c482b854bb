"""Puts a new schedule in the place of the old ones of its name.

No request of the two services replaces a schedule's pipeline in one step. So the old ones are paused, the new one is
created, and the old ones are deleted; where the creation fails, they are resumed. There are never two that start runs,
which would push at the same time; the price is that a run that is due in this second is left out. A permission that is
missing shows before anything is changed, or leaves a paused schedule behind, which starts nothing.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.runners.creation import create_once
from pipeline.runners.http import Api, Patience, Request, RequestError
from preprocessing.errors import UserError


@dataclass(frozen=True)
class Schedule:
    """A schedule that the service has: its ID, and whether it starts runs."""

    id: str
    active: bool


class ScheduleRequests(Protocol):
    """What a service's schedules are handled with."""

    @property
    def key(self) -> str:
        """The field of a schedule that holds its ID."""

    def create(self) -> Request:
        """Makes the new one, active."""

    def existing(self, api: Api) -> list[Schedule]:
        """All of the new one's name."""

    def pause(self, schedule: str) -> Request:
        """No more runs are started."""

    def resume(self, schedule: str) -> Request:
        """Runs are started again."""

    def delete(self, schedule: str) -> Request:
        """Takes it away; the runs that it started stay."""

    def link(self, schedule: str | None) -> str:
        """The page that shows it; None: all of them."""


def plan(requests: ScheduleRequests) -> list[Request]:
    """What `replace` sends after it has asked which schedules there are."""
    old, only = "{old_schedule}", "for each schedule of this name"
    return [
        _noted(requests.pause(old), f"{only} that is active"),
        requests.create(),
        _noted(requests.delete(old), only),
    ]


def replace(requests: ScheduleRequests, api: Api, patience: Patience) -> tuple[str, str]:
    """Creates the schedule and takes the old ones of its name away.

    Returns:
      The new one's ID, and what is left to say in one line, or nothing.

    Raises:
      UserError: nothing was created, and the old ones are active as before, or the message says which one is not.
    """
    old = requests.existing(api)
    paused: list[str] = []
    try:
        for each in old:
            if each.active:
                paused.append(each.id)  # before the request: it may work although its answer gets lost
                api.send(requests.pause(each.id), repeatable=True)
        new = _created(requests, api, {each.id for each in old}, patience)
    except BaseException as error:
        # Also after Ctrl-C: no schedule may stay paused that nobody looks at.
        _resume(requests, api, paused, error)
        raise
    return new, "; ".join(note for each in old if (note := _deleted(requests, api, each)))


def _created(requests: ScheduleRequests, api: Api, old: set[str], patience: Patience) -> str:
    def new_one() -> dict[str, Any] | None:
        return next(({requests.key: each.id} for each in requests.existing(api) if each.id not in old), None)

    created = create_once(
        lambda: api.send(requests.create()),
        new_one,
        key=requests.key,
        what="the schedule",
        where=requests.link(None),
        patience=patience,
    )
    return str(created[requests.key])


def _resume(requests: ScheduleRequests, api: Api, paused: list[str], cause: BaseException) -> None:
    for schedule in paused:
        try:
            api.send(requests.resume(schedule), repeatable=True)
        except UserError as error:
            raise UserError(
                f"{getattr(cause, 'message', 'interrupted')}; and the old schedule {schedule}, which was paused for "
                f"this, could not be resumed: {error.message}",
                hint=f"resume it at {requests.link(schedule)}",
            ) from error


def _deleted(requests: ScheduleRequests, api: Api, old: Schedule) -> str:
    try:
        api.send(requests.delete(old.id))
    except UserError as error:
        gone = isinstance(error, RequestError) and error.status == 404
        if not gone:  # by somebody else, or by a try of ours whose answer got lost
            return f"the old schedule {old.id} is paused, but could not be deleted: {error.message}"
    return ""


def _noted(request: Request, only: str) -> Request:
    return Request(request.method, request.url, request.params, request.body, only)

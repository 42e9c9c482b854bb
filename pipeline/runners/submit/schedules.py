"""Puts a new schedule in the place of the old ones of its name.

No request of the two services replaces a schedule's pipeline in one step. So the old ones are paused, the new one is
created, and the old ones are deleted. Two that start runs would push at the same time: so the old ones are resumed only
where the new one was certainly not made; otherwise they stay paused, which is said. The price is that a run that is due
in between is left out. A permission that is missing shows before anything is changed, or leaves a paused schedule
behind, which starts nothing.

Two submissions at the same time can both make theirs. So each looks once more after that, and both come to the same:
of the active ones the newest stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from components.cloud.http import Api, HttpRequest, Patience, RequestError
from pipeline.runners.submit.creation import UncertainError, create_once
from pipeline.runners.submit.planned import Planned
from preprocessing.errors import UserError


@dataclass(frozen=True)
class Schedule:
    """A schedule that the service has.

    Attributes:
      id: the service's.
      active: whether it starts runs.
      created: when it was made, as the service says it (RFC 3339).
    """

    id: str
    active: bool
    created: str = ""


class ScheduleRequests(Protocol):
    """What a service's schedules are handled with."""

    @property
    def key(self) -> str:
        """The field of a schedule that holds its ID."""

    def create(self) -> HttpRequest:
        """Creates the new schedule, active."""

    def find(self) -> HttpRequest:
        """Asks for the first page of the schedules of the new one's name."""

    def existing(self, api: Api) -> list[Schedule]:
        """Lists all schedules of the new one's name."""

    def pause(self, schedule: str) -> HttpRequest:
        """Pauses a schedule: it starts no more runs."""

    def resume(self, schedule: str) -> HttpRequest:
        """Resumes a schedule: it starts runs again."""

    def delete(self, schedule: str) -> HttpRequest:
        """Deletes a schedule; the runs that it started stay."""

    def link(self, schedule: str | None) -> str:
        """The page that shows a schedule; None: all of them."""


def plan(requests: ScheduleRequests) -> list[Planned]:
    """Plans the requests that `replace` sends."""
    old = "{old_schedule}"
    return [
        Planned(requests.find()),
        Planned(requests.pause(old), "for each schedule of this name that is active"),
        Planned(requests.create()),
        Planned(requests.find()),
        Planned(requests.delete(old), "for each schedule of this name but the newest"),
    ]


def replace(requests: ScheduleRequests, api: Api, patience: Patience) -> tuple[str, str]:
    """Creates the schedule and deletes the others of its name.

    Returns:
      The new one's ID, and what is left to say in one line, or nothing.

    Raises:
      UserError: nothing was created, and the old ones are active as before; or the message says what is otherwise.
      KeyboardInterrupt: it was cut short; its notes say what may be there, and what is paused.
    """
    old = requests.existing(api)
    paused = _paused(requests, api, old)
    new = _created(requests, api, old, paused, patience)
    try:
        return new, _alone(requests, api, new, old)
    except KeyboardInterrupt as stop:
        others = "others of its name may be there too: submit again, or delete them"
        stop.add_note(f"the schedule {new} was made: {requests.link(new)}; {others} at {requests.link(None)}")
        raise


def _paused(requests: ScheduleRequests, api: Api, old: Sequence[Schedule]) -> list[str]:
    """Pauses those that are active, and gives their IDs; where one can't be, those before it are resumed."""
    paused: list[str] = []
    try:
        for each in old:
            if each.active:
                paused.append(each.id)  # before the request: it may work although its answer gets lost
                try:
                    api.send(requests.pause(each.id), repeatable=True)
                except RequestError as error:
                    gone = error.status == httpx.codes.NOT_FOUND  # somebody else has deleted it
                    if gone or not error.maybe_done:
                        paused.pop()
                    if not gone:
                        raise
    except BaseException as error:
        # Also after Ctrl-C: no schedule may stay paused that nobody looks at.
        _resume(requests, api, paused, error)
        raise
    return paused


def _created(
    requests: ScheduleRequests, api: Api, old: Sequence[Schedule], paused: Sequence[str], patience: Patience
) -> str:
    known = {each.id for each in old}

    def new_one() -> dict[str, Any] | None:
        return next(({requests.key: each.id} for each in requests.existing(api) if each.id not in known), None)

    left = f"left paused, as the new one may be active: {', '.join(map(requests.link, paused))}"
    try:
        created = create_once(
            lambda: api.send(requests.create()),
            new_one,
            key=requests.key,
            what="the schedule",
            where=requests.link(None),
            patience=patience,
        )
    except UncertainError as error:
        if not paused:
            raise
        hint = f"look at {requests.link(None)}; then submit again, which leaves one schedule, active"
        raise UserError(f"{error.message}; {left}", hint=hint) from error
    except UserError as error:
        _resume(requests, api, paused, error)
        raise
    except BaseException as stop:
        if paused:
            stop.add_note(f"{left}; submit again, which leaves one schedule, active")
        raise
    return str(created[requests.key])


def _resume(requests: ScheduleRequests, api: Api, paused: Sequence[str], cause: BaseException) -> None:
    """Resumes all that can be; says of the others, together with the cause, that they stay paused."""
    failures: dict[str, str] = {}
    for schedule in paused:
        try:
            api.send(requests.resume(schedule), repeatable=True)
        except UserError as error:
            failures[requests.link(schedule)] = (
                f"the old schedule {schedule}, which was paused for this, could not be resumed: {error.message}"
            )
        except KeyboardInterrupt as stop:
            stop.add_note(f"these schedules may still be paused: {', '.join(map(requests.link, paused))}")
            raise
    if not failures:
        return
    said, hint = "; and ".join(failures.values()), f"resume it at {', and at '.join(failures)}"
    if isinstance(cause, UserError):
        raise UserError(f"{cause.message}; and {said}", hint=hint) from cause
    cause.add_note(f"{said}; {hint}")


def _alone(requests: ScheduleRequests, api: Api, new: str, old: Sequence[Schedule]) -> str:
    """Takes away all of the name but the newest; what is left to say in one line, or nothing.

    An active one that is not among the old ones was made by somebody else at the same time. Everybody who sees two
    keeps the same one, so that one is always left.

    Raises:
      UserError: the newest is somebody else's.
    """
    # They are paused by now.
    before = [Schedule(each.id, active=False) for each in old]
    try:
        found = requests.existing(api)
    except UserError as error:
        unknown = f"whether somebody else's schedule is active is not known: {error.message}"
        return "; ".join([*_kept(requests, api, before).values(), f"{unknown}; look at {requests.link(None)}"])
    active = [each for each in found if each.active]
    if not any(each.id == new for each in active):
        # Another submission has it as an old one.
        gone = f"somebody else has paused or deleted the schedule {new} since, as a submission of another one does"
        return "; ".join([*_kept(requests, api, before).values(), f"{gone}; look at {requests.link(None)}"])
    newest = max(active, key=_made)
    others = [each for each in found if each != newest]
    kept = _kept(requests, api, others)
    if newest.id != new:
        theirs = f"somebody else scheduled this pipeline at the same time, and theirs, {newest.id}, stays"
        raise UserError(
            "; ".join([theirs, *kept.values()]),
            hint=f"look at {requests.link(newest.id)}; to have yours instead, submit again",
        )
    taken = [each.id for each in others if each.active and each.id not in {*kept, *(one.id for one in old)}]
    return "; ".join([*(f"deleted {each}, which somebody else scheduled meanwhile" for each in taken), *kept.values()])


def _made(schedule: Schedule) -> tuple[float, str]:
    """What orders schedules by their age; the ID where two are of the same second."""
    try:
        return datetime.fromisoformat(schedule.created).timestamp(), schedule.id
    except (ValueError, OverflowError):
        return 0.0, schedule.id


def _kept(requests: ScheduleRequests, api: Api, schedules: Sequence[Schedule]) -> dict[str, str]:
    """Deletes them; the IDs of those that could not be, and why, each in one line."""
    kept = {}
    for each in schedules:
        try:
            api.send(requests.delete(each.id))
        except UserError as error:
            gone = isinstance(error, RequestError) and error.status == httpx.codes.NOT_FOUND
            if not gone:  # by somebody else, or by a try of ours whose answer got lost
                state = "is active" if each.active else "is paused"
                where = requests.link(each.id)
                kept[each.id] = (
                    f"the schedule {each.id} {state}, but could not be deleted: {error.message}; see {where}"
                )
    return kept

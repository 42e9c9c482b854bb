"""What a REST server answered: a JSON object, or what is wrong with it in one line."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from preprocessing.errors import UserError
from preprocessing.text import one_line, printable, shortened

GIVEN_UP = frozenset({408, 499})
"""The statuses of a server or proxy that waited no longer: for the request, or for whoever does the work."""
LASTING = frozenset({501, 505, 511})
"""The statuses of 500 and more that stay: no such method, no such version of HTTP, a network that wants a login."""
_SLOWER = 429
_LONGEST_MESSAGE = 300
_LOGIN = "probably a login page"
_NOT_THE_API = "check the address: it must be the service's API, not a login or proxy page"


class AnswerError(Exception):
    """One try that failed.

    Attributes:
      status: HTTP's; None where no whole answer came.
      passing: whether the next try may succeed.
      maybe_done: whether the server may have done what was asked.
      wait: the seconds that the server asks to wait for.
      hint: the next step, where it is another than after most failures; or empty.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        passing: bool = False,
        maybe_done: bool = False,
        wait: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.passing = passing
        self.maybe_done = maybe_done
        self.wait = wait
        self.hint = hint


@dataclass(frozen=True)
class HttpAnswer:
    """A server's whole answer.

    Attributes:
      status: HTTP's.
      kind: the content's type.
      content: its text.
      location: where a redirect leads.
      wait: the seconds of `Retry-After`; None without one.
      hide: takes what nobody may see out of a text that is to be shown.
    """

    status: int
    kind: str
    content: str
    location: str
    wait: float | None
    hide: Callable[[str], str]

    def check_status(self) -> None:
        """Reads the status alone.

        Raises:
          AnswerError: it is not one of success.
        """
        if 300 <= self.status < 400:
            # Without the query, which may hold a ticket.
            place = re.split("[?#]", self.location)[0]
            self._fail(f"a redirect to {self._said(place) or 'nowhere'}: {_LOGIN}", hint=_NOT_THE_API)
        if not 200 <= self.status < 300:
            self._fail("a page in HTML" if self._html else self._message())

    def json(self) -> dict[str, Any]:
        """The answer's JSON object.

        Raises:
          AnswerError: the status is not one of success, or there is no object.
        """
        self.check_status()
        if self._html:
            self._fail(f"a page in HTML instead of JSON: {_LOGIN}", hint=_NOT_THE_API)
        answer = _parsed(self.content or "{}")
        if not isinstance(answer, dict):
            self._fail(f"not a JSON object: {self._said(self.content, 60)!r}", passing=True)
        return answer

    @property
    def _html(self) -> bool:
        return "html" in self.kind or self.content.lstrip()[:1] == "<"

    def _fail(self, what: str, *, passing: bool | None = None, hint: str = "") -> NoReturn:
        status = self.status
        failing = status >= 500 or status in GIVEN_UP
        if passing is None:
            passing = (failing or status == _SLOWER) and status not in LASTING
        raise AnswerError(
            f"HTTP {status}, {what}",
            status=status,
            passing=passing,
            # A success whose answer can't be read is one all the same, and what a proxy says tells nothing of the
            # server behind it.
            maybe_done=failing or 200 <= status < 300,
            wait=self.wait if passing else None,
            hint=hint,
        )

    def _message(self) -> str:
        """The server's own words: Google's and grpc-gateway's errors, or plain text."""
        text, answer = self.content, _parsed(self.content)
        if isinstance(answer, dict):
            error = answer.get("error")
            inner = error.get("message") if isinstance(error, dict) else None
            text = str(inner or answer.get("message") or error or text)
        return self._said(text) or "without a message"

    def _said(self, text: str, longest: int = _LONGEST_MESSAGE) -> str:
        # First hidden, then shortened: half a secret would not be found.
        return said(self.hide(text), longest)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def unexpected(where: str, what: str) -> UserError:
    """The error of an answer that is JSON, but not what the service's API gives."""
    return UserError(
        f"{where}: unexpected answer: {what}",
        hint="check that the address is the service's API, and that its version is one that is supported",
    )


def fields(value: object, name: str) -> dict[str, Any]:
    """The object in a field of an answer; an empty one where there is none.

    Raises:
      UserError: something else is in the field.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise unexpected(name, f"expected an object, received {said(json.dumps(value), 60)}")
    return value


def objects(value: object, name: str) -> list[dict[str, Any]]:
    """The objects in a list of an answer; none where there is no list.

    Raises:
      UserError: something else is in the field.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise unexpected(name, f"expected a list, received {said(json.dumps(value), 60)}")
    return [fields(each, f"{name}[{index}]") for index, each in enumerate(value) if each is not None]


def text_of(value: object) -> str:
    """What should be text, as one printable line; empty where there is nothing."""
    return "" if value is None else said(str(value))


def error_text(error: object) -> str:
    """The words in the error of a run or a task: an object as Google's APIs have it, or text."""
    return text_of(error.get("message") if isinstance(error, dict) else error)


def said(text: str, longest: int = _LONGEST_MESSAGE) -> str:
    """Somebody else's text in one printable line, shortened to `longest` characters."""
    # First escaped, then shortened: an escape is longer than what it stands for.
    return shortened(printable(one_line(text)), longest)


def retry_after(value: str, now: float) -> float | None:
    """The seconds of a `Retry-After` header, which holds seconds or a date; None where it says nothing.

    Args:
      value: the header.
      now: seconds since the epoch.
    """
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is in UTC, as HTTP wants it.
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)

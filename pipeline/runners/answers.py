"""What a REST server answered: a JSON object, or what is wrong with it in one line."""

import json
import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

FAILING = frozenset({408, 429, 500, 502, 503, 504})
"""The statuses after which the same request may succeed later."""
_NOTHING_DONE = 429
_LONGEST_MESSAGE = 300
_LOGIN = "probably a login page"


class AnswerError(Exception):
    """One try that failed.

    Attributes:
      status: HTTP's; None where no whole answer came.
      passing: whether the next try may succeed.
      maybe_done: whether the server may have done what was asked.
      wait: the seconds that the server asks to wait for.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        passing: bool = False,
        maybe_done: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.passing = passing
        self.maybe_done = maybe_done
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
      status: HTTP's.
      kind: the content's type.
      content: its bytes.
      location: where a redirect leads.
      wait: the seconds of `Retry-After`; None without one.
    """

    status: int
    kind: str
    content: bytes
    location: str
    wait: float | None

    def json(self) -> dict[str, Any]:
        """The answer's JSON object.

        Raises:
          AnswerError: the status is not one of success, or there is no object.
        """
        if 300 <= self.status < 400:
            # Without the query, which may hold a ticket.
            place = urlsplit(self.location)._replace(query="", fragment="").geturl()
            self._fail(f"a redirect to {said(place) or 'nowhere'}: {_LOGIN}")
        html = "html" in self.kind or self.content.lstrip()[:1] == b"<"
        if not 200 <= self.status < 300:
            self._fail("a page in HTML" if html else _message(self.content))
        if html:
            self._fail(f"a page in HTML instead of JSON: {_LOGIN}")
        try:
            answer = json.loads(self.content or b"{}")
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            what = f"no JSON object: {said(self.content.decode('utf-8', 'replace'), 60)!r}"
            raise AnswerError(f"HTTP {self.status}, {what}", passing=True, maybe_done=True)
        return answer

    def _fail(self, what: str) -> NoReturn:
        passing = self.status in FAILING
        raise AnswerError(
            f"HTTP {self.status}, {what}",
            status=self.status,
            passing=passing,
            maybe_done=passing and self.status != _NOTHING_DONE,
            wait=self.wait if passing else None,
        )


def _message(content: bytes) -> str:
    """The server's own words: Google's and grpc-gateway's errors, or plain text."""
    text = content.decode("utf-8", "replace")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        error = answer.get("error")
        inner = error.get("message") if isinstance(error, dict) else None
        text = str(inner or answer.get("message") or error or text)
    return said(text) or "without a message"


def said(text: str, longest: int = _LONGEST_MESSAGE) -> str:
    """Somebody else's text in one printable line, shortened to `longest` characters."""
    line = re.sub(r"\s+", " ", text).strip()
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


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
    except ValueError:
        return None
    # A date without a zone is in UTC, as HTTP wants it.
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)

"""The HTTP client of every REST API here: requests as data, and what came of them.

A request is tried again only where that cannot do its work twice: see `Api.send`.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import httpx

from components.cloud import connection
from components.cloud.address import check
from components.cloud.answers import AnswerError, HttpAnswer, objects, retry_after, said, unexpected
from components.cloud.credentials import Credentials
from preprocessing.errors import UserError

Answer = TypeVar("Answer")

_LARGEST_ANSWER = 64 << 20
_MOST_PAGES = 1000
"""Pages of one list, at most. What is looked for has a name: a server that has more pages of it than this ignores
the filter."""


@dataclass(frozen=True)
class HttpRequest:
    """One call of a REST API.

    Attributes:
      method: GET, POST or DELETE.
      url: without a query.
      params: the query.
      body: sent as JSON; bytes are JSON already; None sends no body.
      headers: beside those of every request.
      name: what a message calls the request where its URL is a secret.
    """

    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    @property
    def shown(self) -> str:
        """The method and the URL, for a message: without the query, which may hold more than a reader wants."""
        return self.name or f"{self.method} {self.url}"


@dataclass(frozen=True)
class Patience:
    """How long is waited for a server, and how often it is asked again.

    Attributes:
      connect_seconds: until the connection stands.
      read_seconds: until the next bytes of the answer.
      answer_seconds: for a whole answer, from its first byte.
      tries: of one request, the first among them.
      first_wait: seconds before the second try; each later wait is twice the one before.
      longest_wait: the longest wait that a server may ask for (`Retry-After`), in seconds.
      sleep: waits.
    """

    connect_seconds: float = 10
    read_seconds: float = 60
    answer_seconds: float = 300
    tries: int = 4
    first_wait: float = 1
    longest_wait: float = 60
    sleep: Callable[[float], None] = time.sleep

    def waits(self) -> Iterator[float]:
        """The waits between the tries."""
        for number in range(self.tries - 1):
            yield min(self.first_wait * 2**number, self.longest_wait)


class RequestError(UserError):
    """A request that failed for good.

    Attributes:
      status: HTTP's, or None where no whole answer came.
      maybe_done: whether this try or an earlier one of the same request may have done its work all the same.
      passing: whether the same request may succeed later.
    """

    def __init__(self, message: str, *, hint: str, status: int | None, maybe_done: bool, passing: bool) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.maybe_done = maybe_done
        self.passing = passing


class Api:
    """One server's REST API. A context manager."""

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        hints: Mapping[int, str],
        patience: Patience | None = None,
        *,
        again: str = "",
    ) -> None:
        """Nothing is sent yet.

        Args:
          address: the server's, which every request's URL begins with.
          credentials: whose token is sent along.
          hints: the next step by HTTP status, where this server's differs from the usual; 0 is for no whole answer.
          patience: None is the usual.
          again: what to do after the next step of a failure that has its own, for example "run the step again"; empty
            where that goes without saying.

        Raises:
          UserError: the address holds a user or a password; the credentials have a token, and it would go over the
            network in the clear; there are no credentials; the environment's proxy or certificates can't be used.
        """
        self._credentials = credentials
        self._hints = _HINTS | dict(hints)
        self._patience = patience or Patience()
        self._again = f", then {again}" if again else ""
        check(address, token=credentials.token() is not None)
        timeout = httpx.Timeout(self._patience.read_seconds, connect=self._patience.connect_seconds)
        self._http = connection.client(address, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def send(self, request: HttpRequest, *, repeatable: bool | None = None) -> dict[str, Any]:
        """Sends one request and gives the JSON object of its answer.

        It is sent again, a few times, after an answer or a failure that means that nothing was done (429, no
        connection); and where doing it twice does no harm, after any failure of the server or of the way to it. A 401
        renews the credentials, once.

        Args:
          request: what to send.
          repeatable: whether doing it twice does no harm; None: it does none but for POST.

        Raises:
          RequestError: see there.
        """
        repeatable = request.method != "POST" if repeatable is None else repeatable
        return self._patiently(request, repeatable, HttpAnswer.json)

    def deliver(self, request: HttpRequest) -> None:
        """Sends what any answer of success acknowledges, whatever its content; again after any failure that may pass.

        Args:
          request: what to send; doing it twice does no harm.

        Raises:
          RequestError: see there.
        """
        self._patiently(request, True, HttpAnswer.check_status)

    def _patiently(self, request: HttpRequest, repeatable: bool, read: Callable[[HttpAnswer], Answer]) -> Answer:
        waits, renewed, maybe_done = self._patience.waits(), False, False
        while True:
            try:
                return read(self._exchange(request))
            except AnswerError as error:
                maybe_done = maybe_done or (error.maybe_done and request.method != "GET")
                if error.status == httpx.codes.UNAUTHORIZED and not renewed and self._credentials.renew():
                    renewed = True
                    continue
                wait = next(waits, None) if error.passing and (repeatable or not error.maybe_done) else None
                if wait is None or (error.wait or 0) > self._patience.longest_wait:
                    self._fail(request, error, maybe_done)
                self._patience.sleep(max(wait, error.wait or 0))

    def find(self, request: HttpRequest) -> dict[str, Any] | None:
        """What a request asks for; None where the server knows no such thing (404).

        Raises:
          RequestError: see `send`.
        """
        try:
            return self.send(request)
        except RequestError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return None

    def every(self, request: HttpRequest, items: str, *, token: tuple[str, str]) -> list[dict[str, Any]]:
        """The items of all pages of a list.

        Args:
          request: asks for the first page.
          items: the answer's field that holds them.
          token: the names of the page's token, in the request's query and in the answer.

        Raises:
          RequestError: see there.
          UserError: an answer is not a page of a list, or the pages have no end.
        """
        found: list[dict[str, Any]] = []
        page, pages = request, set[str]()
        while True:
            answer = self.send(page)
            found += [_Item(each, request) for each in objects(answer.get(items), f"{request.shown}: {items}")]
            following = answer.get(token[1])
            if not following:
                return found
            if not isinstance(following, str) or following in pages or len(pages) + 1 >= _MOST_PAGES:
                what = f"{token[1]}: expected the name of another page, of {_MOST_PAGES} at most"
                received = said(json.dumps(following), 60)
                raise unexpected(request.shown, f"{what}, received {received} after {len(pages) + 1} pages")
            pages.add(following)
            page = HttpRequest(request.method, request.url, {**request.params, token[0]: following})

    def _exchange(self, request: HttpRequest) -> HttpAnswer:
        headers = {"Accept": "application/json", **request.headers}
        if (value := self._credentials.token()) is not None:
            headers["Authorization"] = f"Bearer {value}"
        written = request.body if isinstance(request.body, bytes) else None
        if written is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self._http.stream(
                request.method,
                request.url,
                params=dict(request.params) or None,
                content=written,
                json=None if written is not None else request.body,
                headers=headers,
            ) as response:
                content = self._content(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            hint = connection.next_step(error)
            raise AnswerError(f"no connection: {self._said(error)}", passing=not hint, hint=hint) from error
        except httpx.TimeoutException as error:
            what = f"no answer within {self._patience.read_seconds:g} s"
            raise AnswerError(what, passing=True, maybe_done=True) from error
        except httpx.DecodingError as error:
            what = f"an answer that can't be decompressed: {self._said(error)}"
            raise AnswerError(what, passing=True, maybe_done=True) from None
        except httpx.HTTPError as error:
            what = f"the connection broke: {self._said(error)}"
            # Without its cause, which may repeat what the server sent, the token too, and would be shown by --debug.
            raise AnswerError(what, passing=True, maybe_done=True) from None
        # Here and not where something is shown: answers are shortened, and half a token would not be found.
        content = self._credentials.removed_from_data(content)
        kind, location = response.headers.get("content-type", ""), response.headers.get("location", "")
        wait = retry_after(response.headers.get("retry-after", ""), time.time())
        return HttpAnswer(response.status_code, kind, content, location, wait, self._credentials.removed)

    def _said(self, error: httpx.HTTPError) -> str:
        return said(self._credentials.removed(str(error)))

    def _content(self, response: httpx.Response) -> str:
        content = bytearray()
        end = time.monotonic() + self._patience.answer_seconds
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > _LARGEST_ANSWER:
                raise AnswerError(f"an answer of more than {_LARGEST_ANSWER >> 20} MiB", maybe_done=True)
            if time.monotonic() > end:
                what = f"an answer that took more than {self._patience.answer_seconds:g} s"
                raise AnswerError(what, passing=True, maybe_done=True)
        return content.decode("utf-8-sig", "replace")

    def _fail(self, request: HttpRequest, error: AnswerError, maybe_done: bool) -> NoReturn:
        hint = f"{error.hint}{self._again}" if error.hint else self._hints.get(error.status or 0, "")
        if not hint:
            hint = "see the server's message" if error.status and not error.passing else _LATER
        if error.wait:
            hint = f"the server asks to wait {error.wait:.0f} s; try again after that"
        message = f"{request.shown}: {error}"
        raise RequestError(
            message, hint=hint, status=error.status, maybe_done=maybe_done, passing=error.passing
        ) from error


class _Item(dict[str, Any]):
    """An object of a list. That it lacks a field, or has null there, is the service's mistake and not a bug."""

    def __init__(self, fields: Mapping[str, Any], request: HttpRequest) -> None:
        super().__init__({name: value for name, value in fields.items() if value is not None})
        self._request = request

    def __missing__(self, field: str) -> NoReturn:
        raise unexpected(self._request.shown, f"expected {field} in each item, received one without")


_LATER = "check that the server is up and reachable from here; then try again"
_HINTS = {
    httpx.codes.UNAUTHORIZED: "get a new token",
    httpx.codes.FORBIDDEN: "ask for the permission that the server names, or use another account",
    httpx.codes.NOT_FOUND: "check the address",
    httpx.codes.TOO_MANY_REQUESTS: "wait a minute; then try again",
}

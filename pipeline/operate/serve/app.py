"""The HTTP side of the server: addresses, limits, threads. What a call does is in `calls.py`.

TensorFlow never runs on the event loop: a pool of threads answers, a bounded number of requests waits for it, and what
comes beyond is refused at once.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pipeline.operate.serve import answers, calls
from pipeline.operate.serve.errors import RefusalError, invalid
from pipeline.operate.serve.guard import Guard
from pipeline.operate.serve.metrics import CONTENT_TYPE, Metrics
from pipeline.operate.serve.request_log import RequestLog
from pipeline.operate.serve.versions import Versions

# As model_servers/http_rest_api_util.cc has them.
_ASKING = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:(classify|regress|predict)", re.I)
_LOOKING = re.compile(r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(?:/(metadata))?", re.I)
_OURS = re.compile(r"/v1/.*", re.I)
_BUSY, _TOO_LARGE, _TOO_SLOW, _NOT_FOUND, _UNEXPECTED = 503, 413, 408, 404, 500
_LARGEST_VERSION = 2**63
_MIB = 2**20
_CALL = "lockgate.call"
"""In the scope of a request: the call's name, for the metrics."""

Work = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Limits:
    """What one server takes on: see `pipeline.config.serving.ServingConfig`."""

    threads: int
    queue: int
    max_request_mb: int
    body_seconds: float


@dataclass(frozen=True)
class Api:
    """What the requests need.

    Attributes:
      name: of the model.
      versions: answer.
      metrics: count.
      guard: says whose requests are taken.
      log: keeps requests; None keeps none.
    """

    name: str
    versions: Versions
    metrics: Metrics
    guard: Guard
    log: RequestLog | None


class RestApi:
    """The ASGI application behind every path but /metrics."""

    def __init__(self, api: Api, limits: Limits, pool: ThreadPoolExecutor) -> None:
        """Nothing runs yet.

        Args:
          api: the model.
          limits: of requests.
          pool: of `limits.threads`.
        """
        self._api, self._limits, self._pool = api, limits, pool
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request, started, call, headers = Request(scope, receive), time.perf_counter(), "other", dict[str, str]()
        try:
            self._api.guard.check(request.headers)
            call, work = self._route(request)
            scope[_CALL] = call
            status, content = 200, await self._worked(request, work)
        except RefusalError as refusal:
            status, content = refusal.status, answers.error(str(refusal))
            if status in (_TOO_SLOW, _TOO_LARGE):
                headers["connection"] = "close"  # what is still to come of the body belongs to nobody
        except ClientDisconnect:
            # Nobody is there to read it; the status is for the metrics.
            status, content = 499, b""
        self._api.metrics.requests.labels(call, status).inc()
        self._api.metrics.seconds.labels(call).observe(time.perf_counter() - started)
        await Response(content, status, headers, "application/json")(scope, receive, send)

    def _route(self, request: Request) -> tuple[str, Work]:
        """What a request asks for: the call's name, and what answers it from the body."""
        # As it was sent: a %2F is part of a name.
        path = request.scope.get("raw_path", request.url.path.encode()).partition(b"?")[0].decode("latin-1")
        if request.method == "POST" and (found := _ASKING.fullmatch(path)):
            name, version = unquote(found[1]), _version(found[2], found[3])
            method = cast(calls.Method, found[4].lower())
            return method, lambda body: self._ask(name, version, method, body)
        if request.method == "GET" and (found := _LOOKING.fullmatch(path)):
            if found[1] is None:
                raise invalid("Missing model name in request.")
            name, version = unquote(found[1]), _version(found[2], found[3])
            if found[4]:
                return "metadata", lambda _: self._metadata(name, version)
            return "status", lambda _: self._status(name, version)
        if _OURS.fullmatch(path):
            raise invalid(f"Malformed request: {request.method} {path}")
        raise RefusalError(
            "NotFound", f"{path} is not served; /v1/models/{self._api.name} and /metrics are", _NOT_FOUND
        )

    async def _worked(self, request: Request, work: Work) -> bytes:
        """The answer of a thread, when one is free. A request counts when its body is there."""
        self._check_room()
        body = await self._body(request)
        self._check_room()
        self._in_flight += 1
        try:
            with self._api.metrics.in_flight.track_inprogress():
                return await asyncio.get_running_loop().run_in_executor(self._pool, work, body)
        finally:
            self._in_flight -= 1

    def _check_room(self) -> None:
        if self._in_flight >= self._limits.threads + self._limits.queue:
            raise RefusalError("Unavailable", f"{self._in_flight} requests are being answered; try again later", _BUSY)

    async def _body(self, request: Request) -> bytes:
        most = self._limits.max_request_mb * _MIB
        announced = request.headers.get("content-length", "")
        content = bytearray()
        if not (announced.isdecimal() and int(announced) > most):
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    async for chunk in request.stream():
                        content += chunk
                        if len(content) > most:
                            break
                    else:
                        return bytes(content)
            except TimeoutError as error:
                message = f"the body took longer than {self._limits.body_seconds:g} s (serving.body_seconds)"
                raise RefusalError("DeadlineExceeded", message, _TOO_SLOW) from error
        message = f"the body is larger than {self._limits.max_request_mb} MiB (serving.max_request_mb)"
        raise RefusalError("InvalidArgument", message, _TOO_LARGE)

    def _ask(self, name: str, version: int | None, method: calls.Method, body: bytes) -> bytes:
        self._check_name(name, version)
        with self._api.versions.use(version) as served:
            asked = calls.ask(served, method, body)
        self._api.metrics.rows.inc(asked.rows)
        if self._api.log is not None:
            self._api.log.add(asked)
        return asked.answer

    def _metadata(self, name: str, version: int | None) -> bytes:
        self._check_name(name, version)
        with self._api.versions.use(version) as served:
            return calls.metadata(served, name)

    def _status(self, name: str, version: int | None) -> bytes:
        if name != self._api.name:
            which = "any versions" if version is None else f"version {version}"
            raise RefusalError("NotFound", f"Could not find {which} of model {name}")
        return calls.status(self._api.versions, name, version)

    def _check_name(self, name: str, version: int | None) -> None:
        if name != self._api.name:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise RefusalError("NotFound", f"Servable not found for request: {wanted}")


def _version(number: str | None, label: str | None) -> int | None:
    if label is not None:
        # TensorFlow Serving has the labels of its configuration file; here there is none.
        raise invalid(f"Unrecognized servable version label: {unquote(label)}")
    if number is None:
        return None
    if int(number) >= _LARGEST_VERSION:
        raise invalid(f"Failed to convert version: {number} to numeric.")
    return int(number)


class _MetricsPage:
    """The ASGI application of /metrics."""

    def __init__(self, metrics: Metrics, guard: Guard) -> None:
        self._metrics, self._guard = metrics, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._guard.check(Request(scope).headers)
            response = Response(self._metrics.page(), media_type=CONTENT_TYPE)
        except RefusalError as refusal:
            response = Response(answers.error(str(refusal)), refusal.status, media_type="application/json")
        await response(scope, receive, send)


def application(api: Api, limits: Limits, started: Callable[[], None], stopped: Callable[[], None]) -> Starlette:
    """The server as an ASGI application.

    Args:
      api: the model.
      limits: of requests.
      started: is called when requests may come.
      stopped: is called when the last one has its answer.
    """
    pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="answers")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        started()
        yield
        pool.shutdown()
        stopped()

    routes = [
        Route("/metrics", _MetricsPage(api.metrics, api.guard)),
        Route("/{path:path}", RestApi(api, limits, pool)),
    ]

    def unexpected(request: Request, error: Exception) -> Response:
        # A bug of ours: Starlette raises it again after this answer, and uvicorn prints its stack trace.
        api.metrics.requests.labels(request.scope.get(_CALL, "other"), _UNEXPECTED).inc()
        content = answers.error(f"Internal: {type(error).__name__}; the server has printed more")
        return Response(content, _UNEXPECTED, {"connection": "close"}, "application/json")

    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={Exception: unexpected})

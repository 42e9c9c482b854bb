"""A REST server on the loopback address that writes down what it is asked, and fails as it is told to."""

import json
import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """Whether the connection breaks in the middle of the body."""

    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body or {}).encode()


@dataclass
class Fault:
    """What happens to the next requests that fit, instead of an answer.

    Attributes:
      call: a regular expression for the whole `METHOD path`.
      how: a reply; `drop` closes the connection without a byte, `hang` says nothing until the server is closed.
      times: how many requests.
      after: whether the request does its work all the same.
    """

    call: str
    how: Reply | Literal["drop", "hang"]
    times: int = 1
    after: bool = False


class RefusedError(Exception):
    """What a handler answers an error with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RestServer:
    """A context manager. Subclasses answer in `handle`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.faults: list[Fault] = []
        self.accepts: str | None = None
        """The one that is wanted; None wants none."""
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def calls(self) -> list[str]:
        return [each.call for each in self.received]

    def bodies(self, call: str) -> list[Any]:
        """The bodies of the requests of one kind."""
        return [each.body for each in self.received if re.fullmatch(call, each.call)]

    def fails(self, call: str, how: Reply | Literal["drop", "hang"], *, times: int = 1, after: bool = False) -> None:
        self.faults.append(Fault(call, how, times, after))

    def handle(self, request: Received) -> Any:
        """The JSON of the answer.

        Raises:
          RefusedError: an error is to be answered.
        """
        return {"path": request.path}

    def error(self, status: int, message: str) -> Any:
        """The JSON of an error."""
        return {"error": {"code": status, "message": message, "status": str(status)}}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, request: Received) -> Reply | Literal["drop"]:
        with self._lock:
            self.received.append(request)
            fault = next((each for each in self.faults if each.times and re.fullmatch(each.call, request.call)), None)
            if fault is None:
                return self._own_answer(request)
            fault.times -= 1
            if fault.after:
                self._own_answer(request)
        if fault.how == "hang":
            self._closed.wait()
            return "drop"
        return fault.how

    def _own_answer(self, request: Received) -> Reply:
        if self.accepts is not None and request.headers.get("authorization") != f"Bearer {self.accepts}":
            return Reply(401, self.error(401, "the token is not valid"))
        try:
            return Reply(200, self.handle(request))
        except RefusedError as error:
            return Reply(error.status, self.error(error.status, str(error)))


class Answers:
    """Gives one thing after another; the last one for ever."""

    def __init__(self, *each: Any) -> None:
        self._left = deque(each)

    def __call__(self) -> Any:
        return self._left.popleft() if len(self._left) > 1 else self._left[0]


def closed_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _handler(server: RestServer) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # headers and body in one packet

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            reply = server.answer(Received(self.command, parts.path, query, headers, body))
            if reply == "drop":
                self._drop()
                return
            self._send(reply)

        def _send(self, reply: Reply) -> None:
            content = reply.content()
            self.send_response(reply.status)
            sent = {"Content-Type": "application/json", "Content-Length": str(len(content))} | dict(reply.headers)
            for name, value in sent.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if reply.cut else content)
            if reply.cut:
                self.wfile.flush()
                self._drop()

        def _drop(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    return Handler

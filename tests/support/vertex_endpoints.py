"""Vertex AI's REST API as far as a deployment to an endpoint goes, on the loopback interface."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

_TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."


class Request(NamedTuple):
    """One request.

    Attributes:
      method: GET or POST.
      path: below the project and the region, without the query.
      body: the JSON object; empty for a GET.
    """

    method: str
    path: str
    body: dict[str, Any]


class VertexEndpoints:
    """A server with at most one endpoint, number 7; every model that is uploaded is number 9.

    Long-running operations are answered as done, as the service may.

    Attributes:
      parent: `projects/P/locations/R`.
      endpoint: the endpoint's fields; None where there is none yet.
      requests: in their order.
    """

    def __init__(self, parent: str) -> None:
        self.parent = parent
        self.endpoint: dict[str, Any] | None = None
        self.requests: list[Request] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer({})

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))

            def log_message(self, *_: object) -> None:
                """Keeps the tests' output quiet."""

            def _answer(self, body: dict[str, Any]) -> None:
                path = self.path.partition("?")[0].partition(f"/{api.parent}/")[2]
                api.requests.append(Request(self.command, path, body))
                content = json.dumps(api._result(self.command, path, body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def posts(self) -> list[str]:
        """The paths of the requests that change something."""
        return [each.path for each in self.requests if each.method == "POST"]

    def body(self, path: str) -> dict[str, Any]:
        """The body of the one POST with this path."""
        [found] = [each.body for each in self.requests if (each.method, each.path) == ("POST", path)]
        return found

    def _result(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        name = f"{self.parent}/endpoints/7"
        match method, path:
            case "GET", "endpoints":
                return {} if self.endpoint is None else {"endpoints": [{"name": name} | self.endpoint]}
            case "GET", "endpoints/7":
                return {"name": name} | (self.endpoint or {})
            case "POST", "endpoints":
                self.endpoint = body
                return self._done("Endpoint", {"name": name} | body)
            case "POST", "models:upload":
                return self._done("UploadModelResponse", {"model": f"{self.parent}/models/9"})
            case "GET", "models/9":
                return {
                    "name": f"{self.parent}/models/9",
                    "displayName": "v1",
                    "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES"],
                }
            case "POST", "endpoints/7:deployModel":
                return self._done("DeployModelResponse", {"deployedModel": {"id": "1", "model": "9"}})
        raise AssertionError(f"no such request is known: {method} {path}")

    def _done(self, kind: str, response: dict[str, Any]) -> dict[str, Any]:
        operation = f"{self.parent}/operations/1"
        return {"name": operation, "done": True, "response": {"@type": _TYPES + kind} | response}

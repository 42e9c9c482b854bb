"""Vertex AI's Model Registry on 127.0.0.1, as far as a push and a lookup ask it.

Requests are checked against Google's own messages: a field that they don't have is an error of the test.
"""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.cloud.aiplatform_v1.types import model as vertex_model
from google.cloud.aiplatform_v1.types import model_service
from google.protobuf import json_format

LOCATION = "projects/shop/locations/europe-west4"
Answer = tuple[int, Any]


@dataclass
class Registry:
    """The state, and what was asked.

    Attributes:
      url: for `api_endpoint`.
      versions: of each model by its ID, the first one first, as the API shows them.
      asked: method and path of every request, in order.
      bodies: of the POST requests.
      authorizations: the header of every request.
      faults: what is answered instead, one request after the other; None answers that request as usual.
      polls: how often an operation is not done yet.
      upload_error: what an upload ends with, if with an error.
    """

    url: str = ""
    versions: dict[str, list[vertex_model.Model]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    faults: list[Answer | None] = field(default_factory=list)
    polls: int = 0
    upload_error: str | None = None
    _waiting: dict[str, tuple[int, model_service.UploadModelRequest]] = field(default_factory=dict)

    def add(self, model: str, artifact_uri: str, *aliases: str) -> None:
        """Adds a version; an alias moves to it."""
        known = self.versions.setdefault(model, [])
        for each in known:
            each.version_aliases = [alias for alias in each.version_aliases if alias not in aliases]
        number = str(len(known) + 1)
        known.append(
            vertex_model.Model(
                name=f"{LOCATION}/models/{model}",
                version_id=number,
                version_aliases=[*aliases, *([] if known else ["default"])],
                display_name=model,
                artifact_uri=artifact_uri,
            )
        )

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """As the API."""
        name = path.removeprefix("/v1/")
        if method == "POST" and name == f"{LOCATION}/models:upload":
            return self._upload(body)
        if method == "GET" and "/operations/" in name:
            return self._operation(name)
        if method == "GET" and name.startswith(f"{LOCATION}/models/"):
            return self._model(name.rpartition("/")[2])
        return 400, error(400, f"unexpected {method} {path}")

    def _model(self, name: str) -> Answer:
        model, _, wanted = name.partition("@")
        for each in self.versions.get(model, []):
            if (wanted or "default") in (each.version_id, *each.version_aliases):
                return 200, json.loads(vertex_model.Model.to_json(each, use_integers_for_enums=False))
        return 404, error(404, f"The Model {name} does not exist.")

    def _upload(self, body: bytes) -> Answer:
        request = model_service.UploadModelRequest()
        json_format.Parse(body, model_service.UploadModelRequest.pb(request))
        self.bodies.append(json.loads(body))
        model = request.model_id or request.parent_model.rpartition("/")[2]
        if request.parent_model and model not in self.versions:
            return 404, error(404, f"{request.parent_model} does not exist")
        if request.model_id and model in self.versions:
            return 409, error(409, f"The model ID {model} is taken")
        operation = f"{LOCATION}/models/{model}/operations/{len(self.bodies)}"
        self._waiting[operation] = (self.polls, request)
        return 200, {"name": operation, "metadata": {"genericMetadata": {}}}

    def _operation(self, name: str) -> Answer:
        left, request = self._waiting[name]
        if left:
            self._waiting[name] = (left - 1, request)
            return 200, {"name": name}
        if self.upload_error is not None:
            return 200, {"name": name, "done": True, "error": {"code": 9, "message": self.upload_error}}
        model = request.model_id or request.parent_model.rpartition("/")[2]
        self.add(model, request.model.artifact_uri, *request.model.version_aliases)
        found = {"model": f"{LOCATION}/models/{model}", "modelVersionId": str(len(self.versions[model]))}
        return 200, {"name": name, "done": True, "response": found}


def error(code: int, message: str) -> dict[str, Any]:
    """An error as Google's APIs word it."""
    return {"error": {"code": code, "message": message, "status": "SOME_STATUS"}}


@contextlib.contextmanager
def serving() -> Iterator[Registry]:
    """A registry that listens until the block ends."""
    registry = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            registry.asked.append(f"{self.command} {self.path}")
            registry.authorizations.append(self.headers.get("Authorization"))
            fault = registry.faults.pop(0) if registry.faults else None
            status, answer = fault or registry.answer(self.command, self.path, body)
            content = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

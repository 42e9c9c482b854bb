"""NOT Vertex AI: a server with the part of its REST API (v1) that submission uses, for tests.

Bodies are parsed strictly with the messages of Google's own client, and answers are these messages as JSON.
"""

import itertools
import re
from typing import Any

from google.cloud.aiplatform_v1.types import Context, MetadataStore, PipelineJob, Schedule
from google.protobuf import json_format
from support.rest_server import Answers, Received, RefusedError, RestServer

LOCATION = "projects/my-project/locations/europe-west4"
STORE = f"{LOCATION}/metadataStores/default"
_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS"}


class VertexServer(RestServer):
    """Jobs, schedules and metadata contexts of one project, kept in memory by their whole names."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.schedules: dict[str, dict[str, Any]] = {}
        self.contexts: dict[str, dict[str, Any]] = {}
        self.children: dict[str, list[str]] = {}
        self.has_store = True
        self.scheduled = itertools.count(1)
        """Numbers schedules, and the seconds at which they are made; never twice, also where one is gone."""
        self.progress: Answers | None = None
        """What GetPipelineJob says besides, one after another."""

    def handle(self, request: Received) -> Any:
        name = request.path.removeprefix("/v1/")
        routes = {
            rf"POST {LOCATION}/pipelineJobs": self._create_job,
            rf"GET {LOCATION}/pipelineJobs/[^/:]+": self._get_job,
            rf"POST {LOCATION}/schedules": self._create_schedule,
            rf"GET {LOCATION}/schedules": self._list_schedules,
            rf"(GET|POST|DELETE) {LOCATION}/schedules/[^/:]+(:\w+)?": self._schedule,
            rf"POST {LOCATION}/metadataStores": self._create_store,
            rf"GET {STORE}": self._get_store,
            rf"POST {STORE}/contexts": self._create_context,
            rf"GET {STORE}/contexts/[^/:]+": self._get_context,
            rf"POST {STORE}/contexts/[^/:]+:addContextChildren": self._add_child,
        }
        for route, answer in routes.items():
            if re.fullmatch(route, f"{request.method} {name}"):
                return answer(name, request)
        raise RefusedError(404, f"no such method: {request.method} {name}")

    def error(self, status: int, message: str) -> Any:
        return {"error": {"code": status, "message": message, "status": _STATUS.get(status, "INTERNAL")}}

    def _create_job(self, name: str, request: Received) -> Any:
        job = _strict(request.body, PipelineJob)
        identity = request.query.get("pipelineJobId", "")
        if not re.fullmatch("[a-z][-a-z0-9]{0,127}", identity):
            raise RefusedError(400, f"pipelineJobId {identity!r} is not valid")
        whole = f"{name}/{identity}"
        if whole in self.jobs:
            raise RefusedError(409, f"PipelineJob {whole} already exists")
        context = f"{STORE}/contexts/{identity}"
        self.contexts[context] = {"name": context, "schemaTitle": "system.PipelineRun"}
        self.jobs[whole] = job | {"name": whole, "state": "PIPELINE_STATE_PENDING"}
        return self.jobs[whole]

    def _get_job(self, name: str, _: Received) -> Any:
        job = _found(self.jobs, name)
        detail = {"pipelineRunContext": {"name": f"{STORE}/contexts/{name.rpartition('/')[2]}"}}
        return job | {"jobDetail": detail} | (self.progress() if self.progress is not None else {})

    def _create_schedule(self, name: str, request: Received) -> Any:
        schedule = _strict(request.body, Schedule)
        number = next(self.scheduled)
        whole, made = f"{name}/{999 + number}", f"2026-01-01T00:00:{number:02}Z"
        self.schedules[whole] = schedule | {"name": whole, "state": "ACTIVE", "createTime": made}
        return self.schedules[whole]

    def _list_schedules(self, _: str, request: Received) -> Any:
        wanted = re.fullmatch('display_name="(.*)"', request.query["filter"])
        if wanted is None:
            raise RefusedError(400, "Invalid filter")
        found = [each for each in self.schedules.values() if each["displayName"] == wanted[1]]
        return {"schedules": found} if found else {}

    def _schedule(self, name: str, request: Received) -> Any:
        whole, _, action = name.partition(":")
        schedule = _found(self.schedules, whole)
        if request.method == "DELETE":
            del self.schedules[whole]
            return {"name": f"{LOCATION}/operations/1", "done": True}
        if action:
            schedule["state"] = {"pause": "PAUSED", "resume": "ACTIVE"}[action]
            return {}
        return schedule

    def _create_store(self, _: str, request: Received) -> Any:
        _strict(request.body or {}, MetadataStore)
        self.has_store = True
        return {"name": f"{LOCATION}/operations/2", "done": False}

    def _get_store(self, name: str, _: Received) -> Any:
        if not self.has_store:
            raise RefusedError(404, f"{name} not found")
        return {"name": name}

    def _create_context(self, name: str, request: Received) -> Any:
        whole = f"{name}/{request.query['contextId']}"
        if whole in self.contexts:
            raise RefusedError(409, f"{whole} already exists")
        self.contexts[whole] = _strict(request.body, Context) | {"name": whole}
        return self.contexts[whole]

    def _get_context(self, name: str, _: Received) -> Any:
        return _found(self.contexts, name)

    def _add_child(self, name: str, request: Received) -> Any:
        parent = name.removesuffix(":addContextChildren")
        _found(self.contexts, parent)
        for child in request.body["childContexts"]:
            _found(self.contexts, child)
            self.children.setdefault(parent, []).append(child)
        return {}


def _strict(body: Any, message: Any) -> Any:
    try:
        return json_format.MessageToDict(json_format.ParseDict(body, message.pb(message())))
    except json_format.ParseError as error:
        raise RefusedError(400, f"Invalid JSON payload received. {error}") from error


def _found(things: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    if name not in things:
        raise RefusedError(404, f"{name} not found")
    return things[name]

"""NOT Kubeflow: a server with the part of its API (v2beta1) that submission uses, for tests.

What it does was written down from Kubeflow's source: backend/api/v2beta1/*.proto, backend/src/apiserver/server and
resource. Bodies are taken strictly: a field that Kubeflow's own client doesn't know is an error.
"""

import itertools
import json
import re
from typing import Any

import kfp_server_api
from support.rest_server import Answers, Received, RefusedError, RestServer

_API = "/apis/v2beta1"
_EPOCH = "1970-01-01T00:00:00Z"
_CODES = {400: 3, 401: 16, 404: 5, 409: 6}
"""gRPC's."""


class KubeflowServer(RestServer):
    """Experiments, runs and recurring runs, kept in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.experiments: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.recurring: list[dict[str, Any]] = []
        self.scheduled = itertools.count(1)
        """Numbers recurring runs, and the seconds at which they are made; never twice, also where one is gone."""
        self.progress: Answers | None = None
        """What GetRun says besides, one after another."""

    def handle(self, request: Received) -> Any:
        path = request.path.removeprefix(_API)
        if path == request.path:
            raise RefusedError(404, "Not Found")
        kinds = {
            "experiments": (self.experiments, "experiment_id", "experiments", self._experiment),
            "runs": (self.runs, "run_id", "runs", self._run),
            "recurringruns": (self.recurring, "recurring_run_id", "recurringRuns", self._recurring),
        }
        if path == "/healthz":
            return {"multi_user": True}
        found = re.fullmatch(r"/(\w+)(?:/([^/:]+)(?::(\w+))?)?", path)
        if found is None or found[1] not in kinds:
            raise RefusedError(404, "Not Found")
        things, key, items, made = kinds[found[1]]
        if found[2] is None:
            if request.method == "POST":
                things.append({key: f"{found[1]}-{len(things) + 1}"} | made(request.body))
                return things[-1]
            return self._listed(things, items, request)
        thing = next((each for each in things if each[key] == found[2]), None)
        if thing is None:
            raise RefusedError(404, f"{found[1]} {found[2]} not found")
        return self._one(request.method, found[3], thing, things)

    def error(self, status: int, message: str) -> Any:
        return {"error": message, "code": _CODES.get(status, 13), "message": message, "details": []}

    def _one(self, method: str, action: str | None, thing: dict[str, Any], things: list[dict[str, Any]]) -> Any:
        if method == "DELETE":
            things.remove(thing)
            return {}
        if action in ("enable", "disable"):
            thing["status"] = f"{action.upper()}D"
            return {}
        if things is self.runs and self.progress is not None:
            return thing | self.progress()
        return thing

    def _listed(self, things: list[dict[str, Any]], items: str, request: Received) -> Any:
        query = dict(request.query)
        begin, size = int(query.get("page_token") or 0), int(query.get("page_size") or 10)
        found = [each for each in things if _fits(each, query)]
        answer: dict[str, Any] = {"total_size": len(found)}
        if page := found[begin : begin + size]:
            answer[items] = page
        if begin + size < len(found):
            answer["next_page_token"] = str(begin + size)
        return answer

    def _experiment(self, body: Any) -> dict[str, Any]:
        _strict(body, kfp_server_api.V2beta1Experiment)
        mine = [each for each in self.experiments if each.get("namespace") == body.get("namespace")]
        if any(each["display_name"] == body["display_name"] for each in mine):
            raise RefusedError(409, f"Already exist error: experiment {body['display_name']}")
        return body | {"storage_state": "AVAILABLE"}

    def _run(self, body: Any) -> dict[str, Any]:
        _strict(body, kfp_server_api.V2beta1Run)
        _check_pipeline(body)
        self._check_experiment(body)
        return body | {"state": "PENDING", "storage_state": "AVAILABLE", "finished_at": _EPOCH}

    def _recurring(self, body: Any) -> dict[str, Any]:
        _strict(body, kfp_server_api.V2beta1RecurringRun)
        _strict(body["trigger"], kfp_server_api.V2beta1Trigger)
        _strict(body["trigger"]["cron_schedule"], kfp_server_api.V2beta1CronSchedule)
        _check_pipeline(body)
        self._check_experiment(body)
        fields = body["trigger"]["cron_schedule"]["cron"].split(" ")
        # robfig/cron v1: seconds first; five fields would lack the day of the week.
        if len(fields) != 6 or fields[0] != "0" or not 1 <= int(body["max_concurrency"]) <= 10:
            raise RefusedError(400, "the recurring run is not valid")
        status = {"ENABLE": "ENABLED", "DISABLE": "DISABLED"}[body["mode"]]
        # JSON of protobuf: 64-bit numbers are strings.
        number = next(self.scheduled)
        own = {"recurring_run_id": f"recurringruns-{number}", "created_at": f"2026-01-01T00:00:{number:02}Z"}
        return body | own | {"status": status, "max_concurrency": str(body["max_concurrency"])}

    def _check_experiment(self, body: Any) -> None:
        if not any(each["experiment_id"] == body.get("experiment_id") for each in self.experiments):
            raise RefusedError(400, "Experiment id can not be empty in multi-user mode")


def _strict(body: Any, model: Any) -> None:
    if unknown := set(body) - set(model.attribute_map.values()):
        raise RefusedError(400, f"unknown field of {model.__name__}: {sorted(unknown)}")


def _check_pipeline(body: Any) -> None:
    _strict(body["runtime_config"], kfp_server_api.V2beta1RuntimeConfig)
    spec = body["pipeline_spec"]
    if set(spec) <= {"pipeline_spec", "platform_spec"}:
        if "platforms" not in spec["platform_spec"]:
            raise RefusedError(400, "platform_spec without platforms")
        spec = spec["pipeline_spec"]
    if "pipelineInfo" not in spec:
        raise RefusedError(400, "Failed to parse the pipeline source")


def _fits(thing: dict[str, Any], query: dict[str, str]) -> bool:
    for key in ("namespace", "experiment_id"):
        if query.get(key) and thing.get(key, query[key]) != query[key]:
            return False
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        # The SDK writes numbers and camelCase, which JSON of protobuf takes as well.
        if predicate["operation"] not in ("EQUALS", 1):
            raise RefusedError(400, f"operation {predicate['operation']} is not supported")
        if thing.get(predicate["key"]) != predicate.get("string_value", predicate.get("stringValue")):
            return False
    return True

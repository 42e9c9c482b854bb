"""The requests to Kubeflow's API, v2beta1."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from components.cloud.http import Api, HttpRequest
from pipeline.config.targets import KubeflowTarget
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.submit.schedules import Schedule

_PAGES = ("page_token", "next_page_token")
_PAGE = "100"
_DEFAULT_EXPERIMENT = "Default"
"""The experiment that Kubeflow itself uses."""


@dataclass(frozen=True)
class Requests:
    """The requests of one pipeline to one target.

    Attributes:
      target: where to.
      compiled: the pipeline.
      parameters: every runtime parameter's value.
    """

    target: KubeflowTarget
    compiled: Compiled
    parameters: dict[str, str | int]

    def healthz(self) -> HttpRequest:
        """Whether the API answers, before anything is made."""
        return self._request("GET", "healthz")

    def find_experiment(self) -> HttpRequest:
        """The target's experiment in its namespace."""
        return self._request("GET", "experiments", self._named(self.experiment) | self._namespace)

    def create_experiment(self) -> HttpRequest:
        """Creates the target's experiment."""
        return self._request("POST", "experiments", body={"display_name": self.experiment} | self._namespace)

    def find_run(self, name: str, experiment: str) -> HttpRequest:
        """The runs of a name."""
        return self._request("GET", "runs", self._named(name) | {"experiment_id": experiment})

    def create_run(self, name: str, experiment: str) -> HttpRequest:
        """Starts a run of the pipeline."""
        return self._request("POST", "runs", body={"display_name": name} | self._pipeline(experiment))

    def get_run(self, run: str) -> HttpRequest:
        """A run, with the states of its tasks."""
        return self._request("GET", f"runs/{_quoted(run)}")

    def find_schedules(self) -> HttpRequest:
        """The recurring runs of the pipeline's name, in all experiments of the namespace."""
        return self._request("GET", "recurringruns", self._named(self.compiled.name) | self._namespace)

    def create_schedule(self, experiment: str) -> HttpRequest:
        """Makes the recurring run of the target's schedule."""
        schedule = self.target.schedule
        if schedule is None:
            raise ValueError("the target has no schedule")
        # Kubeflow's cron has a field for seconds in front.
        trigger = {"cron_schedule": {"cron": f"0 {' '.join(schedule.cron.split())}"}}
        body = {"display_name": self.compiled.name} | self._pipeline(experiment)
        body |= {"trigger": trigger, "max_concurrency": schedule.max_concurrent, "mode": "ENABLE", "no_catchup": True}
        return self._request("POST", "recurringruns", body=body)

    def schedule(self, method: str, schedule: str, action: str = "") -> HttpRequest:
        """Does something to one recurring run."""
        return self._request(method, f"recurringruns/{_quoted(schedule)}{action}")

    def link(self, page: str) -> str:
        """A page of Kubeflow's user interface."""
        return f"{self.target.host.rstrip('/')}/#/{page}"

    @property
    def experiment(self) -> str:
        """The name of the target's experiment."""
        return self.target.experiment or _DEFAULT_EXPERIMENT

    @property
    def _namespace(self) -> dict[str, str]:
        return {} if self.target.namespace is None else {"namespace": self.target.namespace}

    @staticmethod
    def _named(name: str) -> dict[str, str]:
        predicate = {"operation": "EQUALS", "key": "display_name", "string_value": name}
        return {"filter": json.dumps({"predicates": [predicate]}), "page_size": _PAGE}

    def _pipeline(self, experiment: str) -> dict[str, Any]:
        spec = self.compiled.spec
        if self.compiled.platforms is not None:
            spec = {"pipeline_spec": spec, "platform_spec": {"platforms": self.compiled.platforms}}
        body: dict[str, Any] = {"experiment_id": experiment, "pipeline_spec": spec}
        body["runtime_config"] = {"parameters": self.parameters, "pipeline_root": self.target.root}
        if self.target.service_account is not None:
            body["service_account"] = self.target.service_account
        return body

    def _request(
        self, method: str, path: str, params: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> HttpRequest:
        return HttpRequest(method, f"{self.target.host.rstrip('/')}/apis/v2beta1/{path}", params or {}, body)


@dataclass(frozen=True)
class RecurringRuns:
    """How the pipeline's recurring run is replaced. See `pipeline.runners.submit.schedules`."""

    requests: Requests
    experiment: str
    key: str = "recurring_run_id"

    def create(self) -> HttpRequest:
        """Creates the recurring run, active."""
        return self.requests.create_schedule(self.experiment)

    def find(self) -> HttpRequest:
        """Asks for the first page of the recurring runs of this name."""
        return self.requests.find_schedules()

    def existing(self, api: Api) -> list[Schedule]:
        """Lists all recurring runs of this name."""
        found = listed(api, self.find(), "recurringRuns", self.requests.compiled.name)
        return [
            Schedule(str(each[self.key]), each.get("status") != "DISABLED", str(each.get("created_at") or ""))
            for each in found
        ]

    def pause(self, schedule: str) -> HttpRequest:
        """Pauses a recurring run."""
        return self.requests.schedule("POST", schedule, ":disable")

    def resume(self, schedule: str) -> HttpRequest:
        """Resumes a recurring run."""
        return self.requests.schedule("POST", schedule, ":enable")

    def delete(self, schedule: str) -> HttpRequest:
        """Deletes a recurring run; its runs stay."""
        return self.requests.schedule("DELETE", schedule)

    def link(self, schedule: str | None) -> str:
        """The page that shows a recurring run; None: all of them."""
        return self.requests.link("recurringruns" if schedule is None else f"recurringrun/details/{schedule}")


def listed(api: Api, request: HttpRequest, items: str, name: str) -> list[dict[str, Any]]:
    """What a list says about a name; the name is looked at again, as what is found may be deleted."""
    return [each for each in api.every(request, items, token=_PAGES) if each.get("display_name") == name]


def _quoted(identity: str) -> str:
    """An ID as a part of a URL; braces stand for what an answer will say."""
    return quote(identity, safe="{}")

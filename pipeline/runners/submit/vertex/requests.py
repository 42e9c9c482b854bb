"""The requests to Vertex AI's API, v1."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from components.cloud.http import Api, HttpRequest
from components.cloud.vertex import VertexProject
from pipeline.config.targets import VertexTarget
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.submit.schedules import Schedule

_PAGES = ("pageToken", "nextPageToken")
_PAGE = "100"
_EXPERIMENT = {"schemaTitle": "system.Experiment", "schemaVersion": "0.0.1", "metadata": {"experiment_deleted": False}}
"""What makes an experiment of a context, as Google's SDK writes it."""


@dataclass(frozen=True)
class Requests:
    """The requests of one pipeline to one target.

    Attributes:
      target: where to.
      compiled: the pipeline.
      parameters: every runtime parameter's value.
    """

    target: VertexTarget
    compiled: Compiled
    parameters: dict[str, str | int]

    @property
    def address(self) -> str:
        """The address of the server's API."""
        return self._project.address

    def create_job(self, job: str) -> HttpRequest:
        """Starts a run; a second request with the same ID is refused."""
        return self._request(
            "POST", f"{self._location}/pipelineJobs", {"pipelineJobId": job}, {"displayName": job} | self._job
        )

    def get_job(self, job: str) -> HttpRequest:
        """A run, with the states of its tasks."""
        return self._request("GET", f"{self._location}/pipelineJobs/{_quoted(job)}")

    def find_store(self) -> HttpRequest:
        """The project's metadata store, which experiments are in."""
        return self._request("GET", self._store)

    def create_store(self) -> HttpRequest:
        """Makes it: an operation that takes a while."""
        return self._request(
            "POST", f"{self._location}/metadataStores", {"metadataStoreId": "default"}, self._encryption
        )

    def get(self, name: str) -> HttpRequest:
        """Anything by its whole name."""
        return self._request("GET", name)

    def find_experiment(self) -> HttpRequest:
        """Asks for the target's experiment."""
        return self._request("GET", self._experiment)

    def create_experiment(self) -> HttpRequest:
        """Creates the target's experiment."""
        name = str(self.target.experiment)
        body = {"displayName": name} | _EXPERIMENT
        return self._request("POST", f"{self._store}/contexts", {"contextId": name}, body)

    def add_to_experiment(self, context: str) -> HttpRequest:
        """Puts the run with this context into the experiment."""
        return self._request("POST", f"{self._experiment}:addContextChildren", body={"childContexts": [context]})

    def find_schedules(self) -> HttpRequest:
        """The schedules of the pipeline's name."""
        params = {"filter": f'display_name="{self.compiled.name}"', "pageSize": _PAGE}
        return self._request("GET", f"{self._location}/schedules", params)

    def create_schedule(self) -> HttpRequest:
        """Makes the target's schedule, active at once."""
        schedule = self.target.schedule
        if schedule is None:
            raise ValueError("the target has no schedule")
        cron = " ".join(schedule.cron.split())
        body = {
            "displayName": self.compiled.name,
            "cron": cron if schedule.timezone is None else f"TZ={schedule.timezone} {cron}",
            "maxConcurrentRunCount": schedule.max_concurrent,
            # Without a display name: Vertex gives each of the runs one of its own.
            "createPipelineJobRequest": {"parent": self._location, "pipelineJob": self._job},
        }
        return self._request("POST", f"{self._location}/schedules", body=body)

    def link(self, page: str) -> str:
        """A page of Google's console."""
        place = f"https://console.cloud.google.com/vertex-ai/locations/{self.target.region}/pipelines"
        return f"{place}/{page}?project={self.target.project}"

    @property
    def _project(self) -> VertexProject:
        return VertexProject(self.target.project, self.target.region, self.target.api_endpoint or "")

    @property
    def _location(self) -> str:
        return self._project.location

    @property
    def _store(self) -> str:
        return f"{self._location}/metadataStores/default"

    @property
    def _experiment(self) -> str:
        return f"{self._store}/contexts/{_quoted(str(self.target.experiment))}"

    @property
    def _encryption(self) -> dict[str, Any]:
        key = self.target.encryption_key
        return {} if key is None else {"encryptionSpec": {"kmsKeyName": key}}

    @property
    def _job(self) -> dict[str, Any]:
        target = self.target
        job: dict[str, Any] = {
            "pipelineSpec": self.compiled.spec,
            "runtimeConfig": {"gcsOutputDirectory": target.root, "parameterValues": self.parameters},
        }
        given = {"labels": target.labels, "serviceAccount": target.service_account, "network": target.network}
        return job | {field: value for field, value in given.items() if value} | self._encryption

    def _request(
        self, method: str, name: str, params: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> HttpRequest:
        return self._project.request(method, name, params, body)


@dataclass(frozen=True)
class Schedules:
    """How the pipeline's schedule is replaced. See `pipeline.runners.submit.schedules`."""

    requests: Requests
    key: str = "name"

    def create(self) -> HttpRequest:
        """Creates the schedule, active."""
        return self.requests.create_schedule()

    def find(self) -> HttpRequest:
        """Asks for the first page of the schedules of this name."""
        return self.requests.find_schedules()

    def existing(self, api: Api) -> list[Schedule]:
        """Lists all schedules of this name."""
        found = api.every(self.find(), "schedules", token=_PAGES)
        # The name is looked at again: what is found here is deleted.
        mine = [each for each in found if each.get("displayName") == self.requests.compiled.name]
        return [
            Schedule(str(each[self.key]), each.get("state") == "ACTIVE", str(each.get("createTime") or ""))
            for each in mine
        ]

    def pause(self, schedule: str) -> HttpRequest:
        """Pauses a schedule: it starts no more runs."""
        return self._on(schedule, ":pause")

    def resume(self, schedule: str) -> HttpRequest:
        """Resumes a schedule: it starts runs again."""
        return self._on(schedule, ":resume")

    def delete(self, schedule: str) -> HttpRequest:
        """Deletes a schedule; its runs stay."""
        return HttpRequest("DELETE", self.requests.get(schedule).url)

    def link(self, schedule: str | None) -> str:
        """The page that shows a schedule; None: all of them."""
        return self.requests.link("schedules" if schedule is None else f"schedules/{schedule.rpartition('/')[2]}")

    def _on(self, schedule: str, action: str) -> HttpRequest:
        return HttpRequest("POST", self.requests.get(schedule).url + action, body={})


def _quoted(identity: str) -> str:
    return quote(identity, safe="{}")

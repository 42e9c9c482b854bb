"""The two services with their local servers, so that one test can be about both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from support.kubeflow_server import KubeflowServer
from support.toy_compiled import toy
from support.vertex_server import LOCATION, VertexServer

from components.cloud.google_login import TOKEN_VARIABLE
from pipeline.config.targets import KubeflowTarget, VertexTarget
from pipeline.runners.compile.compiled import Compiled

BEARER = "not-a-real-token"
SCHEDULE = {"cron": "0 3 * * 1", "max_concurrent": 2}


@dataclass(frozen=True)
class Place:
    """A service.

    Attributes:
      server: the local one.
      target: the configuration that leads to it.
      compiled: a pipeline for it.
      create_run, create_schedule, get_run: regular expressions for the calls of these.
      list_schedules: the same, for the list.
    """

    server: Any
    target: Any
    compiled: Compiled
    create_run: str
    create_schedule: str
    get_run: str
    list_schedules: str

    @property
    def runs(self) -> list[str]:
        """The names of the runs that the server has."""
        if isinstance(self.server, KubeflowServer):
            return [each["display_name"] for each in self.server.runs]
        return [each.rpartition("/")[2] for each in self.server.jobs]

    @property
    def schedules(self) -> list[tuple[str, bool]]:
        """The crons of the schedules that the server has, and whether they are active."""
        if isinstance(self.server, KubeflowServer):
            found = self.server.recurring
            return [(each["trigger"]["cron_schedule"]["cron"], each["status"] == "ENABLED") for each in found]
        return [(each["cron"], each["state"] == "ACTIVE") for each in self.server.schedules.values()]

    def with_target(self, **changes: Any) -> Any:
        """The target with other values."""
        return type(self.target).model_validate_json(self.target.model_copy(update=changes).model_dump_json())


@contextmanager
def kubeflow(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Place]:
    """Kubeflow, which wants a token."""
    monkeypatch.setenv("KUBEFLOW_TOKEN", BEARER)
    with KubeflowServer() as server:
        server.accepts = BEARER
        given = {"host": server.url, "root": "minio://bucket/root", "image": "i", "schedule": SCHEDULE} | settings
        target = KubeflowTarget.model_validate(given, strict=False)
        api = "/apis/v2beta1"
        yield Place(
            server,
            target,
            toy(platforms=True),
            f"POST {api}/runs",
            f"POST {api}/recurringruns",
            f"GET {api}/runs/[^/]+",
            f"GET {api}/recurringruns",
        )


@contextmanager
def vertex(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Iterator[Place]:
    """Vertex, whose token is in the environment."""
    monkeypatch.setenv(TOKEN_VARIABLE, BEARER)
    with VertexServer() as server:
        server.accepts = BEARER
        given = {"project": "my-project", "region": "europe-west4", "api_endpoint": server.url} | settings
        given = {"root": "gs://bucket/root", "image": "i", "schedule": SCHEDULE} | given
        target = VertexTarget.model_validate(given, strict=False)
        api = f"/v1/{LOCATION}"
        yield Place(
            server,
            target,
            toy(exit_handler=True),
            f"POST {api}/pipelineJobs",
            f"POST {api}/schedules",
            f"GET {api}/pipelineJobs/[^/]+",
            f"GET {api}/schedules",
        )


PLACES = {"kubeflow": kubeflow, "vertex": vertex}

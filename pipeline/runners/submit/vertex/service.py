"""Submits a pipeline to Vertex AI and asks how its run is going."""

import re
from collections.abc import Callable
from dataclasses import replace as changed
from typing import Any

from components.cloud.http import Api, Patience
from pipeline.config.targets import VertexTarget
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.submit import schedules
from pipeline.runners.submit.creation import create_once
from pipeline.runners.submit.credentials import LOG_IN
from pipeline.runners.submit.options import Options, Submitted
from pipeline.runners.submit.outcome import RunStatus
from pipeline.runners.submit.planned import Planned
from pipeline.runners.submit.vertex import experiment
from pipeline.runners.submit.vertex.requests import Requests, Schedules
from pipeline.runners.submit.vertex.status import read
from preprocessing.errors import UserError

_JOB_ID = re.compile(r"[a-z][-a-z0-9]{0,127}")


class Vertex:
    """One pipeline in one project. See `pipeline.runners.submit.submission.Service`."""

    def __init__(self, target: VertexTarget, compiled: Compiled, options: Options, run_name: str) -> None:
        """Nothing is sent yet.

        Raises:
          UserError: the run's name can't be a job's ID.
        """
        if not _JOB_ID.fullmatch(run_name):
            raise UserError(
                f"the run's name {run_name!r} can't be the ID of a Vertex job",
                hint="begin with a lower-case letter; then lower-case letters, digits and hyphens, 128 in all at most",
            )
        self._requests = Requests(target, compiled, {**compiled.parameters, **options.parameters})
        self.address = self._requests.address
        self.hints = {
            401: LOG_IN,
            403: "grant the account the role that the server names, and check targets.vertex.project; the Vertex AI "
            "API has to be enabled",
            404: "check targets.vertex.project, region and api_endpoint",
        }
        self._scheduled = options.schedule
        self._run_name, self._name_given = run_name, bool(options.run_name)
        self._in_experiment = target.experiment is not None

    def plan(self) -> list[Planned]:
        """Every request of `submit`, in order."""
        requests = self._requests
        if self._scheduled:
            return schedules.plan(Schedules(requests))
        look = [Planned(requests.get_job(self._run_name))] if self._name_given else []
        create = Planned(requests.create_job(self._run_name))
        if not self._in_experiment:
            return [*look, create]
        membership = experiment.plan_membership(requests, self._run_name)
        return [*look, *experiment.plan_experiment(requests), create, *membership]

    def submit(self, api: Api, patience: Patience, made: Callable[[Submitted], None]) -> Submitted:
        """Creates one run, or the schedule. See `Service`."""
        if self._scheduled:
            scheduled = self._schedule(api, patience)
            made(scheduled)
            return scheduled
        submitted = self._run(api, patience)
        made(submitted)
        if not self._in_experiment:
            return submitted
        return changed(submitted, note=experiment.add(self._requests, api, self._run_name, patience))

    def status(self, api: Api, run: str) -> RunStatus:
        """How a run is going."""
        return read(api.send(self._requests.get_job(run)))

    def run_link(self, run: str) -> str:
        """The page that shows a run."""
        return self._requests.link(f"runs/{run}")

    def _run(self, api: Api, patience: Patience) -> Submitted:
        # That an ID is taken, the creation says too; after a lost answer it would mean that the job is ours.
        if self._name_given and self._job(api) is not None:
            raise UserError(
                f"there is a run named {self._run_name!r} already",
                hint=f"choose another name; see {self.run_link(self._run_name)}",
            )
        if self._in_experiment:
            experiment.prepare(self._requests, api, patience)
        create_once(
            lambda: api.send(self._requests.create_job(self._run_name), repeatable=True),
            lambda: self._job(api),
            key="name",
            what=f"the run {self._run_name}",
            where=self._requests.link("runs"),
            patience=patience,
        )
        return Submitted(self._run_name, self.run_link(self._run_name))

    def _schedule(self, api: Api, patience: Patience) -> Submitted:
        requests = Schedules(self._requests)
        name, note = schedules.replace(requests, api, patience)
        notes = [note] if note else []
        if self._in_experiment:
            notes.append("Vertex can't put a schedule's runs into an experiment")
        return Submitted(name.rpartition("/")[2], requests.link(name), "; ".join(notes))

    def _job(self, api: Api) -> dict[str, Any] | None:
        return api.find(self._requests.get_job(self._run_name))

"""Submits a pipeline to Kubeflow and asks how its run is going."""

from collections.abc import Callable
from typing import Any

from components.cloud.http import Api, Patience
from pipeline.config.targets import KubeflowTarget
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.submit import schedules
from pipeline.runners.submit.creation import create_once
from pipeline.runners.submit.kubeflow.requests import RecurringRuns, Requests, listed
from pipeline.runners.submit.kubeflow.status import read
from pipeline.runners.submit.options import Options, Submitted
from pipeline.runners.submit.outcome import RunStatus
from pipeline.runners.submit.planned import Planned
from preprocessing.errors import UserError


class Kubeflow:
    """One pipeline on one Kubeflow. See `pipeline.runners.submit.submission.Service`."""

    def __init__(self, target: KubeflowTarget, compiled: Compiled, options: Options, run_name: str) -> None:
        """Nothing is sent yet."""
        self.address = target.host
        self.hints = {
            401: f"put a fresh token into the environment variable {target.token_env}",
            403: "ask for the permission to do this in the namespace, and check targets.kubeflow.namespace",
            404: "check targets.kubeflow.host: the address of the API, such as https://kubeflow.example.com/pipeline",
        }
        self._requests = Requests(target, compiled, {**compiled.parameters, **options.parameters})
        self._scheduled = options.schedule
        self._run_name = run_name

    def plan(self) -> list[Planned]:
        """Every request of `submit`, in order."""
        requests, experiment = self._requests, "{experiment_id}"
        sent = [
            Planned(requests.healthz()),
            Planned(requests.find_experiment()),
            Planned(requests.create_experiment(), "where there is no such experiment"),
        ]
        if self._scheduled:
            return [*sent, *schedules.plan(RecurringRuns(requests, experiment))]
        find, create = requests.find_run(self._run_name, experiment), requests.create_run(self._run_name, experiment)
        return [*sent, Planned(find), Planned(create)]

    def submit(self, api: Api, patience: Patience, made: Callable[[Submitted], None]) -> Submitted:
        """Creates one run, or the schedule. See `Service`."""
        api.send(self._requests.healthz())
        experiment = self._experiment(api, patience)
        if self._scheduled:
            recurring = RecurringRuns(self._requests, experiment)
            identity, note = schedules.replace(recurring, api, patience)
            submitted = Submitted(identity, recurring.link(identity), note)
        else:
            run = str(self._run(api, experiment, patience)["run_id"])
            submitted = Submitted(run, self.run_link(run))
        made(submitted)
        return submitted

    def status(self, api: Api, run: str) -> RunStatus:
        """How a run is going."""
        return read(api.send(self._requests.get_run(run)))

    def run_link(self, run: str) -> str:
        """The page that shows a run."""
        return self._requests.link(f"runs/details/{run}")

    def _experiment(self, api: Api, patience: Patience) -> str:
        name = self._requests.experiment

        def find() -> dict[str, Any] | None:
            found = listed(api, self._requests.find_experiment(), "experiments", name)
            available = next((each for each in found if each.get("storage_state") != "ARCHIVED"), None)
            if found and available is None:
                # Its runs would be archived from the start, and Kubeflow takes no second experiment of the name.
                raise UserError(
                    f"the experiment {name!r} is archived: expected one that shows its runs",
                    hint=f"restore it at {self._requests.link('archive/experiments')}, or name another one in "
                    "targets.kubeflow.experiment",
                )
            return available

        found = find() or create_once(
            # Names are unique in a namespace: a second try can't make a second one.
            lambda: api.send(self._requests.create_experiment(), repeatable=True),
            find,
            key="experiment_id",
            what="the experiment",
            where=self._requests.link("experiments"),
            patience=patience,
            shared=True,
        )
        return str(found["experiment_id"])

    def _run(self, api: Api, experiment: str, patience: Patience) -> dict[str, Any]:
        name, where = self._run_name, self._requests.link("runs")

        def find() -> dict[str, Any] | None:
            return next(iter(listed(api, self._requests.find_run(name, experiment), "runs", name)), None)

        # Kubeflow takes a name twice; by it alone is found whether a creation without an answer worked.
        if find() is not None:
            raise UserError(f"there is a run named {name!r} already", hint=f"choose another name; see {where}")
        return create_once(
            lambda: api.send(self._requests.create_run(name, experiment)),
            find,
            key="run_id",
            what=f"the run {name}",
            where=where,
            patience=patience,
        )

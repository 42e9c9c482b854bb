"""Puts a pipeline job into a Vertex experiment, by the requests of Google's SDK.

An experiment is a context in the project's metadata store; a job that belongs to it has its own context as a child.
"""

from components.cloud.answers import fields
from components.cloud.http import Api, Patience
from pipeline.runners.submit.creation import create_once
from pipeline.runners.submit.planned import Planned
from pipeline.runners.submit.vertex.requests import Requests
from preprocessing.errors import UserError

_LOOKS, _SECONDS = 60, 2.0
"""How often and how long is waited for what Vertex makes in the background."""


def plan_experiment(requests: Requests) -> list[Planned]:
    """Plans the requests that `prepare` sends."""
    return [
        Planned(requests.find_store()),
        Planned(requests.create_store(), "where the project has no metadata store yet"),
        Planned(requests.find_experiment()),
        Planned(requests.create_experiment(), "where there is no such experiment"),
    ]


def prepare(requests: Requests, api: Api, patience: Patience) -> None:
    """Makes the experiment where it is missing, before the job: a job outside of it would help nobody.

    Raises:
      UserError: that failed.
    """
    if api.find(requests.find_store()) is None:
        # Its name is fixed: a second try can't make a second one.
        create_once(
            lambda: api.send(requests.create_store(), repeatable=True),
            lambda: api.find(requests.find_store()),
            key="name",
            what="the metadata store",
            where=requests.link("runs"),
            patience=patience,
            shared=True,
        )
        _await_store(requests, api, patience)
    if api.find(requests.find_experiment()) is None:
        create_once(
            lambda: api.send(requests.create_experiment(), repeatable=True),
            lambda: api.find(requests.find_experiment()),
            key="name",
            what="the experiment",
            where=requests.link("runs"),
            patience=patience,
            shared=True,
        )


def plan_membership(requests: Requests, job: str) -> list[Planned]:
    """Plans the requests that `add` sends."""
    return [
        Planned(requests.get_job(job), "until the run has a context"),
        Planned(requests.add_to_experiment("{pipeline_run_context}")),
    ]


def add(requests: Requests, api: Api, job: str, patience: Patience) -> str:
    """Puts the job into the experiment; why that failed, in one line, or nothing: the job runs all the same.

    Raises:
      KeyboardInterrupt: it was cut short; a note of it says that the job runs.
    """
    try:
        for look in range(_LOOKS):
            if look:
                patience.sleep(_SECONDS)
            detail = fields(api.send(requests.get_job(job)).get("jobDetail"), "jobDetail")
            context = fields(detail.get("pipelineRunContext"), "jobDetail.pipelineRunContext")
            if context.get("name"):
                api.send(requests.add_to_experiment(context["name"]), repeatable=True)
                return ""
    except UserError as error:
        return f"the run could not be put into the experiment: {error.message}"
    except KeyboardInterrupt as stop:
        stop.add_note(f"the run {job} goes on, perhaps outside of its experiment: {requests.link(f'runs/{job}')}")
        raise
    return "the run could not be put into the experiment: Vertex has made no context for it yet"


def _await_store(requests: Requests, api: Api, patience: Patience) -> None:
    for _ in range(_LOOKS):
        if api.find(requests.find_store()) is not None:
            return
        patience.sleep(_SECONDS)
    raise UserError("Vertex has not finished making the metadata store", hint="submit again in some minutes")

"""Vertex AI's REST API by an HTTP client alone: Google's own SDK takes seconds and half a gigabyte to import."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.cloud.answers import GIVEN_UP, LASTING, error_text, said
from components.cloud.credentials import of_google
from components.cloud.google_login import TOKEN_VARIABLE
from components.cloud.http import Api, HttpRequest, Patience, RequestError
from preprocessing.errors import UserError

Json = dict[str, Any]

_LOG_IN = f"run as a service account, or `gcloud auth application-default login`, or set {TOKEN_VARIABLE}"
_LOOK = "check in the console whether it was done; if it was not, run the step again"
_CORRECT = "correct what the message names, then run the step again"
_PATIENCE = Patience(first_wait=2)
"""Nobody sits in front of a step, and its retry costs a new pod."""
_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class VertexProject:
    """Where one project's Vertex AI is in one region.

    Attributes:
      id: the project's.
      region: for example `europe-west4`.
      api_endpoint: `https://host`; empty is Google's for the region.
    """

    id: str
    region: str
    api_endpoint: str = ""

    @property
    def address(self) -> str:
        """The address of the server's API."""
        return (self.api_endpoint or f"https://{self.region}-aiplatform.googleapis.com").rstrip("/")

    @property
    def location(self) -> str:
        """What the names of the project's resources begin with."""
        return f"projects/{self.id}/locations/{self.region}"

    def request(
        self, method: str, name: str, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> HttpRequest:
        """The request for a resource or a method by its whole name, which begins with `location`."""
        return HttpRequest(method, f"{self.address}/v1/{name}", params or {}, body)


class VertexApi(Api):
    """One project's Vertex AI, as a step of a pipeline asks it. A context manager.

    Attributes:
      location: see VertexProject.
    """

    def __init__(self, project: VertexProject, patience: Patience | None = None) -> None:
        """Nothing is sent to Vertex AI yet.

        Args:
          project: where it is.
          patience: None is a step's, which waits longer than the usual.

        Raises:
          UserError: see Api.
        """
        super().__init__(
            project.address, of_google(_LOG_IN), _hints(project.id), patience or _PATIENCE, again="run the step again"
        )
        self.location = project.location
        self._project = project

    def get(self, name: str) -> Json | None:
        """The resource of a name, or None where there is none.

        Raises:
          RequestError: see Api.
        """
        return self.find(self._project.request("GET", name))

    def post(self, name: str, body: Json) -> Json:
        """Calls a method that changes something, for example `LOCATION/models:upload`.

        Raises:
          RequestError: it was not done.
          UserError: it may have been done all the same.
        """
        try:
            return self.send(self._project.request("POST", name, body=body))
        except RequestError as error:
            if not error.maybe_done:
                raise
            raise UserError(f"{error.message}; whether it was done all the same is not known", hint=_LOOK) from error

    def finished(self, operation: Json, what: str, seconds: float = 600.0) -> Json:
        """Waits until a long-running operation has ended well.

        Args:
          operation: as it was answered by the method that began it.
          what: is done, for the message.
          seconds: after which nobody waits any longer.

        Returns:
          The operation's response.

        Raises:
          UserError: it failed, it has not ended in time, or it is not an operation.
        """
        deadline = time.monotonic() + seconds
        state, name = operation, str(operation.get("name") or "")
        while not state.get("done"):
            if not name:
                raise UserError(
                    f"{what}: expected an operation with a name, received {said(json.dumps(operation))}", hint=_LOOK
                )
            if time.monotonic() >= deadline:
                raise UserError(
                    f"{what}: {name} has not ended after {seconds:g} s",
                    hint="look at it in the console; when it has ended, run the step again",
                )
            self._patience.sleep(_POLL_SECONDS)
            found = self.get(name)
            if found is None:
                raise UserError(f"{what}: {name} is gone", hint="run the step again")
            state = found
        if state.get("error") is not None:
            raise UserError(
                f"{what}: {error_text(state['error']) or 'failed without a message'}",
                hint=_CORRECT,
            )
        response: Json = state.get("response") or {}
        return response


def _hints(project: str) -> dict[int, str]:
    """The next step in a pipeline's step, by HTTP status."""
    refused = dict.fromkeys(set(range(400, 500)) - GIVEN_UP, _CORRECT)
    unknown = dict.fromkeys(LASTING, "check the region and api_endpoint, then run the step again")
    given_up = dict.fromkeys(GIVEN_UP, "run the step again later")
    at_vertex = dict.fromkeys((500, 502, 503, 504), "the fault is at Vertex AI: run the step again later")
    return {
        **refused,
        **unknown,
        **given_up,
        **at_vertex,
        0: "check the network, the region and api_endpoint, then run the step again",
        401: f"give the step a service account, or a token that has not expired ({TOKEN_VARIABLE})",
        403: f"give the step's service account the role roles/aiplatform.user in the project {project}, and enable "
        "aiplatform.googleapis.com there",
        404: f"check the region, api_endpoint, and the project's ID: {project}",
        409: "another run changed the same model at this moment: run the step again",
        429: "the project's quota is used up: run the step again later, or ask for more",
    }

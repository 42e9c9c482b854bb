"""Vertex AI's REST API by an HTTP client alone: Google's own SDK takes seconds and half a gigabyte to import."""

import os
import time
from collections.abc import Callable
from typing import Any

import httpx

from preprocessing.errors import UserError

TOKEN_VARIABLE = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
"""Holds an access token where it is set; else Google's application default credentials give one."""
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_WAITS = (2.0, 8.0)
"""Seconds before a question that failed is asked once more, and once more again."""
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_REQUEST_SECONDS = 60.0
_POLL_SECONDS = 5.0
_LONGEST_MESSAGE = 300

Json = dict[str, Any]


class VertexApi:
    """One project's Vertex AI in one region.

    Questions are repeated where that may help; what changes something is sent once. No answer holds up for ever.

    Attributes:
      location: the resource name that those of models begin with.
    """

    def __init__(
        self, project: str, region: str, endpoint: str = "", *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """Nothing is sent yet, and no token is asked for.

        Args:
          project: the project's ID.
          region: for example `europe-west4`.
          endpoint: `https://host`; empty is Google's for the region.
          pause: waits for so many seconds.
        """
        self.location = f"projects/{project}/locations/{region}"
        self._project = project
        self._base = f"{(endpoint or f'https://{region}-aiplatform.googleapis.com').rstrip('/')}/v1"
        self._pause = pause
        self._token: Callable[[], str] | None = None

    def find(self, name: str) -> Json | None:
        """The resource of a name, or None where there is none.

        Raises:
          UserError: no answer, or one that says no.
        """
        for wait in _WAITS:
            try:
                response = self._send("GET", name)
            except httpx.TransportError:
                pass
            else:
                if response.status_code not in _TRANSIENT:
                    return self._answer("GET", name, response)
            self._pause(wait)
        return self._answer("GET", name, self._once("GET", name))

    def post(self, name: str, body: Json) -> Json:
        """Calls a method that changes something, for example `LOCATION/models:upload`.

        Raises:
          UserError: no answer, or one that says no. The call may have been carried out all the same.
        """
        answer = self._answer("POST", name, self._once("POST", name, body))
        if answer is None:
            raise UserError(
                f"Vertex AI knows no {name} (404)", hint=f"check the region, and the project's ID: {self._project}"
            )
        return answer

    def finished(self, operation: Json, what: str, seconds: float = 600.0) -> Json:
        """Waits until a long-running operation has ended well.

        Args:
          operation: as it was answered by the method that began it.
          what: is done, for the message.
          seconds: after which nobody waits any longer.

        Returns:
          The operation's response.

        Raises:
          UserError: it failed, or it has not ended in time.
        """
        deadline = time.monotonic() + seconds
        state: Json = operation
        while not state.get("done"):
            if time.monotonic() >= deadline:
                raise UserError(
                    f"{what}: {operation['name']} has not ended after {seconds:g} s",
                    hint="look at it in the console; when it has ended, run the step again",
                )
            self._pause(_POLL_SECONDS)
            found = self.find(operation["name"])
            if found is None:
                raise UserError(f"{what}: {operation['name']} is gone", hint="run the step again")
            state = found
        if "error" in state:
            raise UserError(
                f"{what}: {_one_line(state['error'].get('message'))}",
                hint="correct what the message names, then run the step again",
            )
        response: Json = state.get("response", {})
        return response

    def _send(self, method: str, name: str, body: Json | None = None) -> httpx.Response:
        if self._token is None:
            self._token = _tokens()
        headers = {"Authorization": f"Bearer {self._token()}"}
        return httpx.request(method, f"{self._base}/{name}", json=body, headers=headers, timeout=_REQUEST_SECONDS)

    def _once(self, method: str, name: str, body: Json | None = None) -> httpx.Response:
        try:
            return self._send(method, name, body)
        except httpx.TransportError as error:
            raise UserError(
                f"Vertex AI can't be reached at {self._base}: {_one_line(str(error) or type(error).__name__)}",
                hint="check the network, the region and api_endpoint, then run the step again",
            ) from error

    def _answer(self, method: str, name: str, response: httpx.Response) -> Json | None:
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_success:
            try:
                answer = response.json()
            except ValueError:
                answer = None
            if isinstance(answer, dict):
                return answer
            raise UserError(
                f"{method} {name}: expected JSON, received {_one_line(response.text)!r}",
                hint=f"check that {self._base} is Vertex AI's API and no proxy's page",
            )
        raise UserError(
            f"{method} {name}: {response.status_code} {_reason(response)}", hint=self._hint(response.status_code)
        )

    def _hint(self, status: int) -> str:
        match status:
            case 401:
                return f"give the step a service account, or a token that has not expired ({TOKEN_VARIABLE})"
            case 403:
                return (
                    f"give the step's service account the role roles/aiplatform.user in the project {self._project}, "
                    "and enable aiplatform.googleapis.com there"
                )
            case 409:
                return "another run changed the same model at this moment: run the step again"
            case 429:
                return "the project's quota is used up: run the step again later, or ask for more"
            case _ if status in _TRANSIENT:
                return "the fault is at Vertex AI: run the step again later"
        return "correct what the message names, then run the step again"


def _tokens() -> Callable[[], str]:
    """What gives a token that is valid now. It is never logged."""
    if given := os.environ.get(TOKEN_VARIABLE):
        return lambda: given
    import google.auth
    import google.auth.transport.requests

    try:
        found: tuple[Any, Any] = google.auth.default(scopes=[_SCOPE])
    except google.auth.exceptions.GoogleAuthError as error:
        raise _no_credentials(error) from error
    credentials = found[0]

    def current() -> str:
        try:
            if not credentials.valid:
                credentials.refresh(google.auth.transport.requests.Request())
        except google.auth.exceptions.GoogleAuthError as error:
            raise _no_credentials(error) from error
        return str(credentials.token)

    return current


def _no_credentials(error: Exception) -> UserError:
    return UserError(
        f"no credentials for Google Cloud: {_one_line(str(error))}",
        hint=f"run as a service account, or `gcloud auth application-default login`, or set {TOKEN_VARIABLE}",
    )


def _reason(response: httpx.Response) -> str:
    """What Google's error body says, or the HTTP status's own words."""
    try:
        return _one_line(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase


def _one_line(text: object) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."

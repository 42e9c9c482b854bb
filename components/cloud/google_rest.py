"""Vertex AI's REST API by an HTTP client alone: Google's own SDK takes seconds and half a gigabyte to import."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from components.cloud import http_client, tokens
from components.cloud.google_login import TOKEN_VARIABLE, DefaultCredentials
from preprocessing.errors import UserError
from preprocessing.text import one_line

_LOG_IN = f"run as a service account, or `gcloud auth application-default login`, or set {TOKEN_VARIABLE}"
_WAITS = (2.0, 8.0)
"""Seconds before a question that failed is asked once more, and once more again."""
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_REQUEST_SECONDS = 60.0
_POLL_SECONDS = 5.0
_LONGEST_MESSAGE = 300

Json = dict[str, Any]


class _NoAnswerError(UserError):
    """No answer came, or none that can be read.

    Attributes:
      lasts: whether asking once more can't help.
    """

    def __init__(self, message: str, *, hint: str, lasts: bool) -> None:
        super().__init__(message, hint=hint)
        self.lasts = lasts


@dataclass(frozen=True)
class _Answer:
    """An answer, without the token: a server may repeat what it was sent.

    Attributes:
      status, reason: HTTP's.
      text: the content.
      hide: takes the token out of a text that is to be shown.
    """

    status: int
    reason: str
    text: str
    hide: Callable[[str], str]

    def json(self) -> Any:
        """The content's JSON; None where it has none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    def said(self) -> str:
        """What Google's error body says, or the HTTP status's own words."""
        answer = self.json()
        error = answer.get("error") if isinstance(answer, dict) else None
        return _one_line(self.hide(_error_text(error) or self.reason))


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
        self._credentials = DefaultCredentials(_LOG_IN)

    def find(self, name: str) -> Json | None:
        """The resource of a name, or None where there is none.

        Raises:
          UserError: no answer, or one that says no.
        """
        for wait in _WAITS:
            try:
                answer = self._send("GET", name)
            except _NoAnswerError as error:
                if error.lasts:
                    raise
            else:
                if answer.status not in _TRANSIENT:
                    return self._found("GET", name, answer)
            self._pause(wait)
        return self._found("GET", name, self._send("GET", name))

    def post(self, name: str, body: Json) -> Json:
        """Calls a method that changes something, for example `LOCATION/models:upload`.

        Raises:
          UserError: no answer, or one that says no. The call may have been carried out all the same.
        """
        answer = self._found("POST", name, self._send("POST", name, body))
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
          UserError: it failed, it has not ended in time, or it is no operation.
        """
        deadline = time.monotonic() + seconds
        state, name = operation, str(operation.get("name") or "")
        while not state.get("done"):
            if not name:
                raise UserError(
                    f"{what}: expected an operation with a name, received {_one_line(json.dumps(operation))}",
                    hint="look in the console whether it was done; where it was not, run the step again",
                )
            if time.monotonic() >= deadline:
                raise UserError(
                    f"{what}: {name} has not ended after {seconds:g} s",
                    hint="look at it in the console; when it has ended, run the step again",
                )
            self._pause(_POLL_SECONDS)
            found = self.find(name)
            if found is None:
                raise UserError(f"{what}: {name} is gone", hint="run the step again")
            state = found
        if state.get("error") is not None:
            raise UserError(
                f"{what}: {_one_line(_error_text(state['error']) or 'failed without a message')}",
                hint="correct what the message names, then run the step again",
            )
        response: Json = state.get("response") or {}
        return response

    def _send(self, method: str, name: str, body: Json | None = None) -> _Answer:
        token = tokens.checked(os.environ.get(TOKEN_VARIABLE, "").strip() or self._credentials.token(), TOKEN_VARIABLE)
        try:
            with http_client.client(self._base, httpx.Timeout(_REQUEST_SECONDS)) as http:
                response = http.request(
                    method, f"{self._base}/{name}", json=body, headers={"Authorization": f"Bearer {token}"}
                )
        except httpx.RequestError as error:
            # Without its cause: that may repeat what the server sent, the token too.
            raise self._no_answer(error, tokens.removed(str(error), token)) from None
        text = tokens.removed_from_data(response.text, token)
        return _Answer(response.status_code, response.reason_phrase, text, lambda shown: tokens.removed(shown, token))

    def _no_answer(self, error: httpx.RequestError, text: str) -> _NoAnswerError:
        hint = http_client.next_step(error)
        reached = isinstance(error, httpx.DecodingError)
        what = "sent what can't be decompressed" if reached else "can't be reached"
        return _NoAnswerError(
            f"Vertex AI {what} at {self._base}: {_one_line(text or type(error).__name__)}",
            hint=f"{hint or 'check the network, the region and api_endpoint'}, then run the step again",
            lasts=bool(hint),
        )

    def _found(self, method: str, name: str, answer: _Answer) -> Json | None:
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        if not httpx.codes.is_success(answer.status):
            raise UserError(f"{method} {name}: {answer.status} {answer.said()}", hint=self._hint(answer.status))
        found = answer.json()
        if not isinstance(found, dict):
            raise UserError(
                f"{method} {name}: expected JSON, received {_one_line(answer.hide(answer.text))!r}",
                hint=f"check that {self._base} is Vertex AI's API and no proxy's page",
            )
        return found

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


def _error_text(error: object) -> str:
    """The words in an error: an object as Google's APIs have it, or text."""
    words = error.get("message") if isinstance(error, dict) else error
    return "" if words is None else str(words)


def _one_line(text: object) -> str:
    return one_line(text, _LONGEST_MESSAGE)

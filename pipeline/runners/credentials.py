"""The bearer tokens of Kubeflow and Google Cloud. They come from the environment and are neither logged nor written."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.runners.config import KubeflowTarget, VertexTarget
from preprocessing.errors import UserError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials as GoogleCredentials

GOOGLE_TOKEN = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LOG_IN = (
    f"run `gcloud auth application-default login`, point GOOGLE_APPLICATION_CREDENTIALS at a key file, or put a token "
    f"into {GOOGLE_TOKEN}: export {GOOGLE_TOKEN}=$(gcloud auth print-access-token)"
)


class Credentials:
    """A token, fetched when it is first needed."""

    def __init__(self, fetch: Callable[[], str | None]) -> None:
        """Takes how the token is got; None means that none is sent."""
        self._fetch = fetch
        self._token: str | None = None
        self._fetched = False

    def token(self) -> str | None:
        """The token; None where the server is to be asked without one.

        Raises:
          UserError: there is none, and the server wants one; it is no token.
        """
        if not self._fetched:
            token = self._fetch()
            if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
                raise UserError(
                    "the token holds a space, a line break or another character that no token has",
                    hint="set its environment variable to the token alone",
                )
            self._token, self._fetched = token, True
        return self._token

    def renew(self) -> bool:
        """Fetches the token again, after the server refused it; whether it is another one now."""
        refused, self._fetched = self._token, False
        return self.token() != refused

    def removed(self, text: str) -> str:
        """The text without the token: a server may repeat what it was sent."""
        return text.replace(self._token, "[token]") if self._token else text


def of_target(target: KubeflowTarget | VertexTarget) -> Credentials:
    """The credentials of a target."""
    if isinstance(target, KubeflowTarget):
        return Credentials(lambda: os.environ.get(target.token_env, "").strip() or None)
    return Credentials(_GoogleToken())


def in_words(target: KubeflowTarget | VertexTarget) -> str:
    """What the Authorization header holds, for `--dry-run`: never the token; empty where none is sent."""
    if isinstance(target, KubeflowTarget):
        return f"Bearer [{target.token_env}]" if os.environ.get(target.token_env, "").strip() else ""
    given = os.environ.get(GOOGLE_TOKEN, "").strip()
    return f"Bearer [{GOOGLE_TOKEN}]" if given else "Bearer [application default credentials]"


class _GoogleToken:
    """Fetches the environment's token, or one of the application default credentials."""

    def __init__(self) -> None:
        self._credentials: GoogleCredentials | None = None

    def __call__(self) -> str:
        if token := os.environ.get(GOOGLE_TOKEN, "").strip():
            return token
        # Not at the top: a dry run and Kubeflow do without Google's library.
        import google.auth
        import google.auth.transport.requests
        from google.auth.exceptions import GoogleAuthError

        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[_SCOPE])
            self._credentials.refresh(google.auth.transport.requests.Request())  # type: ignore[no-untyped-call]
        except GoogleAuthError as error:
            text = " ".join(str(error).split())
            raise UserError(f"no credentials for Google Cloud: {text}", hint=LOG_IN) from error
        return str(self._credentials.token)

"""The bearer tokens of Kubeflow and Google Cloud. They come from the environment and are neither logged nor written."""

import os
from collections.abc import Callable

from components.cloud import tokens
from components.cloud.google_login import TOKEN_VARIABLE, DefaultCredentials
from pipeline.config.targets import KubeflowTarget, VertexTarget

LOG_IN = (
    f"run `gcloud auth application-default login`, point GOOGLE_APPLICATION_CREDENTIALS at a key file, or put a token "
    f"into {TOKEN_VARIABLE}: export {TOKEN_VARIABLE}=$(gcloud auth print-access-token)"
)


class Credentials:
    """A token, fetched when it is first needed."""

    def __init__(self, fetch: Callable[[], str | None], source: str = "its environment variable") -> None:
        """Nothing is fetched yet.

        Args:
          fetch: gets the token; None means that none is sent.
          source: where the user sets it, for a message.
        """
        self._fetch = fetch
        self._source = source
        self._token: str | None = None
        self._fetched = False

    def token(self) -> str | None:
        """The token; None where the server is to be asked without one.

        Raises:
          UserError: there is none, and the server wants one; it is no token.
        """
        if not self._fetched:
            token = self._fetch()
            self._token = None if token is None else tokens.checked(token, self._source)
            self._fetched = True
        return self._token

    def renew(self) -> bool:
        """Fetches the token again, after the server refused it; whether it is another one now."""
        refused, self._fetched = self._token, False
        return self.token() != refused

    def removed(self, text: str) -> str:
        """A text that is to be shown, without the token. See `components.cloud.tokens`."""
        return tokens.removed(text, self._token)

    def removed_from_data(self, content: str) -> str:
        """The same for data that is read on."""
        return tokens.removed_from_data(content, self._token)


def of_target(target: KubeflowTarget | VertexTarget) -> Credentials:
    """The credentials of a target."""
    if isinstance(target, KubeflowTarget):
        return Credentials(lambda: os.environ.get(target.token_env, "").strip() or None, target.token_env)
    return Credentials(_GoogleToken(), TOKEN_VARIABLE)


def in_words(target: KubeflowTarget | VertexTarget) -> str:
    """What the Authorization header holds, for `--dry-run`: never the token; empty where none is sent."""
    if isinstance(target, KubeflowTarget):
        return f"Bearer [{target.token_env}]" if os.environ.get(target.token_env, "").strip() else ""
    given = os.environ.get(TOKEN_VARIABLE, "").strip()
    return f"Bearer [{TOKEN_VARIABLE}]" if given else "Bearer [application default credentials]"


class _GoogleToken:
    """Fetches the environment's token, or a new one of the application default credentials."""

    def __init__(self) -> None:
        self._default = DefaultCredentials(LOG_IN)

    def __call__(self) -> str:
        return os.environ.get(TOKEN_VARIABLE, "").strip() or self._default.renewed()

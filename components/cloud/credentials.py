"""Bearer tokens on their way from the environment to a server: they are neither logged nor written."""

import os
from collections.abc import Callable

from components.cloud import tokens
from components.cloud.google_login import TOKEN_VARIABLE, DefaultCredentials


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
          UserError: there is none, and the server wants one; it is not a token.
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
        """Removes the token from data that is processed further. See `components.cloud.tokens`."""
        return tokens.removed_from_data(content, self._token)


def in_environment(variable: str) -> str | None:
    """The token that an environment variable holds; None where it is unset or empty."""
    return os.environ.get(variable, "").strip() or None


def of_variable(variable: str) -> Credentials:
    """The token of an environment variable; none is sent where it is unset."""
    return Credentials(lambda: in_environment(variable), variable)


def of_google(hint: str) -> Credentials:
    """Google's: the token of the environment, or else one of the application default credentials.

    Args:
      hint: the next step for who has neither.
    """
    default = DefaultCredentials(hint)
    return Credentials(lambda: in_environment(TOKEN_VARIABLE) or default.token(), TOKEN_VARIABLE)

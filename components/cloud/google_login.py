"""Google's application default credentials: a key file, a login of gcloud, or the machine's service account."""

from typing import Any

from preprocessing.errors import UserError
from preprocessing.text import one_line

TOKEN_VARIABLE = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 - the name of a variable
"""Holds an access token where it is set; else the application default credentials give one."""
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class DefaultCredentials:
    """The credentials, looked for when they are first needed."""

    def __init__(self, hint: str) -> None:
        """Takes the next step for who has none."""
        self._hint = hint
        self._found: Any = None

    def token(self) -> str:
        """A new token, whatever became of the one before.

        Raises:
          UserError: there are no credentials, or they give no token.
        """
        # Not at the top: who has a token does without Google's library.
        import google.auth.transport.requests
        from google.auth.exceptions import GoogleAuthError

        if self._found is None:
            self._found = self._default()
        try:
            self._found.refresh(google.auth.transport.requests.Request())
        except (GoogleAuthError, OSError, ValueError) as error:
            # The last two: of REQUESTS_CA_BUNDLE and proxies that can't be used.
            raise self._none(str(error)) from error
        return str(self._found.token)

    def _default(self) -> Any:
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        try:
            credentials, _ = google.auth.default(scopes=[_SCOPE])
        except (GoogleAuthError, OSError) as error:
            raise self._none(str(error)) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Google's library takes it for granted that the file is UTF-8 and holds an object with the right fields.
            raise self._none("expected a key file with a JSON object as Google writes it, received another") from error
        return credentials

    def _none(self, reason: str) -> UserError:
        return UserError(f"no credentials for Google Cloud: {one_line(reason)}", hint=self._hint)

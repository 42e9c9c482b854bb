"""Google's Secret Manager: the values that a step on Vertex, which has no secrets in its environment, may read."""

import base64
import binascii
from collections.abc import Callable, Mapping

from components.cloud.answers import fields, unexpected
from components.cloud.credentials import in_environment, of_google
from components.cloud.http import Api, HttpRequest, Patience

ADDRESS = "https://secretmanager.googleapis.com"
_LOG_IN = "run as a service account with the role Secret Manager Secret Accessor"


def looked_up(
    secrets: Mapping[str, str], address: str = ADDRESS, patience: Patience | None = None
) -> Callable[[str], str | None]:
    """Looks variables up in the environment, then in Secret Manager.

    Args:
      secrets: the name of a version of a secret, `projects/P/secrets/S/versions/V`, by the variable that it stands for.
      address: of the API.
      patience: None is the usual.

    Returns:
      Gives a variable's value, or None where it has none; raises UserError where the secret can't be read.
    """

    def lookup(variable: str) -> str | None:
        value = in_environment(variable)
        if value is not None or variable not in secrets:
            return value
        with Api(address, of_google(_LOG_IN), {403: _LOG_IN}, patience) as api:
            request = HttpRequest("GET", f"{address}/v1/{secrets[variable]}:access")
            data = fields(api.send(request).get("payload"), f"{request.shown}: payload").get("data")
        try:
            return base64.b64decode(str(data or ""), validate=True).decode().strip() or None
        except (binascii.Error, UnicodeDecodeError):
            raise unexpected(request.shown, "expected base64 of text in UTF-8") from None

    return lookup

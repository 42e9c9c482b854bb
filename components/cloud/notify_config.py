"""The `notify:` section: who hears how a run ended."""

from typing import Annotated, Literal

from pydantic import Field

from preprocessing.settings import EnvironmentVariable, Settings

Event = Literal["pushed", "refused", "failed"]


class NotifyConfig(Settings):
    """A webhook that hears how each run ends. The page on running has the JSON that it gets."""

    url_env: EnvironmentVariable = "LOCKGATE_WEBHOOK"
    """The environment variable that holds the address: it is a secret itself."""
    events: Annotated[tuple[Event, ...], Field(min_length=1)] = ("pushed", "refused", "failed")
    """The ends of runs that it hears of."""
    token_env: EnvironmentVariable | None = None
    """The environment variable that holds a bearer token, which is then sent along."""
    signature_env: EnvironmentVariable | None = None
    """The environment variable that holds a key: the header `X-Lockgate-Signature` is then `sha256=` and the
    HMAC-SHA256 of the body in hexadecimal digits, by which the receiver knows who wrote it."""
    timeout_seconds: Annotated[float, Field(ge=0.1, le=300)] = 10
    """For connecting, and again for the answer."""
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    """The first among them; after a failure that may pass."""
    first_wait_seconds: Annotated[float, Field(ge=0.1, le=60)] = 1
    """Before the second try; each later wait is twice the one before."""

    def variables(self) -> tuple[str, ...]:
        """The environment variables that have to be set."""
        return tuple(each for each in (self.url_env, self.token_env, self.signature_env) if each is not None)

"""The `gc:` section: what a clean-up of the root keeps."""

from typing import Annotated

from pydantic import Field

from preprocessing.rules import matching
from preprocessing.settings import Settings

_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
AGE = r"^[0-9]{1,5}[hdw]$"
AGE_IN_WORDS = "a number of hours, days or weeks such as 12h, 30d or 8w"


class CleanUpConfig(Settings):
    """What `lockgate gc` keeps in the root. The versions in the serving folder are never touched."""

    keep: Annotated[int, Field(ge=0)] = 10
    """The newest runs, however they ended, that keep their artifacts."""
    versions: Annotated[int, Field(ge=1)] = 2
    """The newest versions in the serving folder whose artifacts are kept: the served one, and those that a rollback
    goes back to. A version with a model that is counted already does not count, nor one that was rolled back from."""
    older_than: Annotated[str, matching(AGE, AGE_IN_WORDS)] | None = None
    """Runs that are younger keep their artifacts too, in hours, days or weeks (`30d`)."""


def seconds_of(age: str) -> int:
    """An age such as `30d` in seconds."""
    return int(age[:-1]) * _HOURS[age[-1]] * 3600

"""The sections `watch:`, how `lockgate watch` waits and what it does after a failure, and `predict:`."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from preprocessing.rules import broken_rule
from preprocessing.settings import Settings


class PredictConfig(Settings):
    """What `lockgate predict` answers with."""

    interval: Annotated[float, Field(gt=0, lt=1)] | None = 0.9
    """The share of rows whose label is to be inside the interval that a regression's predictions get, two columns with
    its ends. Null: no intervals."""


class WatchConfig(Settings):
    """How `lockgate watch` waits for a new span or a changed table."""

    poll_seconds: Annotated[float, Field(ge=0.1, le=86_400)] = 60
    """Between two looks at the table's files."""
    settle_seconds: Annotated[float, Field(ge=1, le=86_400)] = 30
    """For so long what was written must stay unchanged before it is read: somebody may still be writing."""
    backoff_seconds: Annotated[float, Field(ge=0.1, le=86_400)] = 60
    """After a first failure on the same data, before the next try."""
    backoff_factor: Annotated[float, Field(ge=1, le=10)] = 2
    """The factor by which each wait is longer than the one before it."""
    max_backoff_seconds: Annotated[float, Field(ge=0.1, le=604_800)] = 3600
    """The longest wait."""
    max_tries: Annotated[int, Field(ge=1, le=1000)] = 5
    """Runs on the same data that may fail; after these it waits for other data or another configuration."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max_backoff_seconds < self.backoff_seconds:
            raise broken_rule(
                f"is below backoff_seconds ({self.backoff_seconds:g})",
                field=("max_backoff_seconds",),
                received=self.max_backoff_seconds,
                hint="raise it",
            )
        return self

    def wait_after(self, failures: int) -> float:
        """The seconds between a failure and the next try.

        Args:
          failures: in a row on the same data, 1 or more.
        """
        # Compared before it is raised: a large power of a float is an error.
        wait = self.backoff_seconds
        for _ in range(failures - 1):
            wait = min(wait * self.backoff_factor, self.max_backoff_seconds)
        return wait

"""The `smoke_test:` section: what the exported model must survive before it may be pushed."""

from typing import Annotated, Literal

from pydantic import Field

from preprocessing.settings import Settings


class SmokeTestConfig(Settings):
    """Limits of the clean process and of the comparison with the trainer's own predictions."""

    split: Literal["train", "eval", "test"] = "test"
    """The split that the rows are taken from."""
    rows: Annotated[int, Field(ge=1, le=10_000)] = 64
    """How many rows are sent to every signature."""
    tolerance: Annotated[float, Field(gt=0, le=0.1)] = 1e-4
    """Largest difference to the trainer's prediction: absolute for probabilities, relative for values."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 120.0
    """Wall-clock limit of the process, the import of TensorFlow included."""
    memory_mb: Annotated[int, Field(ge=512)] = 4096
    """Memory limit of the process, in MiB."""

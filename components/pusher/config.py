"""The `push:` section: where a blessed model goes."""

from typing import Annotated

from pydantic import Field

from preprocessing.settings import Settings


class PushConfig(Settings):
    """The serving folder, as TensorFlow Serving watches it: one numbered sub-folder per version."""

    directory: Annotated[str, Field(min_length=1)] = "serving"
    """Relative to the run's root."""

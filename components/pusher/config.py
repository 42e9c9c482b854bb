"""The `push:` section: where a blessed model goes."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from preprocessing.settings import Settings


class PushConfig(Settings):
    """The serving folder, as TensorFlow Serving watches it: one numbered sub-folder per version."""

    directory: Annotated[str, Field(min_length=1)] = "serving"
    """A folder, relative to the run's root, or a Google Cloud Storage folder (`gs://bucket/folder`)."""

    @property
    def remote(self) -> bool:
        """Whether it is a URL."""
        return "://" in self.directory

    def destination(self, root: Path) -> str:
        """The serving folder: a URL as it is given, or a path.

        Args:
          root: the folder that relative paths start from.
        """
        if self.remote:
            return self.directory
        own = self.directory.startswith("~/")
        return str(root / (Path(self.directory).expanduser() if own else self.directory))


class RegistryUpload(Settings):
    """The entry of Vertex AI's Model Registry that each pushed version becomes a version of; made by the graph."""

    model: str
    """The model's ID in the registry."""
    alias: str
    """Moves to the new version."""
    serving_image: str
    """The container that would serve it."""
    project: str
    region: str
    api_endpoint: str = ""
    """Empty is Google's for the region."""

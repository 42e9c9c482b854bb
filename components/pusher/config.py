"""The `push:` section: where a blessed model goes."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from preprocessing.rules import broken_rule
from preprocessing.settings import Settings

FILE, SIGNATURE = "{file}", "{signature}"
"""The places in an argument of a signing command for the path of the manifest, and for that of its signature."""
Command = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class SigningConfig(Settings):
    """Commands that sign a pushed version's manifest, which has the hash of every file, and that verify it."""

    sign: Command
    """A program and its arguments, started without a shell, for example
    `[gpg, --batch, --yes, --detach-sign, --output, "{signature}", "{file}"]`. `{file}` is the manifest, `{signature}`
    the file to write. When it fails, nothing is pushed."""
    verify: Command
    """The same to verify it; exit code 0 means that the signature is good."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """After which a command is ended, and has failed."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, command in (("sign", self.sign), ("verify", self.verify)):
            lacking = [each for each in (FILE, SIGNATURE) if not any(each in part for part in command[1:])]
            if lacking:
                message = f"no argument has {' and none has '.join(lacking)}"
                raise broken_rule(message, field=(name,), received=list(command), hint="put it where the path belongs")
        return self


class PushConfig(Settings):
    """The serving folder, as TensorFlow Serving watches it: one numbered sub-folder per version."""

    directory: Annotated[str, Field(min_length=1)] = "serving"
    """A folder, relative to the run's root, or a Google Cloud Storage folder (`gs://bucket/folder`)."""
    signing: SigningConfig | None = None
    """Signs each version; None signs none."""

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

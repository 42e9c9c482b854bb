"""What a component wrote before it failed, kept: TFX's launcher removes it."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfx.types.artifact import Artifact

logger = logging.getLogger("lockgate")


def keep_outputs(outputs: Mapping[str, Sequence[Artifact]], folder: Path) -> None:
    """Moves the folders of a failed component's outputs to a folder of the run, each under the output's name.

    An empty folder stays in each one's place, for the launcher to remove. What can't be moved is said in a warning: the
    error that ends the component is worth more.

    Args:
      outputs: by name; one without a folder on this machine, or with an empty one, is left alone.
      folder: where they go; made where there is something to keep.
    """
    for name, artifacts in outputs.items():
        for number, artifact in enumerate(artifacts):
            written = Path(artifact.uri)
            if not written.is_dir() or not any(written.iterdir()):
                continue
            target = folder / (name if number == 0 else f"{name}-{number}")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                written.rename(target)
                written.mkdir()
            except OSError as error:
                logger.warning("%s could not be kept as %s: %s", written, target, error)

"""What the model's process may import: TensorFlow and the packages that it requires, and nothing else."""

import contextlib
import importlib.metadata
import re
from functools import cache
from pathlib import Path

from preprocessing.errors import UserError


def link_library(folder: Path) -> None:
    """Fills a folder with links to TensorFlow and the packages that it requires, and to nothing else.

    A child whose path is this folder and the standard library sees what `pip install tensorflow` brings,
    however the project itself is installed.

    Raises:
      UserError: an installed distribution has no list of its files.
    """
    for name, place in _packages().items():
        (folder / name).symlink_to(place)


@cache
def _packages() -> dict[str, Path]:
    """Where everything is that is linked, by name; looked up once in a process."""
    places: dict[str, Path] = {}
    waiting, seen = ["tensorflow"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        # A requirement for other platforms is not installed; one that is really needed shows in the log.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            distribution = importlib.metadata.distribution(name)
            for top in _tops(distribution):
                # `google` is shared by several.
                places.setdefault(top, Path(str(distribution.locate_file(top))).absolute())
            for requirement in distribution.requires or ():
                required = re.match(r"[\w.-]+", requirement)
                if required is not None and "extra ==" not in requirement:
                    waiting.append(re.sub(r"[-_.]+", "-", required[0]).lower())
    return places


def _tops(distribution: importlib.metadata.Distribution) -> set[str]:
    """What a distribution has put next to the other packages: names of folders and files."""
    record = distribution.read_text("RECORD")
    if record is None:
        raise UserError(
            f"the installed package {distribution.name} has no list of its files (RECORD)",
            hint="install TensorFlow with pip or uv, into a virtual environment",
        )
    # The first field of a line is a path; a name with a comma in it would be quoted, and no package has one.
    tops = {line.split(",", 1)[0].split("/", 1)[0] for line in record.splitlines()}
    return {top for top in tops - {"..", "__pycache__", ""} if not top.endswith(".pth")}

"""What the model's process may import: TensorFlow and the packages that it requires, and nothing else."""

import contextlib
import importlib.metadata
import re
from pathlib import Path

from preprocessing.errors import UserError


def link_library(folder: Path) -> None:
    """Fills a folder with links to TensorFlow and the packages that it requires, and to nothing else.

    A child whose path is this folder and the standard library sees what `pip install tensorflow` brings,
    however the project itself is installed.

    Raises:
      UserError: an installed distribution has no list of its files.
    """
    waiting, seen = ["tensorflow"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        # A requirement for other platforms is not installed; one that is really needed shows in the log.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            distribution = importlib.metadata.distribution(name)
            _link_distribution(distribution, folder)
            for requirement in distribution.requires or ():
                required = re.match(r"[\w.-]+", requirement)
                if required is not None and "extra ==" not in requirement:
                    waiting.append(re.sub(r"[-_.]+", "-", required[0]).lower())


def _link_distribution(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    record = distribution.read_text("RECORD")
    if record is None:
        raise UserError(
            f"the installed package {distribution.name} has no list of its files (RECORD)",
            hint="install TensorFlow with pip or uv, into a virtual environment",
        )
    tops = {re.split(r"[/,]", line, maxsplit=1)[0] for line in record.splitlines()}
    for top in tops - {"..", "__pycache__", ""}:
        link = folder / top
        if not top.endswith(".pth") and not link.exists():  # `google` is shared by several
            link.symlink_to(Path(str(distribution.locate_file(top))).absolute())

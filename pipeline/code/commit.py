"""The commit of the repository around a folder."""

import subprocess
from pathlib import Path


def commit_of(folder: Path) -> tuple[str | None, bool | None]:
    """The commit that is checked out, and whether files under version control were changed since.

    Args:
      folder: of the configuration.

    Returns:
      None for what is not known: outside a repository, or without git.
    """
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return _git(folder, "rev-parse", "HEAD"), None if changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    """Git's answer; None where it has none."""
    try:
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

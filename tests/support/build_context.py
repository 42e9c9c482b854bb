"""What of a folder goes to the engine: .dockerignore's rules, and a copy made by them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path


class Ignored:
    """The rules of a .dockerignore: of the lines that match a path or a folder above it, the last one counts."""

    def __init__(self, file: Path) -> None:
        """Reads the rules."""
        lines = [line.strip() for line in file.read_text().splitlines()]
        self._rules = [
            (not line.startswith("!"), _pattern(line.removeprefix("!"))) for line in lines if line and line[0] != "#"
        ]

    def __contains__(self, path: str) -> bool:
        """Whether a path, relative to the folder, stays behind."""
        parts = path.split("/")
        names = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        verdict = False
        for ignores, pattern in self._rules:
            if any(pattern.fullmatch(name) for name in names):
                verdict = ignores
        return verdict


def copy_context(root: Path, to: Path) -> None:
    """Copies what the engine would get."""
    ignored = Ignored(root / ".dockerignore")
    for path in _files(root, root):
        name = path.relative_to(root).as_posix()
        if name not in ignored:
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def _files(folder: Path, root: Path) -> Iterator[Path]:
    # Folders of megabytes that nobody would let in are not even looked into.
    skipped = {".venv", ".git"} if folder == root else set()
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name not in skipped:
                yield from _files(path, root)
        else:
            yield path


def _pattern(line: str) -> re.Pattern[str]:
    out = ""
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[[^]]*\]|.", line.strip("/")):
        out += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(
            token, token if len(token) > 1 else re.escape(token)
        )
    return re.compile(out)

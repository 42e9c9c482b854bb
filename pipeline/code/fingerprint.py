"""A hash of the code behind a dotted path, so that TFX's cache sees an edit.

Behind a dotted path the cache key holds only the name of the function. The fingerprint covers the module and every
module that it imports, wherever it lies, except for the standard library and installed packages other than the
module's own. Imports are read from the source: one that is put together at run time (`importlib.import_module(name)`)
is not seen, nor is a data file that the code reads.
"""

import ast
import functools
import hashlib
import site
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.code.importable import find_module
from preprocessing.errors import UserError

OUR_PACKAGES = frozenset({"pipeline", "components", "preprocessing", "models"})


def fingerprint(modules: Iterable[str], files: Iterable[Path] = ()) -> str:
    """Hashes the source of some modules and of what they import.

    Args:
      modules: names of importable modules; none of them is imported.
      files: data that this code reads.

    Returns:
      16 hexadecimal digits; they change when, and only when, a file in the closure changes.

    Raises:
      ModuleNotFoundError: a named module doesn't exist.
      UserError: a module isn't Python.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_closure(modules).items()):
        digest.update(f"{name}\0".encode())
        digest.update(path.read_bytes())
    for path in files:
        digest.update(f"{path.name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _closure(modules: Iterable[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = list(modules)
    packages = OUR_PACKAGES | {name.partition(".")[0] for name in waiting}
    for name in waiting:
        if find_module(name) is None:
            raise ModuleNotFoundError(f"no module {name!r}", name=name)
    looked_up: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in looked_up:
            continue
        looked_up.add(name)
        path = find_module(name)
        if path is None:
            continue
        if name.partition(".")[0] not in packages and _is_library(path):
            continue
        found[name] = path
        state = path.stat()
        waiting.extend(_imports(name, path, state.st_mtime_ns, state.st_size))
    return found


def _is_library(path: Path) -> bool:
    resolved = path.resolve()
    return any(resolved.is_relative_to(folder) for folder in _library_folders())


@functools.cache
def _library_folders() -> tuple[Path, ...]:
    """Where the standard library and installed packages lie."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(Path(folder).resolve() for folder in (*folders, *site.getsitepackages(), site.getusersitepackages()))


@functools.cache
def _imports(module: str, path: Path, modified: int, size: int) -> tuple[str, ...]:  # noqa: ARG001 - the cache's key
    """Every name that a module might import; those that are not modules are dropped by the caller.

    A graph has a fingerprint for each component, and most of them read the same files.
    """
    return tuple(dict.fromkeys(_names(module, path)))


def _names(module: str, path: Path) -> Iterator[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    # The packages around a module run before it.
    parents = package.split(".")
    yield from (".".join(parents[: depth + 1]) for depth in range(len(parents)))
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: {error.msg}", hint="correct the file; it is imported") from error
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module or "") if part)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements, those inside others too; expressions, most of a tree, hold none."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            # A lambda has a body that is no list, but is never reached.
            waiting.extend(getattr(node, name, ()))

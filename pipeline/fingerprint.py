"""A hash of the code behind a dotted path, so that TFX's cache sees an edit.

Behind a dotted path the cache key holds only the name of the function. The fingerprint covers the module and every
module that it imports, ours or of the same package as the user's own, and nothing from site-packages.
"""

import ast
import hashlib
import importlib.machinery
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

OUR_PACKAGES = frozenset({"pipeline", "components", "preprocessing", "models"})


def fingerprint(modules: Iterable[str]) -> str:
    """Hashes the source of some modules and of what they import.

    Args:
      modules: names of importable modules; none of them is imported.

    Returns:
      16 hexadecimal digits; they change when, and only when, a file in the closure changes.

    Raises:
      ModuleNotFoundError: a named module doesn't exist.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_closure(modules).items()):
        digest.update(f"{name}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def find_module(name: str) -> Path | None:
    """The source file of a module, found without importing it or its packages; None when there is none."""
    search: list[str] | None = None
    spec = None
    parts = name.split(".")
    for index in range(len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: index + 1]), search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or [])
    assert spec is not None, "a name has at least one part"  # noqa: S101
    if spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def _closure(modules: Iterable[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    waiting = list(modules)
    packages = OUR_PACKAGES | {name.partition(".")[0] for name in waiting}
    for name in waiting:
        if find_module(name) is None:
            raise ModuleNotFoundError(f"no module {name!r} on {sys.path}", name=name)
    while waiting:
        name = waiting.pop()
        path = find_module(name)
        if name in found or path is None or name.partition(".")[0] not in packages:
            continue
        found[name] = path
        waiting.extend(_imports(name, path))
    return found


def _imports(module: str, path: Path) -> Iterator[str]:
    """Every name that a module might import; those that are no modules are dropped by the caller."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    # The packages around a module run before it.
    parents = package.split(".")
    yield from (".".join(parents[: depth + 1]) for depth in range(len(parents)))
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module or "") if part)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)

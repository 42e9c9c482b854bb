"""Whether a dotted path leads to a function, found out without importing anything.

Importing a model's module means importing TensorFlow, and running a stranger's code, only to say "spelled right".
"""

import ast
import importlib.machinery
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from preprocessing.nearest import nearest


@dataclass(frozen=True)
class Unimportable:
    """Why a dotted path leads nowhere.

    Attributes:
      message: the reason.
      nearest: the path that was probably meant, or "".
      installed: whether the package itself is there.
    """

    message: str
    nearest: str
    installed: bool


def find_module(name: str) -> Path | None:
    """The source file of a module, found without importing it or its packages; None when there is none."""
    package, *parts = name.split(".")
    if package == "__main__":  # another module in each process
        return None
    try:
        # All finders, as an editable install brings its own; for a name without dots nothing is imported.
        spec = importlib.util.find_spec(package)
    except ValueError:  # a module that was put together at run time
        return None
    for part in parts:
        if spec is None or spec.submodule_search_locations is None:
            return None
        package = f"{package}.{part}"
        places = list(spec.submodule_search_locations)
        try:
            spec = importlib.machinery.PathFinder.find_spec(package, places)
        except KeyError:
            # A folder without `__init__.py` in another one: Python asks for the outer one among what is imported.
            spec = importlib.machinery.ModuleSpec(package, None, is_package=True)
            spec.submodule_search_locations = [str(each) for place in places if (each := Path(place, part)).is_dir()]
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return Path(spec.origin)


def why_not_importable(dotted_path: str) -> Unimportable | None:
    """What keeps `package.module.function` from being imported; None when nothing does.

    A module that fills itself at run time (`import *`, a module-level `__getattr__`) gets the benefit of the doubt.
    """
    module, _, function = dotted_path.rpartition(".")
    path = find_module(module)
    if path is None:
        return _no_module(module, function)
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        return Unimportable(f"{path} can't be read as Python: {error}", "", installed=True)
    names = set(_defined(tree.body))
    if function in names or {"*", "__getattr__"} & names:
        return None
    close = nearest(function, sorted(names))
    return Unimportable(f"{path} defines no {function!r}", f"{module}.{close}" if close else "", installed=True)


def _no_module(module: str, function: str) -> Unimportable:
    package, _, name = module.rpartition(".")
    around = find_module(package) if package else None
    if around is None or around.name != "__init__.py":
        return Unimportable(f"no module {module!r} can be found", "", installed=False)
    siblings = {file.stem for file in around.parent.glob("*.py")} | {
        init.parent.name for init in around.parent.glob("*/__init__.py")
    }
    close = nearest(name, sorted(siblings - {"__init__"}))
    meant = f"{package}.{close}.{function}" if close else ""
    return Unimportable(f"the package {package!r} has no module {name!r}", meant, installed=True)


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    """The names that the statements of a module bind, those inside `if`, `try` and `with` included."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield statement.name
            case ast.Import() | ast.ImportFrom():
                for alias in statement.names:
                    yield alias.asname or alias.name.partition(".")[0]
            case ast.Assign():
                nodes = (node for target in statement.targets for node in ast.walk(target))
                yield from (node.id for node in nodes if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                yield name
            case ast.If() | ast.With() | ast.For() | ast.While():
                yield from _defined([*statement.body, *getattr(statement, "orelse", [])])
            case ast.Try():
                handlers = [inner for handler in statement.handlers for inner in handler.body]
                yield from _defined([*statement.body, *handlers, *statement.orelse, *statement.finalbody])

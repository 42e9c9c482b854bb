"""The code that a compiled pipeline names, and a script that imports it all in one process of another Python."""

import itertools
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.code.image_check import CLASS_FLAGS
from pipeline.runners.compile.compiled import Compiled

_FUNCTIONS = ("run_fn", "preprocessing_fn")
_IMPORT_ALL = """
import importlib, json, sys
failed, files = {}, {}
for path in json.load(sys.stdin):
    module, _, name = path.partition(":")
    try:
        found = importlib.import_module(module)
        if name:
            getattr(found, name)
        files[path] = found.__file__
    except (ImportError, AttributeError) as error:
        failed[path] = str(error)
json.dump({"failed": failed, "files": files}, sys.stdout)
"""


def named_code(compiled: Compiled) -> set[str]:
    """What the steps import: "module:name" for classes and functions, "module" for what `python -m` starts."""
    paths = set()
    for executor in compiled.spec["deploymentSpec"]["executors"].values():
        container = executor["container"]
        for command in (container, container.get("lifecycle", {}).get("preCacheCheck", {})):
            for flag, value in itertools.pairwise([*command.get("command", []), *command.get("args", [])]):
                if flag in CLASS_FLAGS:
                    paths.add(":".join(value.rsplit(".", 1)))
                elif flag == "-m":
                    paths.add(value)
    return paths | {":".join(path.rsplit(".", 1)) for path in _functions(compiled.tasks.values())}


def _functions(tasks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for task in tasks:
        parameters = task.get("inputs", {}).get("parameters", {})
        yield from (parameters[name]["runtimeValue"]["constant"] for name in _FUNCTIONS if name in parameters)


def import_all(python: Path, paths: Iterable[str], environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Imports code in a process of its own.

    Returns:
      Under "failed" the errors and under "files" the modules' files, both by path.
    """
    done = subprocess.run(
        [python, "-c", _IMPORT_ALL],
        input=json.dumps(sorted(paths)),
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report

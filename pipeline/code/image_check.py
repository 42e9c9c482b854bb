"""Whether the image of a compiled pipeline holds all code that its steps import."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from pipeline.code.fingerprint import OUR_PACKAGES
from preprocessing.errors import UserError

CLASS_FLAGS = ("--executor_class_path", "--driver_class_path")
"""The arguments of a step's container that name a class."""


def check_image(spec: dict[str, Any], packages: Iterable[str], functions: Iterable[str] = ()) -> None:
    """Refuses a pipeline with code that the image doesn't have: the step would fail in the cluster.

    Args:
      spec: the PipelineSpec.
      packages: top-level packages in the image besides Lockgate's and TFX.
      functions: dotted paths that components are told to import.

    Raises:
      UserError: a class, an artifact type or a function is of another package, or defined in `__main__`.
    """
    known = {*OUR_PACKAGES, "tfx", *packages}
    for what, path in (*_classes(spec), *_artifact_types(spec), *(("function", path) for path in functions)):
        package = path.partition(".")[0]
        if package == "__main__":
            raise UserError(
                f"{what} {path}: defined in the script that was started (__main__), which no step can import",
                hint="move it into a module of a package that is installed in the image",
            )
        if package not in known:
            raise UserError(
                f"{what} {path}: the package {package!r} is not in the image; it has {', '.join(sorted(known))}",
                hint=f"install {package} in the image and name it in the target's `packages`",
            )


def _classes(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for label, executor in sorted(spec["deploymentSpec"]["executors"].items()):
        arguments = executor.get("container", {}).get("args", [])
        for flag, value in itertools.pairwise(arguments):
            if flag in CLASS_FLAGS:
                yield f"{label.removesuffix('_executor')}: class", value


def _artifact_types(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, component in sorted(spec["components"].items()):
        for direction in ("inputDefinitions", "outputDefinitions"):
            for artifact in component.get(direction, {}).get("artifacts", {}).values():
                yield f"{name}: artifact type", artifact_title(artifact)


def artifact_title(definition: dict[str, Any]) -> str:
    """The name by which TFX finds an artifact's class, from an input's or output's definition."""
    title: str = yaml.safe_load(definition["artifactType"]["instanceSchema"])["title"]
    return title

"""Carries out a Dockerfile's stage where there is no engine: in a folder, with the host's Python for the base image."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.build_context import copy_context
from support.dockerfile import Dockerfile, Instruction, substituted

_FROM_THE_HOST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""How this machine reaches the package index, besides PIP_* and UV_INDEX*."""


@dataclass
class Built:
    """A stage that was carried out.

    Attributes:
      root: holds everything that was made.
      context: what the engine would have got.
      folder: where the next command would run.
      environment: the variables that it would see.
      left_out: the commands of Debian's packages, which are the host's matter.
      commands: those that ran.
    """

    root: Path
    context: Path
    folder: Path
    environment: dict[str, str]
    left_out: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """A path as the next instruction sees it.

        Raises:
          AssertionError: it is outside the stage's folder, so a build argument is missing.
        """
        path = (self.folder / substituted(name, self.environment)).resolve()
        assert path.is_relative_to(self.root), f"{name}: outside of {self.root}"
        return path


def carry_out(root: Path, stage: str, arguments: Mapping[str, str], folder: Path) -> Built:
    """Carries out a stage of `root`'s Dockerfile and the stages below it.

    Args:
      root: the repository; its files come through .dockerignore.
      stage: the stage's name.
      arguments: build arguments; every folder outside the image's own is one of them, and names a folder in `folder`.
      folder: takes the build context, HOME and what the arguments put into it.

    Raises:
      AssertionError: an instruction that isn't known here, or a command that failed, with its output.
    """
    dockerfile = Dockerfile.read(root / "Dockerfile")
    context, home = folder / "context", folder / "home"
    home.mkdir()
    copy_context(root, context)
    given = {**dockerfile.arguments, **arguments}
    built = Built(folder, context, home, _clean_environment(home))
    for each in dockerfile.lineage(dockerfile.stage(stage), given):
        for instruction in each.instructions:
            _carry_out(instruction, built, given)
    return built


def _carry_out(instruction: Instruction, built: Built, given: Mapping[str, str]) -> None:
    match instruction.name:
        case "ARG":
            name, _, default = instruction.rest.partition("=")
            built.environment[name] = given.get(name, default)
        case "ENV":
            built.environment |= {
                name: substituted(value, built.environment) for name, value in instruction.pairs().items()
            }
        case "WORKDIR":
            built.folder = built.path(instruction.rest)
            built.folder.mkdir(parents=True, exist_ok=True)
        case "COPY":
            assert not instruction.flags, f"COPY {instruction.flags}: only the build context is here"
            *sources, target = instruction.rest.split()
            for source in sources:
                _copy(built.context / source, built.path(target))
        case "RUN":
            _run(instruction.rest, built)
        case other:
            raise AssertionError(f"{other}: not known here")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def _run(command: str, built: Built) -> None:
    if command.startswith("apt-get "):
        built.left_out.append(command)
        return
    built.commands.append(command)
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=built.folder,
        env=built.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}{done.stderr}"


def _clean_environment(home: Path) -> dict[str, str]:
    index = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _FROM_THE_HOST or name.startswith(("PIP_", "UV_INDEX"))
    }
    # The cache that the Dockerfile mounts is the one of who runs the tests.
    cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    path = f"{sys.base_prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    return {**index, "PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "UV_CACHE_DIR": cache}

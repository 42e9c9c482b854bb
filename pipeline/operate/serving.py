"""Which serving folder is meant, and how versions come into it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from components.pusher.config import PushConfig, RegistryUpload, SigningConfig
from pipeline.config.loader import LoadedConfig, load
from pipeline.config.on_target import pushes_to_folder, serving_folder
from pipeline.config.targets import VertexTarget
from pipeline.preflight.target_check import configured_target
from pipeline.results.listing import root_of, run_folders
from pipeline.results.runs import CONFIG_FILE
from preprocessing.errors import UserError

if TYPE_CHECKING:
    from pipeline.config.targets import TargetName


@dataclass(frozen=True)
class Serving:
    """A serving folder.

    Attributes:
      base: the folder, or its URL.
      signing: how versions are signed and verified; None where they are not.
      registry: the entry of Vertex AI's Model Registry that follows it; None where none does.
      root: of the runs that push there, with their metadata store; None where it is not known, or a cluster's.
    """

    base: str
    signing: SigningConfig | None = None
    registry: RegistryUpload | None = None
    root: Path | None = None


def of_config(loaded: LoadedConfig, target_name: TargetName | None = None) -> Serving:
    """The serving folder of a configuration.

    Args:
      loaded: the configuration.
      target_name: the target whose serving folder is meant; None is that of the runs on this machine.

    Raises:
      UserError: there is no such target, or it deploys to an endpoint.
    """
    push = loaded.config.push
    if target_name is None:
        root = loaded.root()
        return Serving(push.destination(root), push.signing, root=root)
    target = configured_target(loaded, target_name)
    base = serving_folder(loaded.config, target)
    if not pushes_to_folder(target):
        raise UserError(
            f"targets.{target_name} deploys to an endpoint, which has no serving folder",
            hint="move the endpoint's traffic to an earlier model in Vertex AI's console",
        )
    if not base.startswith("gs://"):
        raise UserError(
            f"targets.{target_name}: the serving folder {base} can't be reached from this machine",
            hint="set push_directory to a gs:// folder, or run the command where the volume is, naming the folder",
        )
    registry = None
    if isinstance(target, VertexTarget) and target.registry is not None:
        registry = RegistryUpload(
            **target.registry.model_dump(),
            project=target.project,
            region=target.region,
            api_endpoint=target.api_endpoint or "",
        )
    return Serving(base, push.signing, registry)


def of_place(place: str | None, target_name: TargetName | None = None) -> Serving:
    """The serving folder that is meant by a pipeline.yaml, a root, a serving folder, its URL, or by nothing.

    Raises:
      UserError: it is none of these.
    """
    if place is not None and "://" in place:
        return Serving(place.rstrip("/"))
    file = _meant() if place is None else Path(place)
    if file.is_file():
        return of_config(load(file), target_name)
    if target_name is not None:
        raise UserError(f"{file}: a target is configured in a pipeline.yaml", hint="give the pipeline.yaml")
    if file.is_dir() and any(re.fullmatch("[0-9]+", each.name) for each in file.iterdir()):
        return Serving(str(file))
    root = root_of(file).resolve()
    folders = run_folders(root)
    if not folders:
        raise UserError(f"{root}: no run was made there", hint="give a pipeline.yaml, a root, or a serving folder")
    return of_run(folders[0])


def of_run(folder: Path) -> Serving:
    """The serving folder that a run pushes to, or would have.

    Args:
      folder: of the run, `<root>/runs/<id>`.
    """
    stated = yaml.safe_load((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    push, root = PushConfig.from_json(json.dumps(stated.get("push") or {})), folder.parent.parent
    return Serving(push.destination(root), push.signing, root=root)


def _meant() -> Path:
    """The pipeline.yaml of the current folder, else its root."""
    config = Path("pipeline.yaml")
    return config if config.is_file() else root_of(None)

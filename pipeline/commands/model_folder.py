"""Where in a folder that somebody names the SavedModel is."""

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from components.artifacts import golden
from components.artifacts.model import SAVED_MODEL, SAVED_MODEL_TEXT
from pipeline.config.problems import shown
from preprocessing.errors import UserError
from preprocessing.text import listed

_SAVED_MODEL = (SAVED_MODEL, SAVED_MODEL_TEXT)
_ARTIFACT_FOLDERS = ("Format-Serving", "serving_model_dir")
"""Where a TFX Trainer puts the export, today and in old releases."""
_VERSION = re.compile(r"[0-9]+")
_DEEPEST = 3
"""Folders below the given one in which an error looks for what was probably meant."""


@dataclass(frozen=True)
class ModelFolder:
    """A SavedModel on this machine.

    Attributes:
      export: the folder that holds saved_model.pb.
      artifact: the folder that holds `golden`, the trainer's own predictions, or None where there are none.
      note: how the export was found, where the user should know; else "".
    """

    export: Path
    artifact: Path | None
    note: str = ""


def find_model(folder: Path) -> ModelFolder:
    """Finds the SavedModel: in the folder itself, in a TFX Model artifact, or in the newest of a server's versions.

    Raises:
      UserError: there is none; the message says what is there instead, and the hint how to come to one.
    """
    name = shown(folder)
    if "://" in str(folder) or re.match(r"[a-z][a-z0-9+.-]+:/", str(folder)):
        raise UserError(f"{name}: expected a folder on this machine, received a URL", hint="copy the model here first")
    if not folder.exists():
        raise UserError(f"{name}: no such folder", hint="give the folder that holds saved_model.pb")
    if not folder.is_dir():
        raise _not_a_folder(folder)
    found = _export_in(folder)
    if found is None:
        raise _no_model(folder)
    export, note = found
    absolute = export.absolute()
    # Any other folder's neighbours are none of the model's.
    artifact = next((each.parent for each in (absolute, absolute.parent) if each.name in _ARTIFACT_FOLDERS), None)
    return ModelFolder(export, artifact if artifact is not None and (artifact / golden.FOLDER).is_dir() else None, note)


def _export_in(folder: Path) -> tuple[Path, str] | None:
    if _holds_model(folder):
        return folder, ""
    for inner in (folder / each for each in _ARTIFACT_FOLDERS):
        if inner.is_dir() and (found := _export_in(inner)) is not None:
            return found[0], found[1] or f"testing {shown(inner)}, the export of this TFX model"
    versions = sorted(
        (each for each in folder.iterdir() if _VERSION.fullmatch(each.name) and each.is_dir()),
        key=lambda each: int(each.name),
    )
    # A server takes the highest number, whether or not there is a model in it; so does the test.
    if any(map(_holds_model, versions)):
        newest = versions[-1]
        which = f"the newest of {len(versions)} versions, which a server would take"
        return newest, f"testing {shown(newest)}, {which if len(versions) > 1 else 'the only version'}"
    return None


def _holds_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _SAVED_MODEL)


def _not_a_folder(file: Path) -> UserError:
    if file.name in _SAVED_MODEL:
        hint = f"give its folder: {shown(file.parent)}"
    elif file.suffix in (".keras", ".h5", ".hdf5"):
        hint = f"export it first: keras.models.load_model({file.name!r}).export('export'); then test that folder"
    else:
        hint = "give the folder that holds saved_model.pb"
    return UserError(f"{shown(file)}: expected the folder of a SavedModel, received a file", hint=hint)


def _no_model(folder: Path) -> UserError:
    patterns = ["/".join(["*"] * depth) + f"/{_SAVED_MODEL[0]}" for depth in range(1, _DEEPEST + 1)]
    below = [shown(each.parent) for pattern in patterns for each in islice(sorted(folder.glob(pattern)), 10)]
    if below:
        hint = f"give one of the folders below it that do: {listed(below)}"
    elif any(folder.glob("*.keras")) or (folder / "keras_metadata.pb").exists():
        hint = "export the Keras model with model.export(FOLDER); then test that folder"
    else:
        hint = "export the model with model.export(FOLDER) (Keras) or tf.saved_model.save; then test that folder"
    return UserError(f"{shown(folder)}: not a SavedModel: the folder has no saved_model.pb", hint=hint)

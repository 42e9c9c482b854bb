"""The champion that an alias in Vertex AI's Model Registry names."""

import posixpath
import re

from tfx.dsl.io import fileio

from components.artifacts.model import SAVED_MODEL
from components.cloud.vertex import VertexApi
from preprocessing.errors import UserError

PREFIX = "registry:"
_ENTRY = re.compile(r"registry:(?P<model>[^@/]+)@(?P<alias>[^@/]+)")


def registered_version(entry: str, api: VertexApi) -> str | None:
    """The folder of the model that an alias stands at.

    Args:
      entry: `registry:NAME@ALIAS`.
      api: of the project and region.

    Returns:
      The folder that was registered; None where the registry has no such model or alias.

    Raises:
      UserError: the entry is not of that form, the registry refuses, or the folder has no SavedModel.
    """
    named = _ENTRY.fullmatch(entry)
    if named is None:
        raise UserError(f"champion: expected registry:NAME@ALIAS, received {entry}", hint="name model and alias")
    model = api.get(f"{api.location}/models/{named['model']}@{named['alias']}")
    if model is None:
        return None
    folder = str(model.get("artifactUri", "")).rstrip("/")
    if not folder or not fileio.exists(posixpath.join(folder, SAVED_MODEL)):
        raise UserError(
            f"champion: {entry} points to {folder or 'a model without files'}, which has no {SAVED_MODEL}",
            hint="move the alias to a version whose files are there, or remove it to go on without a champion",
        )
    return folder

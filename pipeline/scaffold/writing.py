"""Writes a proposal into a folder that runs."""

from __future__ import annotations

import os
from pathlib import Path

from components.artifacts.schema import SCHEMA_FILE
from pipeline.files.whole_file import write_whole
from pipeline.scaffold.proposal import Proposal
from pipeline.scaffold.trial import CONFIG_FILE, check_place
from preprocessing.errors import UserError


def write(proposal: Proposal, folder: Path) -> Path:
    """Writes pipeline.yaml and schema.pbtxt into a folder, which is made if need be.

    Returns:
      the path of pipeline.yaml.

    Raises:
      UserError: one of the files is already there, the folder can't be written, or a pipeline there can't run.
    """
    # The schema alone, as it would be written now, is what a kill between the two files left.
    half = not (folder / CONFIG_FILE).exists() and _holds(folder / SCHEMA_FILE, proposal.schema)
    for name in (CONFIG_FILE, SCHEMA_FILE):
        if (folder / name).exists() and not half:
            raise UserError(
                f"{folder / name} is already there and is not overwritten",
                hint="choose another name, or remove the file first",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        data = os.path.relpath(proposal.data, folder.resolve())
        text = proposal.yaml_text(data, _editor_schema(folder))
        write_whole(folder / SCHEMA_FILE, proposal.schema)
        write_whole(folder / CONFIG_FILE, text)
    except OSError as error:
        raise UserError(
            f"{folder}: can't be written: {error.strerror or error}", hint="choose a folder that you may write to"
        ) from error
    try:
        check_place(folder)
    except UserError:
        for name in (CONFIG_FILE, SCHEMA_FILE):
            (folder / name).unlink()
        raise
    return folder / CONFIG_FILE


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()


def _editor_schema(folder: Path) -> str | None:
    """The installed JSON Schema, as seen from the folder."""
    schema = Path(__file__).parents[1] / "config" / "schema.json"
    return os.path.relpath(schema, folder.resolve()) if schema.is_file() else None

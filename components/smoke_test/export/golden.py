"""What the trainer stored beside the model: its own predictions, and the contract of the export."""

import io
import posixpath
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from tfx.dsl.io import fileio

from components.artifacts.golden import CONTRACT, FOLDER, PREDICTIONS_FILE, ROW_KEYS, GoldenContract, prediction_name


class GoldenError(Exception):
    """The golden files are missing or unusable; the message says which and why."""


@dataclass(frozen=True)
class Golden:
    """The trainer's predictions, by row key.

    Attributes:
      contract: what the export promises.
      row_keys: int64 [rows].
      predictions: float32, probabilities of shape [rows, classes] or values of shape [rows].
    """

    contract: GoldenContract
    row_keys: NDArray[np.int64]
    predictions: NDArray[np.float32]


def exists(model_uri: str) -> bool:
    """Whether a trainer of ours left golden files at all: none is something else than files that can't be used."""
    there: bool = fileio.exists(posixpath.join(model_uri, FOLDER))
    return there


def load(model_uri: str) -> Golden:
    """The golden files of a Model artifact.

    Raises:
      GoldenError: a file is missing, unreadable, or its arrays do not fit together.
    """
    contract = load_contract(model_uri)
    path = posixpath.join(model_uri, FOLDER, PREDICTIONS_FILE)
    name = prediction_name(contract.task)
    try:
        with np.load(io.BytesIO(_bytes(path)), allow_pickle=False) as arrays:
            row_keys, predictions = arrays[ROW_KEYS], arrays[name]
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise GoldenError(f"{path}: expected the arrays {ROW_KEYS} and {name}, received: {error}") from error
    width = () if contract.classes is None else (len(contract.classes),)
    if row_keys.dtype != np.int64 or predictions.shape != (len(row_keys), *width):
        raise GoldenError(
            f"{path}: expected int64 row keys and {name} of shape {[len(row_keys), *width]}, received "
            f"{row_keys.dtype} and {list(predictions.shape)}"
        )
    if not np.isfinite(predictions).all():
        raise GoldenError(f"{path}: the trainer's own predictions hold NaN or infinity")
    return Golden(contract, row_keys, predictions)


def load_contract(model_uri: str) -> GoldenContract:
    """What the export of a Model artifact promises, without the predictions: all that a champion is asked for.

    Raises:
      GoldenError: the file is missing, or is not what a trainer writes.
    """
    path = posixpath.join(model_uri, CONTRACT)
    try:
        return GoldenContract.model_validate_json(_bytes(path))
    except ValidationError as error:
        raise GoldenError(f"{path}: {error}") from error


def _bytes(path: str) -> bytes:
    if not fileio.exists(path):
        raise GoldenError(f"{path} is missing")
    with fileio.open(path, "rb") as file:
        content: bytes = file.read()
    return content

"""What the trainer stored beside the model: its own predictions, and the contract of the export."""

import io
import posixpath
import zipfile
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator
from tfx.dsl.io import fileio

from components.smoke_test.export.contract import Dtype

FOLDER = "golden"
PREDICTIONS_FILE = "predictions.npz"
CONTRACT_FILE = "contract.json"


class GoldenError(Exception):
    """The golden files are missing or unusable; the message says which and why."""


class ContractInput(BaseModel):
    """How one raw column is sent to `serve_features`."""

    model_config = ConfigDict(frozen=True)

    argument: str
    dtype: Dtype


class TransformedInput(BaseModel):
    """How one model input is sent to `predict_transformed`."""

    model_config = ConfigDict(frozen=True)

    argument: str
    dtype: Literal["float32", "int64"]
    shape: tuple[int, ...]
    """Of one row. The transform signature may give the same numbers in another shape, [batch] for [batch, 1]."""


class GoldenContract(BaseModel):
    """What the export promises; an older trainer wrote less, and what it left out has the default here."""

    model_config = ConfigDict(frozen=True)

    task: Literal["binary", "multiclass", "regression"]
    classes: tuple[str, ...] | None
    """In output order; none for regression."""
    row_key: str
    """The output of `transform_features` that holds the fingerprint of the raw features."""
    label: str
    """The raw label column, which is never sent."""
    inputs: dict[str, ContractInput]
    """The raw columns that the model reads."""
    columns: dict[str, Dtype] = Field(default_factory=dict)
    """The raw columns that `transform_features` reads: the inputs, the label, and the weight if there is one."""
    transformed: dict[str, TransformedInput] = Field(default_factory=dict)
    """The inputs of `predict_transformed` by their names among the outputs of `transform_features`; empty when there
    is no such signature."""
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    """The smallest and the largest training label of a regression, in the label's own units."""
    importance: dict[str, Annotated[FiniteFloat, Field(ge=0)]] | None = None
    """By raw column: the mean absolute change of the trainer's predictions, over rows and classes, when the column is
    shuffled among golden rows. Without the columns that only the user's own preprocessing function reads."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.classes is None) != (self.task == "regression"):
            raise ValueError(f"classes {self.classes} do not belong to a {self.task} task")
        if self.range is not None and (self.task != "regression" or self.range[0] > self.range[1]):
            raise ValueError(f"range {list(self.range)} does not belong to a {self.task} task, or descends")
        return self


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
    name = "value" if contract.classes is None else "probabilities"
    try:
        with np.load(io.BytesIO(_bytes(path)), allow_pickle=False) as arrays:
            row_keys, predictions = arrays["row_key"], arrays[name]
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise GoldenError(f"{path}: expected the arrays row_key and {name}, received: {error}") from error
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
    path = posixpath.join(model_uri, FOLDER, CONTRACT_FILE)
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

"""`golden/` in the Model artifact: the trainer's own predictions, and the contract, what the export promises."""

import json
import posixpath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from preprocessing.config import DECISION_THRESHOLD, Task

FOLDER = "golden"
CONTRACT_FILE = "contract.json"
"""The file of the `GoldenContract`."""
PREDICTIONS_FILE = "predictions.npz"
"""Two arrays: `ROW_KEYS` and the one that `prediction_name` gives."""
CONTRACT = posixpath.join(FOLDER, CONTRACT_FILE)
"""In the Model artifact."""

ROW_KEYS = "row_key"
"""The array of the fingerprints of the raw features, int64 [rows]."""

Dtype = Literal["float32", "int64", "string"]
"""The three types that a tf.Example can hold."""


def prediction_name(task: Task) -> str:
    """The predictions by their name, as an output of the export and as an array of `PREDICTIONS_FILE`.

    Returns:
      `value`, float32 [rows], for regression; else `probabilities`, float32 [rows, classes].
    """
    return "value" if task == "regression" else "probabilities"


class ContractInput(BaseModel):
    """How one raw column is sent to `serve_features`."""

    model_config = ConfigDict(frozen=True)

    argument: str
    dtype: Dtype
    several: bool = False
    """Whether a row has a list of values: the tensor is [batch, values]."""


class TransformedInput(BaseModel):
    """How one model input is sent to `predict_transformed`."""

    model_config = ConfigDict(frozen=True)

    argument: str
    dtype: Literal["float32", "int64"]
    shape: tuple[int, ...]
    """Shape of one row. The transform signature may give the same numbers in another shape, [batch] for [batch, 1]."""


class TrivialAnswer(BaseModel):
    """The best answer without features, from the training split, and the loss by which it is the best."""

    model_config = ConfigDict(frozen=True)

    answer: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]
    """The share of each class by weight, in output order; or one number in the label's own units."""
    class_weights: tuple[FiniteFloat, ...] | None = None
    """What the training multiplied the weights of each class's rows by; the shares are of these weights too."""
    transform: Literal["none", "log", "log1p"] = "none"
    """The scale of a regression's errors."""
    error: Literal["log_loss", "squared", "absolute"]
    """The loss of a row: its log loss for classes; for a regression its squared error or, where it was trained with an
    absolute one, the absolute error."""

    def measure(self) -> str:
        """What the mean of the losses is called: `log_loss`, `rmse of log(label)`."""
        if self.error == "log_loss":
            return "log_loss (class weights included)" if self.class_weights is not None else "log_loss"
        name = "rmse" if self.error == "squared" else "mae"
        return name + {"none": "", "log": " of log(label)", "log1p": " of log(1 + label)"}[self.transform]


class GoldenContract(BaseModel):
    """What the export promises; an older trainer wrote less, and what it left out has the default here."""

    model_config = ConfigDict(frozen=True)

    task: Task
    classes: tuple[str, ...] | None
    """In output order; none for regression."""
    decision_threshold: Annotated[float, Field(gt=0, lt=1)] = DECISION_THRESHOLD
    """Above this probability the second class is the `label`, where the task is binary."""
    row_key: str
    """The output of `transform_features` that holds the fingerprint of the raw features."""
    label: str
    """The raw label column, which is never sent."""
    weight: str | None = None
    """The raw column of the rows' weights, which is never sent either."""
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    """The smallest and the largest training label of a regression, in the label's own units."""
    trivial: TrivialAnswer | None = None
    """What the model has to beat; none when no training row has a weight."""
    inputs: dict[str, ContractInput]
    """The raw columns that the model reads."""
    transformed: dict[str, TransformedInput] = Field(default_factory=dict)
    """The inputs of `predict_transformed` by their names among the outputs of `transform_features`; empty when there
    is no such signature."""
    columns: dict[str, Dtype] = Field(default_factory=dict)
    """The raw columns that `transform_features` reads: the inputs, the label, and the weight if there is one."""
    missing_words: dict[str, tuple[str, ...]] | None = None
    """The texts that mean missing, by raw column of text that the model reads; blanks around them and cells of blanks
    count too. None where the trainer said nothing."""
    importance: dict[str, Annotated[FiniteFloat, Field(ge=0)]] | None = None
    """Importances by raw column: the mean absolute change of the trainer's predictions, over rows and classes, when the
    column is shuffled among golden rows. Without the columns that only the user's own preprocessing function reads."""
    importance_error: dict[str, Annotated[FiniteFloat, Field(ge=0)]] | None = None
    """The standard error of each over these rows."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.classes is None) != (self.task == "regression"):
            raise ValueError(f"classes {self.classes} do not belong to a {self.task} task")
        if self.range is not None and (self.task != "regression" or self.range[0] > self.range[1]):
            raise ValueError(f"range {list(self.range)} does not belong to a {self.task} task, or descends")
        return self

    def to_json(self) -> str:
        """The content of `CONTRACT_FILE`, every field in it."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False, allow_nan=False)

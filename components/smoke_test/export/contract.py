"""What a model promises: its task, its features and its signatures. No TensorFlow here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from components.artifacts.golden import Dtype
from preprocessing.config import DECISION_THRESHOLD, Task

SCHEMA_DTYPES: Mapping[str, Dtype] = {"BYTES": "string", "INT": "int64", "FLOAT": "float32"}
"""Types by the schema's names."""


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a signature.

    Attributes:
      dtype: TensorFlow's name, for example `float32`.
      shape: None where any size will do; None altogether when the rank is unknown.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of unknown rank"
        return f"{self.dtype} [{', '.join('?' if size is None else str(size) for size in self.shape)}]"


@dataclass(frozen=True)
class Feature:
    """One raw feature of a request.

    Attributes:
      name: the column, the key in a tf.Example.
      dtype: of its values.
      shape: of one row's value: () is one value, (3,) three; None is any number of values.
      required: whether a request without it may be refused.
    """

    name: str
    dtype: Dtype
    shape: tuple[int, ...] | None = ()
    required: bool = False


@dataclass(frozen=True)
class Signature:
    """One signature as the export declares it.

    Attributes:
      name: for example `serving_default`.
      kind: `examples` takes serialized tf.Examples of shape [batch] in one string input; `features` one tensor per
        feature, [batch, ...].
      role: `predict` answers; `transform` gives transformed features; `transformed` predicts from those.
      inputs, outputs: as the SignatureDef declares them.
      defaults: the inputs that a request may leave out.
      features: `kind` examples: what the graph parses, by column, empty when that can't be told; `kind` features: the
        column behind each input, by argument.
      row_defaults: the defaults, flat, of those inputs where it is one row's, or one value for any row.
      method: the API of TensorFlow Serving that it is declared for, as the export says it; empty for none.
    """

    name: str
    kind: Literal["examples", "features"]
    role: Literal["predict", "transform", "transformed"]
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    defaults: frozenset[str] = frozenset()
    features: Mapping[str, Feature] = field(default_factory=dict)
    row_defaults: Mapping[str, NDArray[Any]] = field(default_factory=dict, compare=False)
    method: str = "tensorflow/serving/predict"


@dataclass(frozen=True)
class Contract:
    """What is known of the model, from the trainer, the schema, the configuration and the signatures.

    Attributes:
      task: None when nothing says it.
      classes: the label's vocabulary in output order; None for regression, or when unknown.
      label: the raw label column, which no request may need; None when unknown.
      features: the raw features by column.
      signatures: those of the export, by name.
      prediction: the output of every `predict` signature that holds probabilities [batch, classes] or values [batch];
        None when it can't be told.
      row_key: the output of the transform signature that says which golden prediction belongs to a row, or None.
      range: the smallest and the largest training label of a regression, or None.
      importance: by column, how far shuffling it moved the trainer's predictions (mean absolute change), or None when
        the trainer left none.
      decision_threshold: above this probability the second of two classes is the label.
      missing_words: by column of text, the words that mean missing there, or None when the trainer didn't say.
      promised: by signature, the inputs and outputs that schema and task ask for; empty for another trainer's model.
    """

    task: Task | None
    classes: tuple[str, ...] | None
    label: str | None
    features: Mapping[str, Feature]
    signatures: Mapping[str, Signature]
    prediction: str | None
    row_key: str | None = None
    range: tuple[float, float] | None = None
    importance: Mapping[str, float] | None = None
    decision_threshold: float = DECISION_THRESHOLD
    missing_words: Mapping[str, tuple[str, ...]] | None = None
    promised: Mapping[str, tuple[Mapping[str, TensorSpec], Mapping[str, TensorSpec]]] = field(default_factory=dict)

    def predicting(self) -> tuple[Signature, ...]:
        """The signatures that clients ask for predictions, in name order: `role` predict."""
        return tuple(
            self.signatures[name] for name in sorted(self.signatures) if self.signatures[name].role == "predict"
        )

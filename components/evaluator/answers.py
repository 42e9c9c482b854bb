"""Models asked about the examples of a split, in large batches: each row is read once, whoever has to answer it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_metadata.proto.v0 import schema_pb2

from components.artifacts.model import EXAMPLES_INPUT
from components.engine import NeedsBeamError
from components.evaluator import tfma_private
from components.evaluator.asked import AskedModel, Question
from components.evaluator.slices import Features, Values, columns_of
from components.evaluator.totals import Answers
from components.evaluator.tree import LearningRows
from components.examples import SplitExamples, serialized

BATCH = 2048
"""Rows that are asked at a time; about four batches are in memory. A forest takes a few numbers for each row and tree,
of which there are thousands where there are several classes."""
_THREADS = 2
_KERAS = "_tf_keras_"
"""What the root of a SavedModel is called when Keras 2 saved it; such models bring metrics of their own."""
_DTYPES = {schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32, schema_pb2.BYTES: tf.string}

Tensors = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """Some rows, as the models answer them.

    Attributes:
      answers: by the model's name.
      features: what slices are made of.
    """

    answers: Mapping[str, Answers]
    features: Features


def loaded(question: Question) -> tuple["Model", ...]:
    """The models of a question, ready to be asked.

    Raises:
      NeedsBeamError: a model has a form that this doesn't know.
    """
    slicing = columns_of(question.config.slicing_specs)
    return tuple(Model(each, slicing) for each in question.models)


def batches(
    question: Question, models: Sequence["Model"], also: Collection[str] = (), most: int | None = None
) -> Iterator[Batch]:
    """Asks the models about the rows.

    Args:
      question: what is asked.
      models: those that `loaded` gives.
      also: raw columns that are wanted besides those of slices.
      most: so many rows of each split at most, as `serialized` draws them; None asks about all.

    Raises:
      NeedsBeamError: a model or the rows have a form that this doesn't know. Nothing has been written then.
    """
    wanted = {name for model in models for name in model.from_raw} | columns_of(question.config.slicing_specs)
    parsing = _parsing(question.schema, wanted | set(also))

    def ask(examples: tf.Tensor) -> Tensors:
        return _raw(examples, parsing) | {"models": tuple(model.ask(examples) for model in models)}

    for split in question.examples:
        for tensors in _tensors(split, ask, most):
            yield _batch(tensors, models, question.schema, wanted)


def learning_rows(
    question: Question, model: "Model", split: SplitExamples, columns: Collection[str], most: int
) -> LearningRows:
    """Rows of a split with their labels and weights, as the model has them; it is not asked for its answers.

    Args:
      question: gives the schema.
      model: the candidate.
      split: the examples.
      columns: the raw columns; those that the schema doesn't have are left out.
      most: so many rows at most, as `serialized` draws them.

    Raises:
      NeedsBeamError: the model or the rows have a form that this doesn't know.
    """
    parsing = _parsing(question.schema, model.from_raw | set(columns))

    def ask(examples: tf.Tensor) -> Tensors:
        return _raw(examples, parsing) | {"features": model.targets(examples)}

    labels, weights, parts = [], [], []
    for tensors in _tensors(split, ask, most):
        raw = {name: Values(flat, splits) for name, (flat, splits) in tensors["raw"].items()}
        label, weight = model.targets_to_learn(tensors["features"], raw)
        labels.append(label)
        weights.append(np.ones(len(label)) if weight is None else weight)
        parts.append({name: raw[name] for name in columns if name in raw})
    names = parts[0] if parts else {}
    return LearningRows(
        {name: Values.joined([part[name] for part in parts]) for name in names},
        np.concatenate([np.zeros(0), *labels]),
        np.concatenate([np.zeros(0), *weights]),
    )


def _raw(examples: tf.Tensor, parsing: dict[str, tf.io.RaggedFeature]) -> Tensors:
    """The raw columns of a batch, as a graph is made."""
    parsed = tf.io.parse_example(examples, parsing) if parsing else {}
    raw = {name: (ragged.values, ragged.row_splits) for name, ragged in parsed.items()}
    return {"rows": tf.size(examples), "raw": raw}


def _tensors(split: SplitExamples, ask: Callable[[tf.Tensor], Tensors], most: int | None) -> Iterator[Tensors]:
    """What is asked of the rows of a split, batch by batch."""
    dataset = serialized(split, BATCH, most).map(
        tf.autograph.experimental.do_not_convert(ask), num_parallel_calls=_THREADS, deterministic=True
    )
    options = tf.data.Options()
    options.threading.private_threadpool_size = _THREADS
    try:
        yield from dataset.prefetch(1).with_options(options).as_numpy_iterator()
    except (tf.errors.InvalidArgumentError, tf.errors.ResourceExhaustedError) as error:
        raise NeedsBeamError(f"a batch of rows can't be read or answered: {error.message.splitlines()[0]}") from error


def _batch(tensors: Tensors, models: Sequence["Model"], schema: schema_pb2.Schema, wanted: set[str]) -> Batch:
    rows = int(tensors["rows"])
    raw = {name: Values(flat, splits) for name, (flat, splits) in tensors["raw"].items()}
    for feature in schema.feature:
        if feature.name in raw and feature.name in wanted and feature.HasField("shape"):
            size = np.prod([dim.size for dim in feature.shape.dim], dtype=np.int64)
            if (np.diff(raw[feature.name].splits) != size).any():
                raise NeedsBeamError(f"rows have another number of values than the schema says: {feature.name!r}")
    answers = {
        model.name: model.answers(each, raw, rows) for model, each in zip(models, tensors["models"], strict=True)
    }
    transformed = [
        {name: Values.of_dense(each["features"][name]) for name in model.slicing}
        for model, each in zip(models, tensors["models"], strict=True)
    ]
    return Batch(answers, Features(rows, transformed, raw))


def _parsing(schema: schema_pb2.Schema, wanted: set[str]) -> dict[str, tf.io.RaggedFeature]:
    """How raw columns are read; those that the schema doesn't have are left out."""
    if schema.tensor_representation_group:
        raise NeedsBeamError("the schema says how columns become tensors (tensor_representation_group)")
    features = {feature.name: feature for feature in schema.feature if feature.name in wanted}
    for name, feature in features.items():
        if feature.type not in _DTYPES:
            raise NeedsBeamError(f"the schema has no simple type for {name!r}")
    return {
        name: tf.io.RaggedFeature(_DTYPES[feature.type], row_splits_dtype=tf.int64)
        for name, feature in features.items()
    }


class Model:
    """One model that answers batches of rows.

    Attributes:
      name: in the results.
      slicing: the columns for slices that it transforms.
      from_raw: label and weight, where it doesn't transform them.
    """

    def __init__(self, asked: AskedModel, slicing: set[str]) -> None:
        """Loads the SavedModel.

        Raises:
          NeedsBeamError: it is asked in another way than our exports are.
        """
        _check_root(asked.path)
        self.name, self._spec = asked.name, asked.spec
        loaded = tf.saved_model.load(asked.path, tags=[tf.saved_model.SERVING])
        self._loaded = loaded  # its variables live as long as it does
        self._predict = _signature(loaded.signatures, asked.spec.signature_name)
        names = list(asked.spec.preprocessing_function_names)
        if not names and any(
            hasattr(loaded, each) or each in loaded.signatures for each in tfma_private.DEFAULT_TRANSFORMS
        ):
            raise NeedsBeamError(f"the model has one of the functions {list(tfma_private.DEFAULT_TRANSFORMS)}")
        self._transforms = [_signature(loaded.signatures, name) for name in names]
        outputs = {name: spec for each in self._transforms for name, spec in each.structured_outputs.items()}
        targets = {key for key in (asked.spec.label_key, asked.spec.example_weight_key) if key}
        self._wanted = sorted((slicing | targets) & outputs.keys())
        if any(not isinstance(outputs[name], tf.TensorSpec) for name in self._wanted):
            raise NeedsBeamError("a transformed label, weight or slice is not dense")
        if not self.name and asked.spec.name in outputs:
            raise NeedsBeamError(f"a transformed feature has the model's name, {asked.spec.name!r}")
        self.slicing = sorted(slicing & outputs.keys())
        self.from_raw = targets - outputs.keys()

    def ask(self, examples: tf.Tensor) -> Tensors:
        """Calls the signatures, as a graph is made.

        Args:
          examples: serialized tf.Examples, string [rows].

        Returns:
          `prediction`, and the `features` that are wanted.
        """
        return {"prediction": self._chosen(self._predict(examples=examples)), "features": self.targets(examples)}

    def targets(self, examples: tf.Tensor) -> Tensors:
        """The transformed features that are wanted, label and weight among them; see `ask`."""
        transformed = {name: value for each in self._transforms for name, value in each(examples=examples).items()}
        return {name: transformed[name] for name in self._wanted}

    def _chosen(self, outputs: Tensors) -> tf.Tensor:
        [*several] = outputs.values()
        chosen = several[0] if len(several) == 1 else outputs.get(self._spec.prediction_key)
        if not isinstance(chosen, tf.Tensor):
            raise NeedsBeamError(f"the model gives no dense {self._spec.prediction_key!r}")
        return chosen

    def answers(self, tensors: Tensors, raw: Mapping[str, Values], rows: int) -> Answers:
        """What it answers to a batch.

        Raises:
          NeedsBeamError: there isn't exactly one label, weight and prediction or list of probabilities in each row.
        """
        prediction = _number(tensors["prediction"], "predictions")
        if prediction.ndim not in (1, 2) or len(prediction) != rows or not prediction[:1].size:
            raise NeedsBeamError(f"predictions have the shape {prediction.shape} for {rows} rows")
        weight = self._spec.example_weight_key
        return Answers(
            self._target(self._spec.label_key, tensors, raw, rows),
            prediction[:, 0] if prediction.ndim == 2 and prediction.shape[1] == 1 else prediction,
            self._target(weight, tensors, raw, rows) if weight else None,
        )

    def targets_to_learn(
        self, features: Tensors, raw: Mapping[str, Values]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Label and, where rows have one, weight of a batch, float64 [rows] each; NaN where a row has no number.

        Raises:
          NeedsBeamError: they are not numbers, or no row has them.
        """
        weight = self._spec.example_weight_key
        label, *weights = (
            _first_numbers(self._values(name, features, raw)) for name in (self._spec.label_key, weight) if name
        )
        return label, weights[0] if weights else None

    def _values(self, name: str, features: Tensors, raw: Mapping[str, Values]) -> Values:
        if name in features:
            return Values.of_dense(features[name])
        if name not in raw:
            raise NeedsBeamError(f"rows have no {name!r}")
        return raw[name]

    def _target(self, name: str, tensors: Tensors, raw: Mapping[str, Values], rows: int) -> NDArray[np.float64]:
        """Label or weight, float64 [rows]."""
        values = self._values(name, tensors["features"], raw)
        if len(values.splits) != rows + 1 or (np.diff(values.splits) != 1).any():
            raise NeedsBeamError(f"rows don't have exactly one {name!r} each")
        return _number(values.flat, name)


def _check_root(path: str) -> None:
    """Refuses models that TensorFlow Model Analysis loads as Keras models, or not by TensorFlow 2's loader."""
    file = tf.io.gfile.join(path, tf.saved_model.SAVED_MODEL_FILENAME_PB)
    if not tf.io.gfile.exists(file):
        raise NeedsBeamError(f"there is no {file}")
    with tf.io.gfile.GFile(file, "rb") as content:
        saved = saved_model_pb2.SavedModel.FromString(content.read())
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    if not nodes or nodes[0].user_object.identifier.startswith(_KERAS):
        raise NeedsBeamError("the model was saved by Keras 2 or TensorFlow 1")


def _signature(signatures: Mapping[str, Any], name: str) -> Any:
    """The signature that takes serialized examples in batches of any size."""
    if name not in signatures:
        raise NeedsBeamError(f"the model has no signature {name!r}")
    signature = signatures[name]
    _, arguments = signature.structured_input_signature
    [*names] = arguments
    examples = arguments.get(EXAMPLES_INPUT)
    if len(names) != 1 or not (examples and examples.dtype == tf.string and examples.shape.as_list() == [None]):
        raise NeedsBeamError(f"the signature {name!r} takes {names} instead of serialized {EXAMPLES_INPUT}")
    return signature


def _first_numbers(values: Values) -> NDArray[np.float64]:
    """The first number of each row, float64 [rows]; NaN where there is none.

    Raises:
      NeedsBeamError: they are not numbers.
    """
    found = np.full(len(values.splits) - 1, np.nan)
    present = np.diff(values.splits) > 0
    found[present] = _number(values.flat[values.splits[:-1][present]], "labels or weights")
    return found


def _number(values: NDArray[Any], name: str) -> NDArray[np.float64]:
    if values.dtype.kind not in "iuf":
        raise NeedsBeamError(f"{name!r} are {values.dtype} instead of numbers")
    return values.astype(np.float64)

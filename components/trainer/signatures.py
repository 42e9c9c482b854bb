"""The signatures of the exported model: what a client may ask, and what it gets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from components.artifacts.model import EXAMPLES_INPUT
from components.trainer.transform_graph import MISSING, request_transform
from preprocessing.config import FeaturesConfig, Label
from preprocessing.features import RESERVED_SUFFIX, ModelInput, argument_names, can_be_argument
from preprocessing.input_pipeline import LabelSummary, TransformedData, model_batch


@dataclass(frozen=True)
class RawInput:
    """One raw column as a serving input.

    Attributes:
      column: its name in the table.
      argument: its name in the `serve_features` signature.
      dtype: float32, int64 or string.
      several: whether a row has a list of values.
    """

    column: str
    argument: str
    dtype: tf.DType
    several: bool = False


def raw_inputs(features: FeaturesConfig, raw_spec: dict[str, Any]) -> tuple[RawInput, ...]:
    """The serving inputs: every column that the features use, never the label or the weight."""
    names = argument_names(features.columns())
    lists = features.list_columns()
    return tuple(RawInput(column, name, raw_spec[column].dtype, column in lists) for column, name in names.items())


@dataclass(frozen=True)
class TransformedInput:
    """One model input as an argument of `predict_transformed`.

    Attributes:
      name: as in the transformed examples.
      argument: its name in the signature: the same, or with more suffixes where an argument can't have it: `class`, or
        `Age` beside `age`.
      spec: float32 [batch, size] of a dense input; int64 [batch, 1] of ids.
    """

    name: str
    argument: str
    spec: tf.TensorSpec


def transformed_inputs(inputs: Sequence[ModelInput]) -> tuple[TransformedInput, ...]:
    """The model inputs as arguments, in their own order."""
    arguments: list[TransformedInput] = []
    taken: set[str] = set()
    for each in inputs:
        name = each.name
        while not can_be_argument(name) or name.lower() in taken:
            name += RESERVED_SUFFIX
        taken.add(name.lower())
        shape, dtype = ([None, each.size], tf.float32) if each.kind == "dense" else ([None, 1], tf.int64)
        arguments.append(TransformedInput(each.name, name, tf.TensorSpec(shape, dtype, name=name)))
    return tuple(arguments)


class ServingModule(tf.Module):
    """The Keras model with its preprocessing, as TensorFlow Serving loads it.

    The transform graph is tracked, so its vocabularies travel as assets of the SavedModel.

    Attributes:
      inputs: the raw columns of a request.
      transformed: the arguments of `predict_transformed`.
      evaluation_spec: what `transform_features` parses of a labelled example: each column as Transform does.
    """

    def __init__(
        self,
        model: keras.Model,
        transform: tft.TFTransformOutput,
        features: FeaturesConfig,
        schema: TransformedData,
        summary: LabelSummary,
    ) -> None:
        super().__init__()

        def apply(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
            return model(inputs, training=False)

        # A server restores what the SavedModel's saver knows. Through an attribute that is a Keras 3 model this would
        # be copies of the variables that the graph doesn't read: "Could not find variable" (keras-team/keras#20095).
        self._variables = [variable.value for variable in model.variables]
        self._apply = apply
        raw_spec = transform.raw_feature_spec()
        self._features, self._schema, self._summary = features, schema, summary
        self.inputs = raw_inputs(features, raw_spec)
        self.transformed = transformed_inputs(schema.inputs)
        targets = [name for name in (features.label.column, features.weight) if name is not None]
        # Nothing else of the table: a later change to a column that this model never used must not break it.
        self.evaluation_spec = {name: raw_spec[name] for name in [*(each.column for each in self.inputs), *targets]}
        self._transform = request_transform(
            transform, self.evaluation_spec if features.preprocessing_fn is None else (), features.list_columns()
        )
        self._wanted = [each.name for each in schema.inputs]
        self._all_features = sorted(transform.transformed_feature_spec())

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """The four signatures by name.

        `serving_default`: `examples`, serialized tf.Examples of shape [batch].
        `serve_features`: one tensor of shape [batch] per raw column, of columns of lists [batch, values], in which ""
        fills up the shorter lists; a column that is left out is missing.
        `transform_features`: `examples`; gives the transformed features, for the Evaluator.
        `predict_transformed`: one tensor per model input, see `TransformedInput`; answers as `serving_default`, for
        rows that have been transformed before.
        """
        examples = [tf.TensorSpec([None], tf.string, name=EXAMPLES_INPUT)]
        return {
            "serving_default": tf.function(self._serve_examples, input_signature=examples),
            "serve_features": self._serve_features(),
            "transform_features": tf.function(self._transform_examples, input_signature=examples),
            "predict_transformed": self._predict_transformed(),
        }

    def _serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        columns = [each.column for each in self.inputs]
        return self._answer(self._transform.of_examples(examples, columns, self._wanted))

    def _transform_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._transform.of_examples(examples, list(self.evaluation_spec), self._all_features)

    def _serve_features(self) -> tf.types.experimental.GenericFunction:
        # The default arguments become the signature's defaults, which is how TensorFlow Serving lets a
        # request leave an input out. A default has one row and is repeated to the batch's size.
        defaults = {
            each.argument: tf.fill([1, 1] if each.several else [1], tf.constant(MISSING[each.dtype], each.dtype))
            for each in self.inputs
        }
        specs = {
            name: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype, name=name)
            for name, tensor in defaults.items()
        }

        def serve(features: dict[str, tf.Tensor] = defaults) -> dict[str, tf.Tensor]:
            sizes = tf.stack([tf.shape(tensor)[0] for tensor in features.values()])
            # An empty batch stays empty, whatever was left out.
            rows = tf.where(tf.reduce_min(sizes) == 0, 0, tf.reduce_max(sizes))
            values = {}
            for each in self.inputs:
                given = features[each.argument]
                values[each.column] = tf.broadcast_to(given, [rows, tf.shape(given)[1]] if each.several else [rows])
            return self._answer(self._transform.of_columns(values, self._wanted))

        return tf.function(serve, input_signature=[specs])

    def _predict_transformed(self) -> tf.types.experimental.GenericFunction:
        def predict(arguments: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return self._answer({each.name: arguments[each.argument] for each in self.transformed})

        return tf.function(predict, input_signature=[{each.argument: each.spec for each in self.transformed}])

    def _answer(self, transformed: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        outputs = self._apply(model_batch(transformed, self._schema.inputs))
        return serving_outputs(outputs, self._features.label, self._schema.classes, self._summary)


def serving_outputs(
    outputs: tf.Tensor, label: Label, classes: tuple[str, ...], summary: LabelSummary
) -> dict[str, tf.Tensor]:
    """The model's raw outputs as answers.

    Args:
      outputs: float32 [batch, units]: logits, or the standardised label.

    Returns:
      Classification: `probabilities` float32 [batch, classes], `classes` string [batch, classes], `label` string
      [batch]: the most probable class; of two, the second one above the decision threshold. Regression: `value`
      float32 [batch] in the label's own units.
    """
    if label.task == "regression":
        value = inverse(label)(outputs[:, 0] * summary.std + summary.mean)
        # The exponential of a far outlier is infinite, which JSON has no word for.
        return {"value": tf.clip_by_value(value, tf.float32.min, tf.float32.max)}
    if label.task == "binary":
        positive = tf.sigmoid(outputs[:, :1])
        probabilities = tf.concat([1.0 - positive, positive], axis=1)
        answer = tf.cast(probabilities[:, 1] > label.decision_threshold, tf.int64)
    else:
        probabilities = tf.nn.softmax(outputs)
        answer = tf.argmax(probabilities, axis=1)
    names = tf.constant(classes)
    return {
        "probabilities": probabilities,
        "classes": tf.broadcast_to(names, tf.shape(probabilities)),
        "label": tf.gather(names, answer),
    }


def inverse(label: Label) -> Callable[[tf.Tensor], tf.Tensor]:
    """What turns a regression label on its training scale into the label's own units; it ascends."""
    return {"none": tf.identity, "log": tf.exp, "log1p": tf.math.expm1}[label.transform]

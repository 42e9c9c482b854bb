"""Models whose signatures are not what was promised, or do not answer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from support.zoo.kinds import broken
from support.zoo.tiny import ARGUMENTS, Tensors, TinyModel


@broken("an output of the wrong rank", check="signatures", signature="serve_features", says="[?, 1, 3]")
class WrongOutputRank(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        if signature == "serve_features":
            outputs["probabilities"] = outputs["probabilities"][:, tf.newaxis, :]
        return outputs


@broken(
    "float64 where float32 was promised",
    check="signatures",
    signature="serving_default",
    says="float64 [?, 3] instead of float32 [?, 3]",
)
class Float64Output(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        return outputs | {"probabilities": tf.cast(outputs["probabilities"], tf.float64)}


@broken("int32 where int64 was promised", check="signatures", signature="serve_features", says="year")
class Int32Input(TinyModel):
    def by_column(self, arguments: Mapping[str, str] = ARGUMENTS, **dtypes: str) -> Any:
        return super().by_column(arguments, **dtypes, year="int32")


@broken("an input has another name", check="signatures", signature="serve_features", says="body_mass")
class InputRenamed(TinyModel):
    def by_column(self, arguments: Mapping[str, str] = ARGUMENTS, **dtypes: str) -> Any:
        return super().by_column({**arguments, "mass": "body_mass"}, **dtypes)


@broken("an output has another name", check="signatures", signature="serving_default", says="scores")
class OutputRenamed(TinyModel):
    def serve(self, signature: str, raw: Tensors) -> Tensors:
        outputs = super().serve(signature, raw)
        return outputs | {"scores": outputs.pop("probabilities")} if signature == "serving_default" else outputs


@broken("a promised signature is not there", check="signatures", signature="serve_features", says="no such signature")
class SignatureMissing(TinyModel):
    def signatures(self) -> dict[str, Any]:
        return {name: function for name, function in super().signatures().items() if name != "serve_features"}


@broken(
    "batches of 32 declared in the signature",
    check="signatures",
    signature="serving_default",
    says="string [32] instead of string [?]",
)
class FixedBatchDeclared(TinyModel):
    def signatures(self) -> dict[str, Any]:
        @tf.function(input_signature=[tf.TensorSpec([32], tf.string, name="examples")])
        def serving_default(examples: tf.Tensor) -> Tensors:
            return self.outputs(self.parse(examples))

        return super().signatures() | {"serving_default": serving_default}


@broken("the label must be in the request", check="label_required", signature="serving_default", says="species")
class LabelRequired(TinyModel):
    parsed = TinyModel.parsed | {"species": tf.io.FixedLenFeature([], tf.string)}


@broken("variables that only Python's loader restores", check="answers", says="Could not find variable")
class VariablesOnlyInPython(TinyModel):
    """A tf.Module tracks Keras 3's variables as objects of Keras: those are restored, and not what the graph reads."""

    def __init__(self, vocabulary: Path) -> None:
        super().__init__(vocabulary)
        self.dense = keras.layers.Dense(3, kernel_initializer="identity")
        self.dense.build((None, 3))

    def logits(self, features: Tensors) -> tf.Tensor:
        return self.dense(super().logits(features))

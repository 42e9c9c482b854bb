"""What the export takes from tf.Transform without its documentation: how the SavedModel of a transform graph stands.

The documented way to apply a transform graph is a layer of Keras 2, which takes seconds to trace and to save and calls
the graph as a whole. This module was written for one version of tf.Transform; with any other the export takes that way.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

EXPECTED = "1.21.0"
"""The version of tf.Transform that this module was tried with."""
_READ_ONLY = {"NoOp", "LookupTableFindV2", "LookupTableSizeV2"}
"""What TensorFlow puts in order though it changes nothing: looking things up."""


def as_expected() -> bool:
    """Whether the installed tf.Transform is the one that this module knows."""
    return bool(tft.__version__ == EXPECTED)


class WholeGraph(tf.Module):
    """The transform graph as a function of raw columns by name, without Keras; its tables are tracked."""

    def __init__(self, output: tft.TFTransformOutput) -> None:
        super().__init__()
        self._loader = SavedModelLoader(output.transform_savedmodel_dir)
        # The loader is a plain object: what is saved must see through it.
        self._tracked = dict(vars(self._loader))

    def __call__(self, raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        """The outputs that the given columns are enough for."""
        return dict(self._loader.apply_transform_model(raw))


@dataclass(frozen=True)
class TransformFunction:
    """A transform graph as TensorFlow has loaded it.

    Attributes:
      loaded: the SavedModel; tables live as long as it does, and are saved with what holds it.
      graph: the operations.
      outputs: the tensors of `graph` that are the transformed features, by name.
      captures: where `graph` takes what it captured, by the name of the tensor in it: tables and constants.
    """

    loaded: Any
    graph: tf.Graph
    outputs: dict[str, tf.Tensor]
    captures: dict[str, tf.Tensor]


def transform_function(output: tft.TFTransformOutput) -> TransformFunction | None:
    """Loads a transform graph as its operations.

    Returns:
      None when it can't be taken apart: made in TensorFlow 1's way, or with operations that have to run though no
      output reads them, such as assertions.
    """
    loaded = tf.saved_model.load(output.transform_savedmodel_dir)
    function = getattr(loaded, "transform_fn", None)
    if function is None or not _ordered(function.graph) <= _READ_ONLY:
        return None
    outputs = tf.nest.pack_sequence_as(function.structured_outputs, function.outputs, expand_composites=True)
    external = function.captured_inputs
    internal = function.inputs[len(function.inputs) - len(external) :]
    captures = {inner.name: outer for inner, outer in zip(internal, external, strict=True)}
    return TransformFunction(loaded, function.graph, outputs, captures)


def _ordered(graph: tf.Graph) -> set[str]:
    """The types of the operations that others, or the end of the function, wait for without reading them."""
    waited_for = [each for operation in graph.get_operations() for each in operation.control_inputs]
    return {each.type for each in [*waited_for, *graph.control_outputs]}

"""The names of tf.Transform, and of TensorFlow below it, that the fast path leans on and that are not their API.

Importing it raises NeedsBeamError with another version than that it was written for: the stock executor knows its own.
It also replaces two functions there that ask the whole graph again for each column, which takes minutes of a thousand
columns; these give the same in one pass.
"""

import functools
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow_transform as tft

from components.engine import written_for

VERSION = "1.21.0"

written_for("tf.Transform", VERSION, tft.__version__)

# After the check: another version may have none of these names.
from tensorflow.python.eager.wrap_function import VariableHolder, WrappedFunction  # noqa: E402
from tensorflow.python.util.object_identity import ObjectIdentitySet  # noqa: E402
from tensorflow_transform import (  # noqa: E402
    analyzer_nodes,
    annotators,
    graph_context,
    graph_tools,
    impl_helper,
    nodes,
    tf2_utils,
    tf_utils,
)
from tensorflow_transform.analyzers import _VocabOrderingType as VocabularyOrder  # noqa: E402
from tensorflow_transform.beam.analysis_graph_builder import _ReadyVisitor as ReadyVisitor  # noqa: E402
from tensorflow_transform.beam.analyzer_impls import (  # noqa: E402
    _count_and_token_to_bytes as line_with_count,
)
from tensorflow_transform.beam.analyzer_impls import (  # noqa: E402
    maybe_add_empty_vocabulary_dummy as never_empty,
)
from tensorflow_transform.saved import saved_transform_io_v2  # noqa: E402
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader  # noqa: E402

__all__ = [
    "ReadyVisitor",
    "SavedModelLoader",
    "VariableHolder",
    "VocabularyOrder",
    "WrappedFunction",
    "analyzer_nodes",
    "annotators",
    "graph_context",
    "graph_tools",
    "impl_helper",
    "line_with_count",
    "never_empty",
    "nodes",
    "tf2_utils",
    "tf_utils",
]


stock_outputs_to_inputs = saved_transform_io_v2._get_output_to_inputs_map
stock_source_keys = graph_tools._retrieve_source_keys


def outputs_to_inputs(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Gives what `saved_transform_io_v2._get_output_to_inputs_map` does: the placeholders that each output depends on.

    Args:
      outputs: tensors of one graph.
    """
    sinks = {
        name: [part.op for part in saved_transform_io_v2._get_component_tensors(each)] for name, each in outputs.items()
    }
    placeholders: list[Any] = []
    reached: dict[str, int] = {}  # by operation, a bit for each placeholder
    for operation in next((each.graph.get_operations() for each, *_ in sinks.values()), ()):
        if any(each.op.name not in reached for each in operation.inputs):
            return dict(stock_outputs_to_inputs(outputs))  # a loop of TensorFlow 1
        bits = functools.reduce(operator.or_, (reached[each.op.name] for each in operation.inputs), 0)
        if operation.type == "Placeholder":
            bits |= 1 << len(placeholders)
            placeholders.append(operation)
        reached[operation.name] = bits
    # Most outputs depend on the same columns: what is learned of them is learned together.
    found = {name: functools.reduce(operator.or_, (reached[each.name] for each in ops)) for name, ops in sinks.items()}
    sets = {
        bits: ObjectIdentitySet(
            tensor for at, each in enumerate(placeholders) if bits >> at & 1 for tensor in each.outputs
        )
        for bits in set(found.values())
    }
    return {name: sets[bits] for name, bits in found.items()}


def source_keys(tensors: Iterable[Any], inputs: Mapping[str, Any]) -> set[str]:
    """Gives what `graph_tools._retrieve_source_keys` does: the inputs that some tensors depend on."""
    sources = graph_tools.retrieve_sources([each.op for each in tensors], ignore_control_dependencies=True)
    hashable = {tf_utils.hashable_tensor_or_op(each) for each in sources}
    return {
        key
        for key, value in inputs.items()
        if any(tf_utils.hashable_tensor_or_op(each) in hashable for each in graph_tools._decompose_tensor_or_op(value))
    }


saved_transform_io_v2._get_output_to_inputs_map = outputs_to_inputs
graph_tools._retrieve_source_keys = source_keys

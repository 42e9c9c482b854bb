"""The names of tf.Transform, and of TensorFlow below it, that the fast path leans on and that are not their API.

Importing it raises NeedsBeamError with another version than that it was written for: the stock executor knows its own.
"""

import tensorflow_transform as tft

from components.engine import written_for

VERSION = "1.21.0"

written_for("tf.Transform", VERSION, tft.__version__)

# After the check: another version may have none of these names.
from tensorflow.python.eager.wrap_function import VariableHolder, WrappedFunction  # noqa: E402
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

"""Transform's own SavedModel, run on raw examples."""

from pathlib import Path
from typing import Any

import numpy as np

# Python has put this folder first on the path, as it does for a folder that it runs.
from serving import storable  # type: ignore[import-not-found]
from tensorflow.python.framework import constant_op, dtypes, sparse_tensor
from tensorflow.python.framework.tensor import TensorSpec
from tensorflow.python.ops import parsing_config, parsing_ops, sparse_ops
from tensorflow.python.ops.ragged.ragged_tensor import RaggedTensor
from tensorflow.python.saved_model import load


class TransformGraph:
    """Transform's own SavedModel, for the comparison with what the export does to raw examples."""

    def __init__(self, folder: Path) -> None:
        """Loads it; tensorflow_transform is not needed for that.

        Raises:
          FAILURES: it isn't one.
        """
        self._model = load.load(str(folder))
        self._function = self._model.transform_fn
        # A function traced by Transform is restored with its traces, one that it has pruned comes as the trace itself.
        trace = getattr(self._function, "concrete_functions", [self._function])[0]
        (inputs,), _ = trace.structured_input_signature
        self._spec = {name: _parsing(name, spec) for name, spec in inputs.items()}

    def transform(self, examples: Any) -> dict[str, Any]:
        """The transformed features of serialized examples.

        Args:
          examples: object array of bytes, [batch]. A column may be missing in them, the label too.

        Returns:
          Arrays by name, [batch, ...]; where Transform gives a sparse tensor, filled up with 0 or the empty string.

        Raises:
          FAILURES: the examples can't be transformed.
        """
        parsed = parsing_ops.parse_example_v2(constant_op.constant(examples, dtypes.string), self._spec)
        return {name: storable(_dense(value).numpy()) for name, value in self._function(parsed).items()}


def _parsing(name: str, spec: Any) -> Any:
    if isinstance(spec, sparse_tensor.SparseTensorSpec):
        return parsing_config.VarLenFeature(spec.dtype)
    missing: dict[Any, Any] = {
        dtypes.string: b"",
        dtypes.float32: np.float32("nan"),
        dtypes.int64: np.iinfo(np.int64).min,
    }
    if not isinstance(spec, TensorSpec) or spec.dtype not in missing:
        raise ValueError(f"the transform graph takes {name!r} as {spec}, which tf.Examples can't be parsed into here")
    shape = spec.shape[1:]
    # What the serving signature puts in the place of a missing value, too.
    return parsing_config.FixedLenFeature(shape, spec.dtype, np.full(shape, missing[spec.dtype]))


def _dense(value: Any) -> Any:
    if isinstance(value, sparse_tensor.SparseTensor):
        return sparse_ops.sparse_tensor_to_dense(value)
    return value.to_tensor() if isinstance(value, RaggedTensor) else value

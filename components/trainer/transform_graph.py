"""The transform graph inside the export: from serialized rows, or columns, to transformed features."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from components.trainer import tft_private
from components.trainer.tft_private import TransformFunction
from preprocessing.list_cells import list_cells
from preprocessing.raw_columns import MISSING_INTEGER, entrance_name

logger = logging.getLogger("lockgate")

MISSING: dict[tf.DType, Any] = {tf.float32: np.float32("nan"), tf.int64: MISSING_INTEGER, tf.string: ""}
"""What says "missing" in a raw feature tensor: NaN, the smallest int64, and the empty string."""


class RequestTransform(Protocol):
    """What turns requests into transformed features; to be tracked by what is saved, for its tables."""

    def of_examples(self, examples: tf.Tensor, columns: Sequence[str], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        """Transformed features of serialized tf.Examples.

        Args:
          examples: string [batch].
          columns: what is read of each example.
          wanted: the names of the features, which need no other columns.
        """

    def of_columns(self, values: Mapping[str, tf.Tensor], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        """Transformed features of single values, and of lists.

        Args:
          values: each column as [batch], missing values as in `MISSING`; a column of lists as [batch, values], the
            shorter lists filled up with "".
          wanted: as above.
        """


def request_transform(
    output: tft.TFTransformOutput, columns: Collection[str], lists: Collection[str] = ()
) -> RequestTransform:
    """The leanest way to apply a transform graph.

    Args:
      output: Transform's output.
      columns: the columns that `preprocessing.transform` alone reads; empty when somebody else's function reads the
        raw columns too.
      lists: the columns of lists among all.
    """
    spec = output.raw_feature_spec()
    if not tft_private.as_expected():
        logger.warning(
            "train: expected tensorflow-transform %s, found %s; the model is exported through its Keras layer instead, "
            "which takes longer and answers more slowly",
            tft_private.EXPECTED,
            tft.__version__,
        )
        return _Whole(output.transform_features_layer(), spec)
    names = {column: entrance_name(column) for column in columns}
    function = tft_private.transform_function(output) if columns else None
    if function is not None and set(names.values()) <= {each.name for each in function.graph.get_operations()}:
        return _FromEntrances(function, names, spec, lists)
    return _Whole(tft_private.WholeGraph(output), spec)


class _Whole(tf.Module):
    """Takes raw columns to the graph's own inputs."""

    def __init__(self, transform: Any, spec: Mapping[str, Any]) -> None:
        super().__init__()
        self._transform = transform
        self._spec = dict(spec)

    def of_examples(self, examples: tf.Tensor, columns: Sequence[str], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        raw = tf.io.parse_example(examples, {column: _optional(self._spec[column]) for column in columns})
        return self._outputs(raw, wanted)

    def of_columns(self, values: Mapping[str, tf.Tensor], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        return self._outputs({column: self._as_raw(column, value) for column, value in values.items()}, wanted)

    def _outputs(self, raw: dict[str, Any], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        transformed = self._transform(raw)
        return {name: transformed[name] for name in wanted}

    def _as_raw(self, column: str, value: tf.Tensor) -> tf.Tensor | tf.SparseTensor:
        spec = self._spec[column]
        if isinstance(spec, tf.io.FixedLenFeature):
            return tf.reshape(value, [-1, *spec.shape])
        missing = MISSING[value.dtype]
        if value.shape.rank == 2:
            ragged = tf.RaggedTensor.from_tensor(value)
            there: tf.SparseTensor = tf.ragged.boolean_mask(ragged, tf.not_equal(ragged, missing)).to_sparse()
            return there
        present = ~tf.math.is_nan(value) if value.dtype == tf.float32 else tf.not_equal(value, missing)
        rows = tf.where(present)
        indices = tf.concat([rows, tf.zeros_like(rows)], axis=1)
        return tf.SparseTensor(indices, tf.boolean_mask(value, present), tf.stack([tf.size(value, tf.int64), 1]))


class _FromEntrances(tf.Module):
    """Takes single values, and lists as single cells, to where the graph holds each column as such.

    That is past its dealing with sparse tensors.

    Only the operations between there and the wanted outputs become part of the export.
    """

    def __init__(
        self, function: TransformFunction, names: Mapping[str, str], spec: Mapping[str, Any], lists: Collection[str]
    ) -> None:
        super().__init__()
        self._loaded = function.loaded
        self._function = function
        self._names, self._spec, self._lists = dict(names), dict(spec), frozenset(lists)
        self._graph_def = function.graph.as_graph_def()
        self._table_sizes = _table_sizes(function)
        for node in self._graph_def.node:
            # No order to keep: see `transform_function`.
            data = [each for each in node.input if not each.startswith("^")]
            del node.input[:]
            node.input.extend(data)

    def of_examples(self, examples: tf.Tensor, columns: Sequence[str], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        spec = {column: self._spec[column] for column in columns}
        return self._of_cells(cells(examples, spec, self._lists), wanted)

    def of_columns(self, values: Mapping[str, tf.Tensor], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        lists = {column: list_cells(column, value) for column, value in values.items() if column in self._lists}
        return self._of_cells({**values, **lists}, wanted)

    def _of_cells(self, values: Mapping[str, tf.Tensor], wanted: Collection[str]) -> dict[str, tf.Tensor]:
        fed = {f"{self._names[column]}:0": value for column, value in values.items()}
        sizes = {f"{name}:0": tf.constant(size, tf.int64) for name, size in self._table_sizes.items()}
        outputs = {name: self._function.outputs[name] for name in wanted}
        fed |= sizes
        nodes = self._needed([each.op for each in outputs.values()], fed)
        captured = {name: _inside(tensor) for name, tensor in self._function.captures.items() if _node(name) in nodes}
        part = tf.compat.v1.GraphDef(versions=self._graph_def.versions, library=self._graph_def.library)
        part.node.extend(node for node in self._graph_def.node if node.name in nodes - set(map(_node, captured)))
        # What none of the outputs needs is no input of this part.
        used = {_node(each) for node in part.node for each in node.input}
        fed = {name: value for name, value in fed.items() if _node(name) in used}
        got = tf.graph_util.import_graph_def(
            part, input_map=fed | captured, return_elements=[each.name for each in outputs.values()], name="transform"
        )
        for tensor, output in zip(got, outputs.values(), strict=True):
            tensor.set_shape(output.shape)
        return dict(zip(outputs, got, strict=True))

    def _needed(self, sinks: Sequence[tf.Operation], fed: Collection[str]) -> set[str]:
        """The names of the operations behind some others, up to the tensors that are fed."""
        found: set[str] = set()
        waiting = list(sinks)
        while waiting:
            operation = waiting.pop()
            if operation.name in found:
                continue
            found.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs if tensor.name not in fed]
        return found


def _table_sizes(function: TransformFunction) -> dict[str, int]:
    """How many entries the tables have, by the operation that would ask for it in every request."""
    asking = [each for each in function.graph.get_operations() if each.type == "LookupTableSizeV2"]
    captured = {each.name: function.captures.get(each.inputs[0].name) for each in asking}
    return {
        name: int(tf.raw_ops.LookupTableSizeV2(table_handle=table))
        for name, table in captured.items()
        if table is not None
    }


def _node(tensor: str) -> str:
    return tensor.partition(":")[0]


def _inside(captured: tf.Tensor) -> tf.Tensor:
    """A captured tensor in the graph that is being traced; a number or text as a constant, which can be folded."""
    return tf.identity(captured) if captured.dtype == tf.resource else tf.constant(captured.numpy())


def cells(examples: tf.Tensor, spec: Mapping[str, Any], lists: Collection[str] = ()) -> dict[str, tf.Tensor]:
    """The first value of each column in each row; of columns of lists, all of them in one cell.

    Columns of one type are taken together: on a single row the number of operations is what takes the time.

    Args:
      examples: serialized tf.Examples, string [batch].
      spec: how Transform parses each column.
      lists: the columns of lists, as far as there are some.

    Returns:
      [batch] by column; a row without a value has what `MISSING` says. Lists are as `list_cells` gives them.
    """
    fixed = {name: _optional(each) for name, each in spec.items() if isinstance(each, tf.io.FixedLenFeature)}
    ragged = {
        name: tf.io.RaggedFeature(each.dtype, row_splits_dtype=tf.int64)
        for name, each in spec.items()
        if name not in fixed
    }
    parsed = tf.io.parse_example(examples, fixed | ragged)
    values = {name: list_cells(name, parsed[name]) for name in spec if name in lists}
    values |= {name: tf.reshape(parsed[name], [tf.size(examples), -1])[:, 0] for name in fixed if name not in lists}
    single = {name: each.dtype for name, each in ragged.items() if name not in lists}
    for dtype in dict.fromkeys(single.values()):
        names = [name for name, each in single.items() if each == dtype]
        values |= dict(zip(names, _first_of_each([parsed[name] for name in names], dtype), strict=True))
    return values


def _first_of_each(columns: Sequence[tf.RaggedTensor], dtype: tf.DType) -> list[tf.Tensor]:
    """The first value in each row of ragged columns of one type, each as [batch]."""
    splits = tf.stack([column.row_splits for column in columns])
    ends = tf.cumsum(splits[:, -1:], exclusive=True)
    # Behind all values stands the one for rows that have none.
    values = tf.concat([*(column.values for column in columns), tf.constant([MISSING[dtype]], dtype)], axis=0)
    starts = tf.where(splits[:, 1:] > splits[:, :-1], splits[:, :-1] + ends, tf.size(values, tf.int64) - 1)
    return tf.unstack(tf.gather(values, starts), num=len(columns))


def _optional(spec: Any) -> Any:
    """The column's parsing, without an error where a request leaves out a column that the schema calls required."""
    if isinstance(spec, tf.io.FixedLenFeature):
        return tf.io.FixedLenFeature(spec.shape, spec.dtype, np.full(spec.shape, MISSING[spec.dtype]))
    return spec

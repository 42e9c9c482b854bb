"""What is known of a preprocessing function once it is traced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.transform import tft_private
from components.transform.analysis import Traced


def function(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    first = tf.reshape(tf.sparse.to_dense(inputs["x"])[:, :1], [-1, 1])
    return {"single": tf.squeeze(first, 1), "matrix": first, "bag": tf.tile(first, [1, 5_000])}


def test_the_width_of_a_row_is_known_by_which_batches_are_bounded(tmp_path: Path) -> None:
    traced = Traced.of(function, {"x": tf.io.VarLenFeature(tf.float32)}, str(tmp_path))
    assert traced.width == 5_002


def test_what_outputs_depend_on_is_what_tf_transform_finds() -> None:
    """Of a graph with a table, a branch and a sparse input; and that it is found in one pass over the operations."""
    spec = {name: tf.TensorSpec([None, 1], tf.float32) for name in "abc"}
    spec |= {"text": tf.SparseTensorSpec([None, None], tf.string), "unused": tf.TensorSpec([None], tf.int64)}

    @tf.function(input_signature=[spec])
    def function(inputs: dict[str, Any]) -> dict[str, Any]:
        keys = tf.lookup.KeyValueTensorInitializer(["x", "y"], [1, 2], tf.string, tf.int64)
        table = tf.lookup.StaticHashTable(keys, 0)
        words = tf.SparseTensor(inputs["text"].indices, table.lookup(inputs["text"].values), inputs["text"].dense_shape)
        total = inputs["a"] + tf.cond(tf.size(inputs["b"]) > 3, lambda: inputs["c"], lambda: tf.zeros_like(inputs["c"]))
        return {"a": inputs["a"] * 2, "total": total, "again": total + 1, "words": words, "constant": tf.constant(1)}

    graph = function.get_concrete_function().graph
    outputs = tf.nest.pack_sequence_as(graph.structured_outputs, graph.outputs, expand_composites=True)
    found, expected = tft_private.outputs_to_inputs(outputs), tft_private.stock_outputs_to_inputs(outputs)
    assert {name: {each.name for each in inputs} for name, inputs in found.items()} == {
        name: {each.name for each in inputs} for name, inputs in expected.items()
    }
    assert len(found["total"]) == 3
    assert len(found["constant"]) == 0
    [inputs], _ = graph.structured_input_signature
    placeholders = tf.nest.pack_sequence_as(inputs, graph.inputs[: len(tf.nest.flatten(inputs, True))], True)
    for name in outputs:
        tensors = tf.nest.flatten(outputs[name], expand_composites=True)
        keys = tft_private.source_keys(tensors, placeholders)
        assert keys == tft_private.stock_source_keys(tensors, placeholders)
    assert keys == set()
    assert tft_private.source_keys([outputs["total"]], placeholders) == {"a", "b", "c"}

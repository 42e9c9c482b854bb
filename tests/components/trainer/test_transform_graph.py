"""Requests through the transform graph, against tf.Transform's own layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from components.trainer import tft_private
from components.trainer.transform_graph import cells, request_transform

World = Any
NAN, MIN_INT = float("nan"), np.iinfo(np.int64).min


def answers(transformed: dict[str, tf.Tensor]) -> dict[str, Any]:
    return {name: (tensor.dtype, tensor.numpy().tolist()) for name, tensor in transformed.items()}


def serialized(**features: list[Any]) -> bytes:
    made = {}
    for name, values in features.items():
        if name == "text":
            made[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif name == "count":
            made[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            made[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def test_the_first_value_of_each_row() -> None:
    spec = {
        "size": tf.io.VarLenFeature(tf.float32),
        "text": tf.io.VarLenFeature(tf.string),
        "width": tf.io.VarLenFeature(tf.float32),
        "count": tf.io.FixedLenFeature([1], tf.int64),
    }
    rows = [
        serialized(size=[1.5], text=[b"a"], count=[3], width=[7.0]),
        serialized(width=[8.0, 9.0]),
        serialized(size=[], text=[b"b", b"c"], count=[4]),
        serialized(size=[2.5, 3.5, 4.5], text=[b""]),
    ]
    got = {name: tensor.numpy().tolist() for name, tensor in cells(tf.constant(rows), spec).items()}
    assert got["text"] == [b"a", b"", b"b", b""]
    assert got["count"] == [3, MIN_INT, 4, MIN_INT]
    np.testing.assert_array_equal(got["size"], [1.5, NAN, NAN, 2.5])
    np.testing.assert_array_equal(got["width"], [7.0, 8.0, NAN, NAN])
    nothing = cells(tf.constant([], tf.string), spec)
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in nothing.items()} == {
        name: (each.dtype, [0]) for name, each in spec.items()
    }


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="Data types don't match"):
        cells(tf.constant([serialized(size=[1.0])]), {"size": tf.io.VarLenFeature(tf.int64)})


@pytest.mark.slow
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_features_are_those_of_the_documented_layer(
    world: Callable[[str], World], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, task: str
) -> None:
    made = world(task)
    output = tft.TFTransformOutput(str(made.graph))
    columns = list(made.features.columns())
    wanted = [name for name in output.transformed_feature_spec() if not name.startswith(("label", "weight"))]
    examples = tf.constant([*made.serialized("test"), b""])
    values = cells(examples, {name: output.raw_feature_spec()[name] for name in columns})
    ours = request_transform(output, columns if made.features.preprocessing_fn is None else ())
    # Of somebody else's function nobody knows where a column is single, nor whether it is.
    assert type(ours).__name__ == ("_Whole" if task == "multiclass" else "_FromEntrances")
    monkeypatch.setattr(tft_private, "EXPECTED", "0.0.0")
    layer = request_transform(output, columns)
    assert "expected tensorflow-transform 0.0.0" in caplog.text

    by_example, by_column = (
        tf.function(lambda: ours.of_examples(examples, columns, wanted))(),
        # As arguments: a request's values are symbolic where the export is traced.
        tf.function(lambda given: ours.of_columns(given, wanted))(values),
    )
    expected = tf.function(lambda: layer.of_examples(examples, columns, wanted))()
    assert answers(by_example) == answers(expected)
    assert answers(by_column) == answers(expected)
    assert set(expected) == set(wanted)
    assert {name: tensor.shape.rank for name, tensor in by_column.items()} == {
        name: tensor.shape.rank for name, tensor in expected.items()
    }


@pytest.mark.slow
def test_only_what_an_answer_needs_is_exported(world: Callable[[str], World]) -> None:
    made = world("binary")
    output = tft.TFTransformOutput(str(made.graph))
    columns = list(made.features.columns())
    ours = request_transform(output, columns)

    values = cells(tf.constant([b"", b""]), {name: output.raw_feature_spec()[name] for name in columns})
    names = [name for name in output.transformed_feature_spec() if not name.startswith(("label", "weight"))]
    one = tf.function(lambda given: ours.of_columns(given, ["colour_id_xf"]))
    whole = tf.function(lambda given: ours.of_columns(given, names))
    concrete = one.get_concrete_function(values)
    # One table: neither the label's, nor those of other columns.
    assert sum(each.dtype == tf.resource for each in concrete.captured_inputs) == 1
    assert 2 * len(concrete.graph.get_operations()) < len(whole.get_concrete_function(values).graph.get_operations())
    kinds = {each.type for each in whole.get_concrete_function(values).graph.get_operations()}
    assert "LookupTableFindV2" in kinds
    assert not {"LookupTableSizeV2", "SparseToDense", "SparseSlice"} & kinds
    # The most frequent colour of the table, see conftest.py, and none.
    assert one(values | {"colour": tf.constant(["colour", ""])})["colour_id_xf"].numpy().tolist() == [[1], [0]]

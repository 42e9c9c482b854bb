"""The numbers and words of a graph, read as data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.zoo import tf1

from components.smoke_test.export.constants import Constants, read_constants
from components.smoke_test.export.graph import tensor_of
from components.smoke_test.export.saved_model import read_export

SERVING = Path("model", "Format-Serving")


class Model(tf.Module):
    """Compares, divides, looks up, and holds small and large variables."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.limits = tf.Variable([2.5, 7.25])
        self.size = tf.Variable([48, 3])
        self.weights = tf.Variable(np.full((12, 12), 0.123, np.float32))
        file = folder / "words.txt"
        file.write_bytes(b"red\r\ngreen\n")
        whole_line, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        initializer = tf.lookup.TextFileInitializer(str(file), tf.string, whole_line, tf.int64, number)
        self.colours = tf.lookup.StaticHashTable(initializer, -1)
        keys, values = tf.constant(["Bonn", "Celle"]), tf.constant([0, 1], tf.int64)
        self.cities = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
        rivers = tf.lookup.KeyValueTensorInitializer(tf.constant(["Rhein", "Elbe"]), values)
        self.rivers = tf.lookup.StaticVocabularyTable(rivers, num_oov_buckets=1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x"), tf.TensorSpec([None], tf.string)])
    def serve(self, x: tf.Tensor, text: tf.Tensor) -> dict[str, tf.Tensor]:
        many = tf.cond(tf.size(x) > 777, lambda: tf.zeros_like(x), lambda: x / 13.5)
        buckets = tf.raw_ops.Bucketize(input=x, boundaries=[0.75, 1.75])
        known = self.colours.lookup(text) + self.cities.lookup(text) + self.rivers.lookup(text)
        known += tf.cast(tf.equal(text, "yes"), tf.int64)
        shaped = tf.reshape(tf.zeros(self.size), [-1])[0] + tf.reduce_sum(self.limits) + self.weights[0, 0]
        return {"y": many + tf.cast(buckets, tf.float32) + tf.cast(known, tf.float32) + shaped}

    @tf.function(input_signature=[])
    def unused(self) -> tf.Tensor:
        return tf.constant(4321) + 1234


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Constants:
    folder = tmp_path_factory.mktemp("constants")
    model = Model(folder)
    tf.saved_model.save(model, str(folder / SERVING), signatures={"serving_default": model.serve})
    return read_constants(read_export(folder / SERVING))


def test_sizes_and_thresholds_are_found_with_their_place(found: Constants) -> None:
    assert "Const Greater/y of function" in found.integers[777]
    assert found.integers[48] == found.integers[3] == "the variable size"
    assert {13.5, 0.75, 1.75, 2.5, 7.25} <= set(found.floats)
    assert "truediv" in found.floats[13.5]
    assert found.floats[0.75].startswith("Bucketize")


def test_weights_and_what_no_signature_reaches_are_left_out(found: Constants) -> None:
    assert not {4321, 1234} & set(found.integers)
    assert not any(abs(each - 0.123) < 1e-6 for each in found.floats)


def test_casts_of_an_int64(found: Constants) -> None:
    assert found.narrowed == {"float32"}


def test_what_something_is_compared_with_comes_first(found: Constants) -> None:
    order = list(found.integers)
    assert order.index(777) < order.index(1)


def test_the_vocabularies_are_those_of_assets_tables_and_comparisons(found: Constants) -> None:
    words = {each.words: each.where for each in found.vocabularies}
    assert words[(b"red", b"green")] == "the asset words.txt"
    assert "table" in words[(b"Bonn", b"Celle")] or "Const" in words[(b"Bonn", b"Celle")]
    assert "comparisons" in words[(b"yes",)]


def test_whether_unknown_words_get_a_place_beyond_those_of_the_table(found: Constants) -> None:
    apart = {each.words: each.apart for each in found.vocabularies}
    assert apart[(b"Rhein", b"Elbe")]
    assert not apart[(b"red", b"green")]
    assert not apart[(b"Bonn", b"Celle")]


def test_a_graph_of_tensorflow_1(tmp_path: Path) -> None:
    def build() -> tf1.Graph:
        x = tf1.numbers()
        rows = tf.shape(x)[0]
        return tf1.Graph({"x": x}, {"y": tf1.dense(x, 2) + tf.cast(rows % 96, tf.float32)})

    tf1.save(tmp_path, build)
    assert "mod" in read_constants(read_export(tmp_path / SERVING)).integers[96]


def test_a_tensor_that_claims_to_be_large_is_not_made() -> None:
    def const(shape: list[int]) -> Any:
        node = tf.compat.v1.NodeDef(name="c", op="Const")
        tensor = node.attr["value"].tensor
        tensor.dtype = tf.float32.as_datatype_enum
        for size in shape:
            tensor.tensor_shape.dim.add().size = size
        tensor.float_val.extend([1.0])
        return node

    assert tensor_of(const([10**6, 10**6]), 4096) is None
    assert tensor_of(const([-1]), 4096) is None
    assert tensor_of(const([2]), 4096).tolist() == [1.0, 1.0]  # type: ignore[union-attr]


def test_without_variables_there_are_fewer(tmp_path: Path) -> None:
    model = Model(tmp_path)
    tf.saved_model.save(model, str(tmp_path / SERVING), signatures={"serving_default": model.serve})
    for file in (tmp_path / SERVING / "variables").iterdir():
        file.write_bytes(b"damaged")
    constants = read_constants(read_export(tmp_path / SERVING))
    assert 777 in constants.integers
    assert 48 not in constants.integers

"""What a graph takes for a column that a tf.Example lacks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from components.smoke_test.export.parsed_features import parsed_defaults
from components.smoke_test.export.saved_model import read_export

NUMBER = tf.io.FixedLenFeature([], tf.float32, 44.0)
PAIR = tf.io.FixedLenFeature([2], tf.int64, [3, 4])
WORD = tf.io.FixedLenFeature([], tf.string, "none")
NEEDED = tf.io.FixedLenFeature([], tf.float32)
LIST = tf.io.VarLenFeature(tf.float32)


def size(*parsed: dict[str, Any]) -> dict[str, tf.Tensor]:
    tensors = [getattr(each, "values", each) for features in parsed for each in features.values()]
    return {"size": tf.add_n([tf.size(each) for each in tensors])}


def once(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    return size(
        tf.io.parse_example(examples, {"number": NUMBER, "pair": PAIR, "word": WORD, "needed": NEEDED, "list": LIST})
    )


def in_a_function(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    return tf.function(once, autograph=False)(examples)


def seen_as_a_list_too(examples: tf.Tensor) -> dict[str, tf.Tensor]:
    spec = {"pair": PAIR, "word": WORD, "number": LIST}
    return size(tf.io.parse_example(examples, {"number": NUMBER}), tf.io.parse_example(examples, spec))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (once, {"number": [44.0], "pair": [3, 4], "word": [b"none"]}),
        (in_a_function, {"number": [44.0], "pair": [3, 4], "word": [b"none"]}),
        (seen_as_a_list_too, {"pair": [3, 4], "word": [b"none"]}),
    ],
)
def test_the_defaults_by_column(function: Callable[..., Any], expected: dict[str, list[Any]], tmp_path: Path) -> None:
    serve = tf.function(function, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures={"serving_default": serve})
    export = read_export(tmp_path)
    [info] = export.meta_graph.signature_def["serving_default"].inputs.values()
    found = parsed_defaults(export.graph, info.name)
    assert {name: values.tolist() for name, values in found.items()} == expected

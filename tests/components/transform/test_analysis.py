"""What is known of a preprocessing function once it is traced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.transform.analysis import Traced


def function(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    first = tf.reshape(tf.sparse.to_dense(inputs["x"])[:, :1], [-1, 1])
    return {"single": tf.squeeze(first, 1), "matrix": first, "bag": tf.tile(first, [1, 5_000])}


def test_the_width_of_a_row_is_known_by_which_batches_are_bounded(tmp_path: Path) -> None:
    traced = Traced.of(function, {"x": tf.io.VarLenFeature(tf.float32)}, str(tmp_path))
    assert traced.width == 5_002

"""The stock pipeline's preprocessing: z-scores, vocabularies and quantile buckets, one analyzer a column."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from .features import BUCKETS, COLUMNS, OOV_SIZE, transformed_name


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, Any]:
    """Transform's callback.

    Args:
      inputs: sparse or dense tensors by column.
      custom_config: `table`, a name in `COLUMNS`.

    Returns:
      Tensors by transformed name; the label is 0 or 1.
    """
    columns = COLUMNS[custom_config["table"]]
    outputs = {}
    for key in columns.dense:
        outputs[transformed_name(key)] = tft.scale_to_z_score(_filled(inputs[key]))
    for key in columns.vocabularies:
        outputs[transformed_name(key)] = tft.compute_and_apply_vocabulary(
            _filled(inputs[key]), top_k=columns.vocabulary_size, num_oov_buckets=OOV_SIZE
        )
    for key in columns.buckets:
        outputs[transformed_name(key)] = tft.bucketize(_filled(inputs[key]), BUCKETS)
    label = _filled(inputs[columns.label])
    outputs[transformed_name(columns.label)] = tf.cast(tf.equal(label, columns.positive), tf.int64)
    return outputs


def _filled(values: Any) -> Any:
    """A dense tensor in which "" or 0 stands for a missing value."""
    if not isinstance(values, tf.sparse.SparseTensor):
        return values
    default = "" if values.dtype == tf.string else 0
    column = tf.SparseTensor(values.indices, values.values, [values.dense_shape[0], 1])
    return tf.squeeze(tf.sparse.to_dense(column, default), axis=1)

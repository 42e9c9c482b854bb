"""The tf.Transform function: raw columns in, model inputs out. All preprocessing is in this graph.

Whatever is learned from data (means, vocabularies, quantiles) is learned from the training split by
tf.Transform's analyzers and travels inside the exported model, so that serving computes what training did.
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from preprocessing import raw_columns
from preprocessing.config import BooleanFeature, CategoricalFeature, FeaturesConfig, Label, NumericFeature
from preprocessing.dates import date_inputs
from preprocessing.features import (
    LABEL,
    LABEL_VOCABULARY,
    ROW_KEY,
    WEIGHT,
    cross_name,
    planned_inputs,
    transformed,
    vocabulary_name,
)
from preprocessing.missing import MissingWords
from preprocessing.own_function import Inputs, Outputs, own_inputs
from preprocessing.vocabularies import as_lines

FEATURES_KEY = "features"
"""The key of the `features:` section, as JSON, in Transform's `custom_config`."""
MISSING_KEY = "missing"
"""There too: the `MissingWords`, as JSON."""
_CROSS_SEPARATOR = "\x1f"
_FARTHEST = 1e5
"""How many standard deviations (or widths of the range) from its mean (or lowest) a scaled number may lie."""


def preprocessing_fn(inputs: Inputs, custom_config: Mapping[str, Any]) -> Outputs:
    """Turns raw columns into model inputs, the label, the weight and the row key.

    Args:
      inputs: every column of the schema by name: SparseTensor, or Tensor where the schema fixes a shape;
        string, int64 or float32.
      custom_config: the `features:` section as JSON, under `FEATURES_KEY`, and the words that mean missing, under
        `MISSING_KEY`: a request may hold what stands in the table.

    Returns:
      Tensors of shape [batch, k]: float32 for dense inputs, int64 for ids, label classes and the row key. The user's
      own may also have shape [batch], see `preprocessing.input_pipeline.model_batch`.

    Raises:
      UserError: two tensors would have one name, or the user's own function fails (see `own_inputs`).
    """
    features = FeaturesConfig.from_json(custom_config[FEATURES_KEY])
    planned_inputs(features)  # refuses names that clash
    used = [*features.columns(), features.label.column, *([features.weight] if features.weight else [])]
    words = MissingWords.from_json(custom_config[MISSING_KEY])
    # Serving sends neither label nor weight.
    columns = {
        name: raw_columns.without_missing(raw_columns.entrance(name, raw_columns.single(inputs[name])), words.of(name))
        for name in used
        if name in inputs
    }
    outputs: Outputs = {}
    categories: dict[str, tf.Tensor] = {}
    for numeric in features.numeric:
        for column in numeric.columns:
            outputs |= _numeric(columns[column], column, numeric, categories)
    for categorical in features.categorical:
        for column in categorical.columns:
            outputs |= _categorical(columns[column], column, categorical, categories)
    for boolean in features.boolean:
        for column in boolean.columns:
            outputs |= _boolean(columns[column], column, boolean, categories)
    for datetime in features.datetime:
        for column in datetime.columns:
            outputs |= date_inputs(columns[column], column, datetime)
    for cross in features.crosses:
        joined = tf.strings.join([categories[column] for column in cross.columns], _CROSS_SEPARATOR)
        outputs[cross_name(cross.columns)] = tf.strings.to_hash_bucket_fast(joined, cross.hash_buckets)
    if features.label.column in columns:
        outputs[LABEL] = _label(columns[features.label.column], features.label)
    if features.weight in columns:
        outputs[WEIGHT] = _weight(columns[features.weight])
    outputs[ROW_KEY] = raw_columns.row_key([columns[column] for column in features.columns()])
    # The user's own stay as they are: an id would lose the size of its vocabulary, which TFT ties to the tensor.
    return {name: _as_matrix(tensor) for name, tensor in outputs.items()} | own_inputs(inputs, features, words)


def _as_matrix(tensor: tf.Tensor) -> tf.Tensor:
    return tensor if tensor.shape.rank == 2 else tf.expand_dims(tensor, -1)


def _as_float(flag: tf.Tensor) -> tf.Tensor:
    return tf.cast(flag, tf.float32)


def _numeric(values: tf.Tensor, column: str, feature: NumericFeature, categories: dict[str, tf.Tensor]) -> Outputs:
    raw = raw_columns.numbers(values)
    missing = tf.math.is_nan(raw)
    outputs: Outputs = {}
    if feature.missing.indicator:
        outputs[transformed(column, "missing")] = _as_float(missing)
    # The statistics are those of the numbers that are there, so that one pass over the data finds both
    # the fill value and the scale.
    if feature.bucketed:
        clipped = _clip(raw, feature)
        bucket = _bucket(clipped, ~missing, feature)
        # Id 0 is the bucket of missing numbers.
        ids = tf.where(missing, tf.zeros_like(bucket), bucket + 1)
        outputs[transformed(column, "bucket")] = ids
        categories[column] = tf.strings.as_string(ids)
        return outputs
    present = raw_columns.where_present(raw, ~missing)
    shaped = tf.SparseTensor(present.indices, _shape_number(present.values, feature), present.dense_shape)
    filled = tf.where(missing, _fill_value(present, feature), raw)
    outputs[transformed(column, "number")] = _scale(_shape_number(filled, feature), shaped, feature)
    return outputs


def _clip(x: tf.Tensor, feature: NumericFeature) -> tf.Tensor:
    return x if feature.clip is None else tf.clip_by_value(x, *feature.clip)


def _shape_number(x: tf.Tensor, feature: NumericFeature) -> tf.Tensor:
    x = _clip(x, feature)
    return tf.sign(x) * tf.math.log1p(tf.abs(x)) if feature.log1p else x


def _fill_value(present: tf.SparseTensor, feature: NumericFeature) -> tf.Tensor:
    if feature.missing.fill == "constant":
        return tf.constant(feature.missing.value, tf.float32)
    if feature.missing.fill == "mean":
        value = tft.mean(present)
    else:
        value = tf.reduce_mean(tft.quantiles(present.values, num_buckets=2, epsilon=0.001))
    # A column without a single number in the training split has no mean; 0 stands in.
    return tf.where(tf.math.is_finite(value), value, tf.zeros_like(value))


def _scale(x: tf.Tensor, present: tf.SparseTensor, feature: NumericFeature) -> tf.Tensor:
    if feature.scale == "z_score":
        mean, variance = tft.mean(present), tft.var(present)
        return _bounded(tf.math.divide_no_nan(x - mean, tf.sqrt(variance)))
    if feature.scale == "min_max":
        low, high = tft.min(present), tft.max(present)
        return _bounded(tf.math.divide_no_nan(x - low, high - low))
    return x


def _bounded(x: tf.Tensor) -> tf.Tensor:
    # 0 where there is no scale. The bound is for requests: larger numbers would overflow in the model and make NaN of
    # its answer, while no training row is cut, as one of n rows is at most sqrt(n - 1) standard deviations away.
    return tf.where(tf.math.is_nan(x), tf.zeros_like(x), tf.clip_by_value(x, -_FARTHEST, _FARTHEST))


def _bucket(x: tf.Tensor, present: tf.Tensor, feature: NumericFeature) -> tf.Tensor:
    if feature.bucket_boundaries is not None:
        return tf.cast(tf.raw_ops.Bucketize(input=x, boundaries=list(feature.bucket_boundaries)), tf.int64)
    values = raw_columns.where_present(x, present).values
    boundaries = tft.quantiles(values, num_buckets=feature.quantile_buckets, epsilon=0.001)
    return tft.apply_buckets(x, boundaries)


def _categorical(
    values: tf.Tensor, column: str, feature: CategoricalFeature, categories: dict[str, tf.Tensor]
) -> Outputs:
    raw = raw_columns.strings(values)
    missing = tf.equal(raw, "")
    outputs: Outputs = {}
    if feature.indicator:
        outputs[transformed(column, "missing")] = _as_float(missing)
    filled = raw if feature.fill is None else tf.where(missing, tf.constant(feature.fill), raw)
    categories[column] = filled
    if feature.hash_buckets is not None:
        ids = tf.strings.to_hash_bucket_fast(filled, feature.hash_buckets)
    else:
        lines = as_lines(filled) if values.dtype == tf.string else filled
        vocabulary = tft.vocabulary(
            raw_columns.where_present(lines, tf.not_equal(lines, "")),
            top_k=feature.top_k,
            frequency_threshold=feature.min_frequency,
            vocab_filename=vocabulary_name(column),
        )
        ids = tft.apply_vocabulary(lines, vocabulary, num_oov_buckets=feature.oov_buckets)
    # Id 0 is the category of missing values.
    outputs[transformed(column, "id")] = tf.where(tf.equal(filled, ""), tf.zeros_like(ids), ids + 1)
    return outputs


def _boolean(values: tf.Tensor, column: str, feature: BooleanFeature, categories: dict[str, tf.Tensor]) -> Outputs:
    raw = tf.strings.lower(raw_columns.strings(values), encoding="utf-8")
    yes = raw_columns.is_one_of(raw, [value.lower() for value in feature.true_values])
    no = raw_columns.is_one_of(raw, [value.lower() for value in feature.false_values])
    flag = tf.where(yes, 1.0, tf.where(no, 0.0, feature.fill))
    outputs = {transformed(column, "flag"): flag}
    if feature.indicator:
        outputs[transformed(column, "missing")] = _as_float(~(yes | no))
    categories[column] = tf.where(yes, "1", tf.where(no, "0", ""))
    return outputs


def _label(raw: tf.Tensor, label: Label) -> tf.Tensor:
    """The label: class ids with -1 for a missing or unknown class, or numbers with NaN for one that can't be learnt.

    The data gate refuses such rows, unless `data_gate.label_values` lets them through: the training leaves them out.
    """
    if label.task == "regression":
        value = raw_columns.numbers(raw)
        if label.transform == "log":
            return tf.math.log(value)
        return tf.math.log1p(value) if label.transform == "log1p" else value
    names = raw_columns.strings(raw)
    if label.classes is not None:
        matches = tf.equal(tf.expand_dims(names, -1), tf.constant(label.classes))
        ids = tf.argmax(tf.cast(matches, tf.int64), axis=-1)
        return tf.where(tf.reduce_any(matches, axis=-1), ids, -tf.ones_like(ids))
    lines = as_lines(names) if raw.dtype == tf.string else names
    present = raw_columns.where_present(lines, tf.not_equal(lines, ""))
    vocabulary = tft.vocabulary(present, vocab_filename=LABEL_VOCABULARY)
    return tft.apply_vocabulary(lines, vocabulary, default_value=-1)


def _weight(raw: tf.Tensor) -> tf.Tensor:
    """The weight, 0 for what is none: the data gate refuses that, unless `data_gate.weights` lets it through."""
    weight = raw_columns.numbers(raw)
    return tf.where(tf.math.is_nan(weight), tf.zeros_like(weight), tf.maximum(weight, 0.0))

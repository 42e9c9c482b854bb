"""The tf.Transform function: raw columns in, model inputs out. All preprocessing is in this graph.

Whatever is learned from data (means, vocabularies, quantiles) is learned from the training split by
tf.Transform's analyzers and travels inside the exported model, so that serving computes what training did.
"""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from preprocessing import raw_columns
from preprocessing.bags import list_inputs, text_inputs
from preprocessing.config import BooleanFeature, CategoricalFeature, FeaturesConfig, Label
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
from preprocessing.list_cells import list_cells
from preprocessing.missing import MissingWords
from preprocessing.numeric import numeric_inputs, quotient
from preprocessing.own_function import Inputs, Outputs, own_inputs
from preprocessing.packed import Packed
from preprocessing.vocabularies import as_lines

FEATURES_KEY = "features"
"""The key of the `features:` section, as JSON, in Transform's `custom_config`."""
MISSING_KEY = "missing"
"""There too: the `MissingWords`, as JSON."""
_CROSS_SEPARATOR = "\x1f"


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
    words = MissingWords.from_json(custom_config[MISSING_KEY])
    lists = features.list_columns()
    singles = _single({name: inputs[name] for name in features.columns() if name not in lists}, words)
    cells = {name: raw_columns.entrance(name, list_cells(name, inputs[name])) for name in lists}
    columns = singles | cells
    outputs: Outputs = _learned_inputs(columns, cells, features, words)
    categories: dict[str, tf.Tensor] = {}
    outputs |= _categorical_inputs(columns, features, categories)
    for boolean in features.boolean:
        for column in boolean.columns:
            outputs |= _boolean(columns[column], column, boolean, categories)
    for cross in features.crosses:
        crossed = [_category(column, categories, outputs) for column in cross.columns]
        joined = tf.strings.join(crossed, _CROSS_SEPARATOR)
        outputs[cross_name(cross.columns)] = tf.strings.to_hash_bucket_fast(joined, cross.hash_buckets)
    # Serving sends neither label nor weight, so nothing else may be computed beside them.
    if (label := features.label.column) in inputs:
        outputs[LABEL] = _label(_single({label: inputs[label]}, words)[label], features.label)
    if (weight := features.weight) is not None and weight in inputs:
        outputs[WEIGHT] = _weight(_single({weight: inputs[weight]}, words)[weight])
    outputs[ROW_KEY] = raw_columns.row_key([columns[column] for column in features.columns()])
    # The user's own stay as they are: an id would lose the size of its vocabulary, which TFT ties to the tensor.
    return {name: _as_matrix(tensor) for name, tensor in outputs.items()} | own_inputs(inputs, features, words)


def _learned_inputs(
    columns: Mapping[str, tf.Tensor], cells: Mapping[str, tf.Tensor], features: FeaturesConfig, words: MissingWords
) -> Outputs:
    """The inputs of numbers, dates, lists and text, which learn from the rows: all is asked before any is given."""
    packed = Packed()
    learning: list[Callable[[], Outputs]] = [
        numeric_inputs({column: columns[column] for column in numeric.columns}, numeric, packed)
        for numeric in features.numeric
    ]
    learning += [numeric_inputs({ratio.name: quotient(columns, ratio)}, ratio, packed) for ratio in features.ratios]
    for datetime in features.datetime:
        learning += [date_inputs(columns[column], column, datetime, packed) for column in datetime.columns]
    for listed in features.lists:
        learning += [
            list_inputs(cells[each], each, listed, words.of(each), packed, words.separators.get(each))
            for each in listed.columns
        ]
    for text in features.text:
        texts = raw_columns.all_strings({column: columns[column] for column in text.columns})
        learning += [text_inputs(texts[column], column, text, packed) for column in text.columns]
    outputs: Outputs = {}
    for give in learning:
        outputs |= give()
    return outputs


def _single(columns: Inputs, words: MissingWords) -> dict[str, tf.Tensor]:
    """One value per row and column, see `raw_columns.single`, none of which is a text that means missing."""
    given = {name: raw_columns.entrance(name, column) for name, column in raw_columns.singles(columns).items()}
    return raw_columns.all_without_missing(given, words)


def _as_matrix(tensor: tf.Tensor) -> tf.Tensor:
    return tensor if tensor.shape.rank == 2 else tf.expand_dims(tensor, -1)


def _as_float(flag: tf.Tensor) -> tf.Tensor:
    return tf.cast(flag, tf.float32)


def _category(column: str, categories: Mapping[str, tf.Tensor], outputs: Outputs) -> tf.Tensor:
    """What a cross is made of: strings of shape [batch]; of a bucketed column the ids."""
    return (
        categories[column]
        if column in categories
        else tf.strings.as_string(outputs[transformed(column, "bucket")][:, 0])
    )


def _categorical_inputs(
    columns: Mapping[str, tf.Tensor], features: FeaturesConfig, categories: dict[str, tf.Tensor]
) -> Outputs:
    """The ids of all categorical columns, [batch, 1] each; what is the same for all of them is done side by side."""
    settings = {column: feature for feature in features.categorical for column in feature.columns}
    if not settings:
        return {}
    texts = raw_columns.all_strings({column: columns[column] for column in settings})
    missing = tf.equal(tf.stack(list(texts.values()), axis=1), "")
    outputs: Outputs = {}
    ids = []
    for place, (column, feature) in enumerate(settings.items()):
        if feature.indicator:
            outputs[transformed(column, "missing")] = _as_float(missing[:, place])
        filled = texts[column]
        if feature.fill is not None:
            filled = tf.where(missing[:, place], tf.constant(feature.fill), filled)
        categories[column] = filled
        ids.append(_category_ids(filled, columns[column].dtype, column, feature))
    # Id 0 is the category of missing values, where they aren't filled.
    absent = missing & tf.constant([not feature.fill for feature in settings.values()])
    matrix = tf.where(absent, tf.constant(0, tf.int64), tf.stack(ids, axis=1) + 1)
    names = [transformed(column, "id") for column in settings]
    return outputs | dict(zip(names, tf.split(matrix, len(names), axis=1), strict=True))


def _category_ids(filled: tf.Tensor, dtype: tf.DType, column: str, feature: CategoricalFeature) -> tf.Tensor:
    """Ids from 0 on, int64 [batch]; any id for the empty text."""
    if feature.hash_buckets is not None:
        return tf.strings.to_hash_bucket_fast(filled, feature.hash_buckets)
    lines = as_lines(filled) if dtype == tf.string else filled
    # TFT leaves out empty strings itself.
    vocabulary = tft.vocabulary(
        lines,
        top_k=feature.top_k,
        frequency_threshold=feature.min_frequency,
        vocab_filename=vocabulary_name(column),
    )
    return tft.apply_vocabulary(lines, vocabulary, num_oov_buckets=feature.oov_buckets)


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
    vocabulary = tft.vocabulary(lines, vocab_filename=LABEL_VOCABULARY)
    return tft.apply_vocabulary(lines, vocabulary, default_value=-1)


def _weight(raw: tf.Tensor) -> tf.Tensor:
    """The weight, 0 for what is none: the data gate refuses that, unless `data_gate.weights` lets it through."""
    weight = raw_columns.numbers(raw)
    return tf.where(tf.math.is_nan(weight), tf.zeros_like(weight), tf.maximum(weight, 0.0))

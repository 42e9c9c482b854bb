"""The stock pipeline's model and training: dense layers on the z-scores, one-hot vectors of all else beside them."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.public import tfxio

from .features import BUCKETS, COLUMNS, HIDDEN_UNITS, LEARNING_RATE, OOV_SIZE, Columns, transformed_name
from .features import transformed_names as names


def run_fn(fn_args: Any) -> None:
    """The Trainer's callback: trains one epoch of `train_steps` and exports. `custom_config`: `table` and `batch`."""
    columns, batch = COLUMNS[fn_args.custom_config["table"]], fn_args.custom_config["batch"]
    transformed = tft.TFTransformOutput(fn_args.transform_output)
    train, evaluation = (
        _dataset(files, fn_args.data_accessor, transformed, columns, batch)
        for files in (fn_args.train_files, fn_args.eval_files)
    )
    with tf.distribute.MirroredStrategy().scope():
        model = build_model(columns)
    model.fit(
        train,
        steps_per_epoch=fn_args.train_steps,
        validation_data=evaluation,
        validation_steps=fn_args.eval_steps,
        callbacks=[tf.keras.callbacks.TensorBoard(log_dir=fn_args.model_run_dir, update_freq="epoch")],
    )
    signatures = {
        "serving_default": _serving_signature(model, transformed, columns),
        "transform_features": _transform_signature(model, transformed),
    }
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures=signatures)


def build_model(columns: Columns) -> Any:
    """The compiled Keras model, from one tensor a column to a probability [batch, 1]."""
    deep = {
        name: tf.keras.layers.Input(name=name, shape=(1,), dtype=tf.float32)
        for name in names(columns.dense)
    }  # fmt: skip
    wide = {
        name: tf.keras.layers.Input(name=name, shape=(1,), dtype="int32")
        for name in names(columns.vocabularies + columns.buckets)
    }
    hidden = tf.keras.layers.concatenate([tf.keras.layers.Normalization()(each) for each in deep.values()])
    for units in HIDDEN_UNITS:
        hidden = tf.keras.layers.Dense(units)(hidden)
    sizes = dict.fromkeys(names(columns.vocabularies), columns.vocabulary_size + OOV_SIZE)
    sizes |= dict.fromkeys(names(columns.buckets), BUCKETS)
    one_hot = [tf.keras.layers.CategoryEncoding(num_tokens=size)(wide[name]) for name, size in sizes.items()]
    both = tf.keras.layers.concatenate([hidden, tf.keras.layers.concatenate(one_hot)])
    output = tf.keras.layers.Reshape((1,))(tf.keras.layers.Dense(1, activation="sigmoid")(both))
    model = tf.keras.Model([*deep.values(), *wide.values()], output)
    model.compile(
        loss="binary_crossentropy",
        optimizer=tf.keras.optimizers.Adam(learning_rate=LEARNING_RATE),
        metrics=[tf.keras.metrics.BinaryAccuracy()],
    )
    return model


def _dataset(files: Any, accessor: Any, transformed: Any, columns: Columns, batch: int) -> Any:
    """Batches of (features, label) without end, in TFX's own order."""
    options = tfxio.TensorFlowDatasetOptions(batch_size=batch, label_key=transformed_name(columns.label))
    return accessor.tf_dataset_factory(files, options, transformed.transformed_metadata.schema).repeat()


def _serving_signature(model: Any, transformed: Any, columns: Columns) -> Any:
    # Tracked by the model, or its tables would not be saved.
    model.transform_for_serving = transformed.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec(shape=[None], dtype=tf.string, name="examples")])
    def serve(examples: Any) -> dict[str, Any]:
        spec = transformed.raw_feature_spec()
        spec.pop(columns.label)
        return {"outputs": model(model.transform_for_serving(tf.io.parse_example(examples, spec)))}

    return serve


def _transform_signature(model: Any, transformed: Any) -> Any:
    model.transform_for_evaluation = transformed.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec(shape=[None], dtype=tf.string, name="examples")])
    def transform(examples: Any) -> Any:
        return model.transform_for_evaluation(tf.io.parse_example(examples, transformed.raw_feature_spec()))

    return transform

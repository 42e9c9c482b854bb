"""From sums to results: TensorFlow Model Analysis's derived metrics, validation and protos, slice by slice."""

import posixpath
from collections.abc import Iterable, Iterator

import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf.message import Message
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2, validation_result_pb2

from components.evaluator import tfma_private
from components.evaluator.asked import Question
from components.evaluator.slices import SliceKey, Slicer
from components.evaluator.totals import Metrics, Totals

_SHARD = "-00000-of-00001.tfrecord"
_UNKNOWN_LOCATION, _UNKNOWN_FORMAT = "<user provided PCollection>", "<unknown>"
"""What stands in `eval_config.json` for the examples when TFX reads them."""

SlicedMetrics = tuple[SliceKey, Metrics]


def results(question: Question, slicer: Slicer, totals: Totals) -> Iterator[SlicedMetrics]:
    """The metrics of each slice, all rows first and the others by their values."""
    smallest = question.config.options.min_slice_size.value
    by_name = sorted(slicer.keys.items(), key=lambda each: (len(each[0]), str(each[0])))
    for key, position in by_name:
        if key and slicer.rows[position] < smallest:
            yield key, tfma_private.too_small(smallest)
        else:
            yield key, _finished(question, totals.output(position), whole=not key)


def _finished(question: Question, metrics: Metrics, whole: bool) -> Metrics:
    """The combiners' outputs with what is derived from them, the changes against the champion, and the intervals.

    Plots are of all rows alone, see `curves.keep_whole`.
    """
    for each in question.computations.derived_computations:
        if whole or not all(isinstance(key, metric_types.PlotKey) for key in each.keys):
            metrics.update(each.result(metrics))
    baseline = next((spec.name for spec in question.config.model_specs if spec.is_baseline), None)
    if baseline is not None:
        metrics.update(_changes(metrics, baseline))
    # Here the intervals of all of these are known.
    for each in question.computations.ci_derived_computations:
        metrics.update(each.result(metrics))
    return {key: value for key, value in metrics.items() if not tfma_private.is_private(key)}


def _changes(metrics: Metrics, baseline: str) -> Metrics:
    changes: Metrics = {}
    for key, value in metrics.items():
        if tfma_private.is_private(key) or key.is_diff or key.model_name == baseline:
            continue
        before = key.make_baseline_key(baseline)
        if before in metrics and tfma_private.is_diffable(value):
            changes[key.make_diff_key()] = value - metrics[before]
    return changes


def write(question: Question, sliced: Iterable[SlicedMetrics], folder: str) -> validation_result_pb2.ValidationResult:
    """Writes an evaluation as `tfma.load_eval_result` and the like read it.

    Args:
      question: what was asked.
      sliced: see `results`.
      folder: of the ModelEvaluation artifact.

    Returns:
      Whether the thresholds hold.
    """
    tf.io.gfile.makedirs(folder)
    kept = list(sliced)
    metrics = [_only(each, metric_types.MetricKey) for each in kept]
    validation = _validation(question.config, metrics)
    records: dict[str, list[Message]] = {
        f"{tfma.METRICS_KEY}{_SHARD}": [tfma_private.convert_slice_metrics_to_proto(each, []) for each in metrics],
        f"{tfma.PLOTS_KEY}{_SHARD}": [
            tfma_private.convert_slice_plots_to_proto(_only(each, metric_types.PlotKey), [])
            for each in kept
            if not each[0]
        ],
        f"{tfma.ATTRIBUTIONS_KEY}{_SHARD}": [
            tfma_private.convert_slice_attributions_to_proto(_only(each, metric_types.AttributionsKey)) for each in kept
        ],
        f"{tfma.VALIDATIONS_KEY}.tfrecord": [validation],
    }
    for name, protos in records.items():
        with tf.io.TFRecordWriter(posixpath.join(folder, name)) as writer:
            for proto in protos:
                writer.write(proto.SerializeToString())
    run = tfma_private.serialize_eval_run(
        question.config, _UNKNOWN_LOCATION, _UNKNOWN_FORMAT, {model.name: model.path for model in question.models}
    )
    with tf.io.gfile.GFile(posixpath.join(folder, "eval_config.json"), "w") as file:
        file.write(f"{run}\n")
    return validation


def _only(sliced: SlicedMetrics, kind: type[metric_types.MetricKey]) -> SlicedMetrics:
    chosen: SlicedMetrics = tfma_private.of_key_type(sliced, kind)
    return chosen


def _validation(config: config_pb2.EvalConfig, sliced: list[SlicedMetrics]) -> validation_result_pb2.ValidationResult:
    combine = tfma_private.CombineValidations(config)
    accumulator = combine.create_accumulator()
    for each in sliced:
        accumulator = combine.add_input(accumulator, tfma_private.validate_metrics(each, config))
    result: validation_result_pb2.ValidationResult = combine.extract_output(accumulator)
    return result

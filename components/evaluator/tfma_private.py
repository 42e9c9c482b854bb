"""The private names of TensorFlow Model Analysis that the fast path leans on, from the version that it was written for.

Importing it raises NeedsBeamError with another version: the stock executor knows its own.
"""

from typing import Any

from tensorflow_model_analysis import version

from components.engine import written_for

VERSION = "0.52.0"

written_for("TensorFlow Model Analysis", VERSION, version.VERSION)

# After the check: another version may have none of these.
from tensorflow_model_analysis.contrib.aggregates import binary_confusion_matrices as _aggregates  # noqa: E402
from tensorflow_model_analysis.evaluators import (  # noqa: E402
    metrics_plots_and_validations_evaluator as _evaluator,
)
from tensorflow_model_analysis.evaluators import metrics_validator as _validator  # noqa: E402
from tensorflow_model_analysis.extractors import transformed_features_extractor as _transforms  # noqa: E402
from tensorflow_model_analysis.metrics import (  # noqa: E402
    binary_confusion_matrices as _matrices,
)
from tensorflow_model_analysis.metrics import (  # noqa: E402
    calibration_histogram as _histogram,
)
from tensorflow_model_analysis.metrics import example_count as _count  # noqa: E402
from tensorflow_model_analysis.metrics import metric_specs as _specs  # noqa: E402
from tensorflow_model_analysis.metrics import metric_util as _util  # noqa: E402
from tensorflow_model_analysis.slicer import slicer_lib as _slicer  # noqa: E402
from tensorflow_model_analysis.writers import eval_config_writer as _config_writer  # noqa: E402
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as _writer  # noqa: E402

# What is computed.
MetricComputations = _evaluator.MetricComputations
to_computations = _specs.to_computations
separated = _evaluator._filter_and_separate_computations
CountCombiner = _count._ExampleCountCombiner
HistogramCombiner = _histogram._CalibrationHistogramCombiner
Bucket = _histogram.Bucket
ConfusionCombiner = _matrices._BinaryConfusionMatrixCombiner
ThresholdEntry, Matrix = _aggregates._ThresholdEntry, _aggregates.Matrix

# What of the rows.
DEFAULT_TRANSFORMS = _transforms._DEFAULT_SIGNATURE_NAMES
SingleSliceSpec = _slicer.SingleSliceSpec
get_slices_for_features_dicts = _slicer.get_slices_for_features_dicts

# What becomes of it.
of_key_type = _evaluator._filter_by_key_type
is_diffable = _evaluator._is_metric_diffable
is_private = _evaluator._is_private_metrics
validate_metrics = _validator.validate_metrics
CombineValidations = _writer.CombineValidations
convert_slice_metrics_to_proto = _writer.convert_slice_metrics_to_proto
convert_slice_plots_to_proto = _writer.convert_slice_plots_to_proto
convert_slice_attributions_to_proto = _writer.convert_slice_attributions_to_proto
serialize_eval_run = _config_writer._serialize_eval_run

BINARY_COMBINERS = (HistogramCombiner, ConfusionCombiner)
"""Those that take one label and one prediction of each row."""


def is_plain(combiner: Any) -> bool:
    """Whether one of `BINARY_COMBINERS` takes rows as they are: no averages of classes, samples of rows, own code."""
    if combiner._aggregation_type is not None or combiner._class_weights:
        return False
    if isinstance(combiner, HistogramCombiner):
        return bool(combiner._fractional_labels and combiner._prediction_based_bucketing)
    if isinstance(combiner, ConfusionCombiner):
        own = combiner._extract_label_prediction_and_weight is not _util.to_label_prediction_example_weight
        return bool(combiner._enable_fractional_labels) and not (own or combiner._example_id_key)
    return True


def thresholds(combiner: Any) -> list[float]:
    """Above which predictions are positive, of a `ConfusionCombiner`."""
    return list(combiner._binary_confusion_matrices._thresholds)


def interval(combiner: Any) -> tuple[float, float, int]:
    """Where the buckets of a `HistogramCombiner` begin, how long they are together, and how many are not outside."""
    return combiner._left, combiner._range, combiner._num_buckets


def too_small(rows: int) -> dict[str, str]:
    """What stands for the metrics of a slice with fewer rows than `rows`; see slicer_lib.FilterOutSlices."""
    return {
        "__ERROR__": "Example count for this slice key is lower than the minimum required value: "
        f"{rows}. No data is aggregated for this slice."
    }

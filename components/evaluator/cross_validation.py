"""The Evaluator's metrics over the folds of a cross-validation: mean, deviation, and the thresholds on them."""

import io
import json
import math
import posixpath
import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact
from tfx.utils import io_utils, proto_utils

from components.artifacts.cross_validation import (
    FOLDS_FILE,
    HELD_OUT,
    SPREAD_FILE,
    CrossValidationConfig,
    FoldReports,
    FoldThreshold,
    MetricSpread,
    Spread,
    held_out_file,
)
from components.artifacts.model import TRAINING_FOLDER
from components.evaluator.blessing import bless
from components.evaluator.columns import Floats
from components.evaluator.confidence import Bound, Intervals, Own
from components.evaluator.config import MetricSettings
from components.evaluator.names import MEASURED
from components.evaluator.totals import Answers, Groups
from components.evaluator.undefined import why_undefined
from preprocessing.config import Task

FOLDS_KEY = "folds"
"""The input that holds what the folds came to."""
CONFIG_KEY = "cross_validation"
"""The execution property: the `CrossValidationConfig` as JSON; empty where there are no folds."""
Artifacts = dict[str, list[Artifact]]


def judge_folds(inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]) -> None:
    """Writes the `Spread` beside the results, and takes the blessing away where a threshold on the folds fails.

    Args:
      inputs, outputs, properties: of the executor, whose own work is done.
    """
    config = CrossValidationConfig.from_json(properties[CONFIG_KEY])
    gathered = posixpath.join(artifact_utils.get_single_uri(inputs[FOLDS_KEY]), TRAINING_FOLDER)
    reports = FoldReports.model_validate_json(io_utils.read_string_file(posixpath.join(gathered, FOLDS_FILE)))
    asked = proto_utils.json_to_proto(properties[standard_component_specs.EVAL_CONFIG_KEY], tfma.EvalConfig())
    folds = [metrics(asked, _answers(posixpath.join(gathered, held_out_file(report.fold)))) for report in reports.folds]
    spreads = {name: spread([each.get(name, math.nan) for each in folds]) for name in folds[0]}
    found = Spread(
        export=config.export,
        folds=reports.folds,
        epochs=reports.epochs(),
        metrics=spreads,
        failures=tuple(failures(config.thresholds, spreads, _task(asked))),
    )
    [evaluation] = outputs[standard_component_specs.EVALUATION_KEY]
    io_utils.write_string_file(posixpath.join(evaluation.uri, SPREAD_FILE), found.model_dump_json(indent=1))
    for name, each in spreads.items():
        if each.mean is not None and each.deviation is not None:
            evaluation.set_float_custom_property(f"cross_validated_{name}", each.mean)
            evaluation.set_float_custom_property(f"cross_validated_{name}_deviation", each.deviation)
    if found.failures:
        bless(artifact_utils.get_single_instance(outputs[standard_component_specs.BLESSING_KEY]), False)


def metrics(asked: config_pb2.EvalConfig, answers: Answers) -> dict[str, float]:
    """The metrics that the Evaluator was asked for, of some rows that a model has answered before.

    Args:
      asked: the Evaluator's configuration.
      answers: labels, predictions and weights.

    Returns:
      The metrics by name that are one number each, but for the number of examples.

    Raises:
      NeedsBeamError: a metric has no fast path.
    """
    # Imported here: with another version of TensorFlow Model Analysis they raise NeedsBeamError.
    from components.evaluator import tfma_private
    from components.evaluator.totals import Totals

    config = tfma.utils.update_eval_config_with_defaults(_alone(asked), has_baseline=False, rubber_stamp=True)
    computations = tfma_private.separated(
        tfma_private.to_computations(list(config.metrics_specs), eval_config=config, schema=None)
    )
    totals = Totals(computations.non_derived_computations)
    rows = np.arange(len(answers.label))
    totals.add({"": answers}, Groups(rows, np.zeros_like(rows), 1))
    found = totals.output(0)
    for each in computations.derived_computations:
        found.update(each.result(found))
    return {
        key.name: float(value)
        for key, value in found.items()
        if not tfma_private.is_private(key) and isinstance(value, float | np.floating) and key.name != "example_count"
    }


def _alone(asked: config_pb2.EvalConfig) -> config_pb2.EvalConfig:
    """The configuration for one model and all rows, without thresholds, and so without the ends of intervals.

    Metrics of the user's own stay out too: no threshold on folds can name them.
    """
    left_out = {each.__name__ for each in (Intervals, Bound, Own)}
    config = config_pb2.EvalConfig()
    config.CopyFrom(asked)
    del config.model_specs[:]
    config.model_specs.extend(spec for spec in asked.model_specs if not spec.is_baseline)
    del config.slicing_specs[:]
    for spec in config.metrics_specs:
        for metric in spec.metrics:
            metric.ClearField("threshold")
            del metric.per_slice_thresholds[:]
        kept = [metric for metric in spec.metrics if metric.class_name not in left_out]
        del spec.metrics[:]
        spec.metrics.extend(kept)
    return config


def spread(values: list[float]) -> MetricSpread:
    """Mean and sample standard deviation; neither where a fold's number is none."""
    known = tuple(value if math.isfinite(value) else None for value in values)
    if None in known:
        return MetricSpread(mean=None, deviation=None, folds=known)
    return MetricSpread(mean=statistics.fmean(values), deviation=statistics.stdev(values), folds=known)


def failures(
    thresholds: tuple[FoldThreshold, ...], spreads: Mapping[str, MetricSpread], task: Task | None
) -> Iterator[str]:
    """One line for each threshold that doesn't hold: value, mean, deviation, folds and bound.

    Args:
      thresholds: on the folds.
      spreads: every metric by name.
      task: the model's; None where it is not known.
    """
    for threshold in thresholds:
        found = spreads[threshold.metric]
        where = f"over {len(found.folds)} folds (train.cross_validation)"
        if found.mean is None or found.deviation is None:
            why = _undefined(task, threshold.metric, spreads)
            yield f"{threshold.metric} {where} is undefined{why}; expected {_bounds(threshold)}"
            continue
        for bound, word, sign in ((threshold.min, "less", -1), (threshold.max, "plus", 1)):
            value = found.mean + sign * threshold.deviations * found.deviation
            if bound is not None and sign * value > sign * bound:
                kind = "at least" if sign < 0 else "at most"
                yield (
                    f"{threshold.metric} is {value:.4g} {where}: mean {found.mean:.4g} {word} "
                    f"{threshold.deviations:g} x deviation {found.deviation:.2g}, expected {kind} {bound:g}"
                )


def _undefined(task: Task | None, metric: str, spreads: Mapping[str, MetricSpread]) -> str:
    """The first fold in which a metric has no value, and why."""
    fold = next((fold for fold, value in enumerate(spreads[metric].folds) if value is None), None)
    if fold is None:
        return ""
    measured = ((name, each.folds[fold]) for name, each in spreads.items())
    of_fold = {name: math.nan if value is None else value for name, value in measured}
    return f" in fold {fold + 1}: {why_undefined(task, metric, of_fold)}"


def _task(asked: config_pb2.EvalConfig) -> Task | None:
    for metric in (each for spec in asked.metrics_specs for each in spec.metrics):
        if metric.class_name == MEASURED:
            settings = json.loads(f"{{{metric.config}}}")["settings"]
            return MetricSettings.from_json(json.dumps(settings)).task
    return None


def _bounds(threshold: FoldThreshold) -> str:
    parts = [f"at least {threshold.min:g}"] if threshold.min is not None else []
    return " and ".join([*parts, *([f"at most {threshold.max:g}"] if threshold.max is not None else [])])


def _answers(file: str) -> Answers:
    with fileio.open(file, "rb") as content, np.load(io.BytesIO(content.read()), allow_pickle=False) as arrays:
        label, prediction, weight = (_floats(arrays[name]) for name in HELD_OUT)
    return Answers(label, prediction, weight)


def _floats(values: Any) -> Floats:
    return np.asarray(values, np.float64)

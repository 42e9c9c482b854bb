"""The metric behind the plots of an evaluation, from sums that metrics share: see `components.artifacts.curves`."""

import functools
import json
import posixpath
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import calibration_plot, confusion_matrix_plot, metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from components.artifacts.curves import AGAINST, ERROR_QUANTILES, ERRORS, GRID, Range
from components.artifacts.golden import GoldenContract
from components.evaluator import plots
from components.evaluator.measures import CLASS_SCORES, SCORES, CellSource
from components.evaluator.metrics import as_config, combiner_of
from components.evaluator.names import CURVES_CLASS, MEASURED
from components.evaluator.tally import Table
from preprocessing.config import Task

_THRESHOLDS, _CALIBRATION = confusion_matrix_plot.CONFUSION_MATRIX_PLOT_NAME, calibration_plot.CALIBRATION_PLOT_NAME

Plots = dict[metric_types.PlotKey, Any]
Keyed = Callable[..., metric_types.PlotKey]
"""A plot's key from its name, and from a class where it is of one."""


def with_curves(eval_config: config_pb2.EvalConfig, contract: GoldenContract) -> config_pb2.EvalConfig:
    """The Evaluator's configuration with the plots among the metrics.

    Args:
      eval_config: without them.
      contract: of the candidate.
    """
    changed = config_pb2.EvalConfig()
    changed.CopyFrom(eval_config)
    limits = Range.of(contract.range, contract.trivial).model_dump(mode="json") if contract.range is not None else None
    measured = (each for each in changed.metrics_specs[0].metrics if each.class_name == MEASURED)
    settings = (json.loads(f"{{{each.config}}}")["settings"] for each in measured)
    threshold = next((each["decision_threshold"] for each in settings), None) if contract.task == "binary" else None
    arguments = {"name": "curves", "task": contract.task, "limits": limits, "threshold": threshold}
    changed.metrics_specs[0].metrics.add(class_name=CURVES_CLASS, module=__name__, config=as_config(arguments))
    return changed


class Curves(metric_types.Metric):
    """The plots of a task."""

    def __init__(self, name: str, task: Task, limits: dict[str, Any] | None, threshold: float | None) -> None:
        """TensorFlow Model Analysis makes it from what `with_curves` writes.

        Args:
          name: of the metric, which reports nothing under it.
          task: of the models.
          limits: of a regression's labels in training, a `Range` as plain data; None where they are not known.
          threshold: above which the second of two classes is answered.
        """
        made = list(_made(task, Range.model_validate(limits) if limits is not None else None, threshold))

        def computations(
            name: str,
            eval_config: Any = None,
            model_name: str = "",
            output_name: str = "",
            sub_key: metric_types.SubKey | None = None,
            example_weighted: bool = False,
        ) -> metric_types.MetricComputations:
            # TensorFlow Model Analysis reads the names of these arguments, to know what to pass.
            rest = {
                "model_name": model_name,
                "output_name": output_name,
                "sub_key": sub_key,
                "example_weighted": example_weighted,
            }
            found: metric_types.MetricComputations = []
            for source, finish in made:
                sums_key = metric_types.MetricKey(name=f"_{source.name}", **rest)
                combiner = combiner_of(source, sums_key, eval_config)
                result = functools.partial(_finished, finish, sums_key, functools.partial(_plot_key, rest))
                # The keys tell computations apart; those of the plots are known in the end.
                own = metric_types.PlotKey(name=f"{name} of {source.name}", **rest)
                found += [
                    metric_types.MetricComputation(keys=[sums_key], preprocessors=None, combiner=combiner),
                    metric_types.DerivedMetricComputation(keys=[own], result=result),
                ]
            return found

        super().__init__(metric_util.merge_per_key_computations(computations), name=name)


def _finished(
    finish: Callable[[Table, Keyed], Plots],
    sums_key: metric_types.MetricKey,
    keyed: Keyed,
    metrics: dict[metric_types.MetricKey, Any],
) -> Plots:
    return finish(metrics[sums_key], keyed)


def _plot_key(rest: dict[str, Any], name: str, class_id: int | None = None) -> metric_types.PlotKey:
    sub_key = metric_types.SubKey(class_id=class_id) if class_id is not None else rest["sub_key"]
    return metric_types.PlotKey(name=name, **(rest | {"sub_key": sub_key}))


def _made(
    task: Task, limits: Range | None, threshold: float | None
) -> Iterator[tuple[CellSource, Callable[[Table, Keyed], Plots]]]:
    """What is added up, and the plots that are made of it."""
    if task == "regression":
        yield CellSource("signed_errors", plots.signed_errors), _of_errors
        if limits is not None:
            edges = np.array(limits.edges())
            yield CellSource("label_by_prediction", functools.partial(plots.grid, edges)), _of_grid
        return
    # The same sums as those of the metrics that are made of the order of scores.
    if task == "binary":
        # As float32, which the served label compares too.
        also = () if threshold is None else (float(np.float32(threshold)),)
        yield SCORES, functools.partial(_of_scores, also)
    else:
        yield CLASS_SCORES, _of_class_scores


def _of_scores(also: tuple[float, ...], table: Table, keyed: Keyed) -> Plots:
    whole = plots.of_group(table, 0)
    return {keyed(_THRESHOLDS): plots.at_thresholds(whole, also), keyed(_CALIBRATION): plots.probabilities(whole)}


def _of_class_scores(table: Table, keyed: Keyed) -> Plots:
    found: Plots = {}
    for each in plots.largest(table):
        part = plots.of_group(table, each)
        found[keyed(_THRESHOLDS, each)] = plots.at_thresholds(part)
        found[keyed(_CALIBRATION, each)] = plots.probabilities(part)
    return found


def _of_errors(table: Table, keyed: Keyed) -> Plots:
    whole = plots.of_group(table, 0)
    return {keyed(ERRORS): plots.errors(whole), keyed(ERROR_QUANTILES): plots.error_quantiles(whole)}


def _of_grid(table: Table, keyed: Keyed) -> Plots:
    return {keyed(AGAINST): plots.against(table, GRID)}


def keep_whole(folder: str) -> None:
    """Leaves only the plots of all rows together in an evaluation that Beam wrote.

    TensorFlow Model Analysis makes plots of each slice; with many slices they are larger than all else.

    Args:
      folder: of the ModelEvaluation artifact.
    """
    kept = [each for each in tfma.load_plots(folder) if not each.slice_key.single_slice_keys]
    for file in tf.io.gfile.glob(posixpath.join(folder, f"{tfma.PLOTS_KEY}-*")):
        temporary = posixpath.join(folder, f".{posixpath.basename(file)}")
        with tf.io.TFRecordWriter(temporary) as writer:
            for proto in kept:
                writer.write(proto.SerializeToString())
        tf.io.gfile.rename(temporary, file, overwrite=True)
        kept = []

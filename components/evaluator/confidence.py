"""The confidence intervals of all metrics, and metrics of the user's own, as TensorFlow Model Analysis takes them.

An interval comes from what a metric's sums say about themselves, after the metrics and the changes against the
champion, so that both engines compute the same one and no row is looked at again. It becomes the metric's
`confidence_interval` in TensorFlow Model Analysis's own results.
"""

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import math_util

from components.evaluator.catalog import Metric, find
from components.evaluator.columns import Columns
from components.evaluator.config import ConfidenceConfig, MetricSettings, name_of
from components.evaluator.folds import HeldRows, ModelsRows
from components.evaluator.interval import Interval, Range, Spread, interval
from components.evaluator.measures import CellSource, Measure, RowSource, class_measures, measures
from components.evaluator.metrics import as_config
from components.evaluator.moments import MomentFold, Moments
from components.evaluator.names import OF_CLASS
from components.evaluator.own_metric import resampled_value, value_of
from components.evaluator.resampling import Redrawn, held_spread, own_spread
from components.evaluator.tally import Table

LOWER, UPPER = "_lower", "_upper"
"""Behind a metric's name: the ends of its interval, where a threshold asks for them."""
HELD = "_held_rows"
"""The private metric that is the rows themselves."""
_SEVERAL_CELLS = frozenset({"class_scores"})
"""Sources of which a row adds to several cells, which then vary together."""
MOST_ANSWERS = 2**24
"""Rows times classes: for more there is no interval of a metric of `_SEVERAL_CELLS`, which takes some ten arrays of so
many numbers, 1.3 GB."""
_DEGREES = 30
"""TensorFlow Model Analysis's form of an interval is that of Student's t; any number of degrees of freedom does."""

Metrics = dict[metric_types.MetricKey, Any]
Key = functools.partial[metric_types.MetricKey]


class Asked(NamedTuple):
    """What intervals are asked for.

    Attributes:
      settings: of the metrics.
      confidence: how sure they are.
      paired: names of the metrics whose change against the champion has one.
      own: dotted paths of the user's own metrics.
    """

    settings: MetricSettings
    confidence: ConfidenceConfig
    paired: tuple[str, ...]
    own: tuple[str, ...]


def add_intervals(spec: config_pb2.MetricsSpec, asked: Asked) -> None:
    """Adds the user's own metrics that have no threshold, and the intervals of all metrics. They go last."""
    arguments = {
        "name": "_intervals",
        "settings": asked.settings.model_dump(mode="json"),
        "confidence": asked.confidence.model_dump(mode="json"),
        "paired": list(asked.paired),
        "own": list(asked.own),
    }
    spec.metrics.add(class_name=Intervals.__name__, module=__name__, config=as_config(arguments))


def add_own(spec: config_pb2.MetricsSpec, path: str) -> config_pb2.MetricConfig:
    """Adds a metric of the user's own."""
    arguments = {"name": name_of(path), "path": path}
    return spec.metrics.add(class_name=Own.__name__, module=__name__, config=as_config(arguments))


def add_bound(spec: config_pb2.MetricsSpec, metric: str, end: str) -> config_pb2.MetricConfig:
    """Adds an end of a metric's interval as a metric that can have thresholds; it belongs behind the intervals."""
    arguments = {"name": f"{metric}{end}", "metric": metric, "end": end}
    return spec.metrics.add(class_name=Bound.__name__, module=__name__, config=as_config(arguments))


class Own(metric_types.Metric):
    """One metric of the user's own."""

    def __init__(self, name: str, path: str) -> None:
        """TensorFlow Model Analysis makes it from an EvalConfig."""
        super().__init__(functools.partial(_per_sub_key, functools.partial(_own, path)), name=name)


class Intervals(metric_types.Metric):
    """The intervals of all metrics of the candidate, and of those changes against the champion that are asked for."""

    def __init__(
        self, name: str, settings: dict[str, Any], confidence: dict[str, Any], paired: list[str], own: list[str]
    ) -> None:
        """TensorFlow Model Analysis makes it from an EvalConfig; see `add_intervals`."""
        asked = Asked(
            MetricSettings.model_validate_json(json.dumps(settings)),
            ConfidenceConfig.model_validate_json(json.dumps(confidence)),
            tuple(paired),
            tuple(own),
        )
        super().__init__(functools.partial(_per_sub_key, functools.partial(_intervals, asked)), name=name)


class Bound(metric_types.Metric):
    """One end of a metric's interval, and of that of its change against the champion; NaN where there is none."""

    def __init__(self, name: str, metric: str, end: str) -> None:
        """TensorFlow Model Analysis makes it from an EvalConfig; see `add_bound`."""
        super().__init__(functools.partial(_per_sub_key, functools.partial(_bound, metric, end)), name=name)


def _per_sub_key(
    create: "Callable[[Key, Sequence[str], config_pb2.EvalConfig], metric_types.MetricComputations]",
    name: str,  # noqa: ARG001 - part of what identifies a metric
    eval_config: config_pb2.EvalConfig,
    model_names: Sequence[str],
    sub_keys: Sequence[metric_types.SubKey | None],
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    # TensorFlow Model Analysis reads the names of these arguments, to know what to pass.
    champions = {spec.name for spec in eval_config.model_specs if spec.is_baseline}
    models = sorted(model_names, key=lambda model: model in champions)
    computations: metric_types.MetricComputations = []
    for sub_key in sub_keys:
        keyed = functools.partial(metric_types.MetricKey, sub_key=sub_key, example_weighted=example_weighted)
        computations.extend(create(keyed, models, eval_config))
    return computations


def _own(
    path: str, keyed: Key, models: Sequence[str], eval_config: config_pb2.EvalConfig
) -> metric_types.MetricComputations:
    held = _held(keyed, models, eval_config)
    keys = [keyed(name=name_of(path), model_name=model) for model in models]

    def result(metrics: Metrics) -> Metrics:
        rows: Sequence[Columns] | None = metrics[held.key]
        # Rows of weight 0 are not held: there may be none in spite of rows.
        some = rows is not None and len(rows[0].label) > 0
        values = [value_of(path, *columns) for columns in rows or ()] if some else [math.nan] * len(keys)
        return dict(zip(keys, values, strict=True))

    return [_computation(held), metric_types.DerivedMetricComputation(keys=keys, result=result)]


def _bound(
    metric: str,
    end: str,
    keyed: Key,
    models: Sequence[str],
    eval_config: config_pb2.EvalConfig,  # noqa: ARG001 - as `_per_sub_key` calls it
) -> metric_types.MetricComputations:
    candidate, *champion = models
    of, bound = (keyed(name=name, model_name=candidate) for name in (metric, f"{metric}{end}"))
    pairs = {of: bound} | ({of.make_diff_key(): bound.make_diff_key()} if champion else {})

    def result(metrics: Metrics) -> Metrics:
        return {to: _end(metrics.get(key), end) for key, to in pairs.items()}

    return [metric_types.CIDerivedMetricComputation(keys=[bound], result=result)]


def _end(value: Any, end: str) -> float:
    if not isinstance(value, types.ValueWithTDistribution):
        return math.nan
    _, low, high = math_util.calculate_confidence_interval(value)
    return float(low if end == LOWER else high)


def _intervals(
    asked: Asked, keyed: Key, models: Sequence[str], eval_config: config_pb2.EvalConfig
) -> metric_types.MetricComputations:
    every = _measures(asked.settings, eval_config)
    paired = [name for name in asked.paired if len(models) == 2]
    combiners: dict[str, ModelsRows] = {}
    in_pairs = any(isinstance(every[name].source, CellSource) for name in paired if name in every)
    for name, measure in every.items():
        source = measure.source
        of = models if name in paired else models[:1]
        if isinstance(source, RowSource):
            known = combiners.get(source.name)
            if known is None or len(known.models) < len(of):
                key = keyed(name=f"_moments_of_{source.name}", model_name=models[0])
                combiners[source.name] = ModelsRows(key, of, MomentFold(source.summands), eval_config)
        elif source.name in _SEVERAL_CELLS and not (in_pairs or asked.own):
            combiners[HELD] = _held(keyed, models[:1], eval_config, MOST_ANSWERS)
    if in_pairs or asked.own:
        combiners[HELD] = _held(keyed, models, eval_config)

    def result(metrics: Metrics) -> Metrics:
        folded = {name: metrics[each.key] for name, each in combiners.items()}
        spreads = _Spreads(every, asked, folded, lambda source: metrics[keyed(name=f"_{source}", model_name=models[0])])
        found: Metrics = {}
        for name in (*every, *map(name_of, asked.own)):
            key = keyed(name=name, model_name=models[0])
            limits = limits_of(find(asked.settings.task, name))
            places = {key: (limits, 1)} | ({key.make_diff_key(): (Range.of(".."), 2)} if name in paired else {})
            for place, (within, several) in places.items():
                value = metrics.get(place, math.nan)
                if math.isfinite(value):
                    ends = interval(value, spreads.of(name, several), within, asked.confidence.level)
                    found |= {place: _bounded(value, ends)} if ends is not None else {}
        return found

    derived = metric_types.CIDerivedMetricComputation(
        keys=[keyed(name="_intervals", model_name=models[0])], result=result
    )
    return [*map(_computation, combiners.values()), derived]


def limits_of(metric: Metric | None) -> Range:
    """The limits that the values of a metric can be near to; a metric of the user's own has none."""
    if metric is None:
        return Range(-math.inf, math.inf)
    limits = Range.of(metric.range)
    # The largest value of a loss is far away.
    return limits._replace(high=math.inf) if metric.better == "lower" else limits


class _Spreads:
    """How much the metrics of one slice vary."""

    def __init__(
        self, every: Mapping[str, Measure], asked: Asked, folded: Mapping[str, Any], tables: Callable[[str], Table]
    ) -> None:
        self._every, self._asked, self._folded = every, asked, folded
        self._own = {name_of(path): path for path in asked.own}
        self._replicates = asked.confidence.replicates
        self._redrawn = functools.cache(
            lambda source: Redrawn(
                tables(source.name),
                source.scored,
                [measure.finish for measure in every.values() if measure.source == source],
                self._replicates,
            )
        )

    def of(self, name: str, models: int) -> Spread:
        """The spread of the candidate's metric for one model, of its change against the champion for two."""
        rows: Sequence[Columns] | None = self._folded.get(HELD)
        unknown = Spread(math.nan, 0.0)
        if name in self._own:
            path = self._own[name]
            metric: Callable[[Columns], float] = lambda columns: resampled_value(path, *columns)  # noqa: E731
            return own_spread(metric, rows[:models], self._replicates) if rows else unknown
        source, finish = self._every[name]
        if isinstance(source, RowSource):
            moments: Moments | None = self._folded[source.name]
            return moments.spread(finish, range(models)) if moments is not None else unknown
        if models == 2 or source.name in _SEVERAL_CELLS:
            if not rows or (source.name in _SEVERAL_CELLS and rows[0].prediction.size > MOST_ANSWERS):
                return unknown
            return held_spread(source, finish, rows[:models], self._replicates)
        return self._redrawn(source).spread(finish)


def _measures(settings: MetricSettings, eval_config: config_pb2.EvalConfig) -> dict[str, Measure]:
    """All metrics, those of single classes that the configuration names included."""
    every = measures(settings)
    for spec in eval_config.metrics_specs:
        for metric in spec.metrics:
            if metric.class_name == OF_CLASS:
                arguments = json.loads(f"{{{metric.config}}}")
                every[arguments["name"]] = class_measures(arguments["class_id"], arguments["of_class"])[
                    arguments["name"]
                ]
    return every


def _held(keyed: Key, models: Sequence[str], eval_config: config_pb2.EvalConfig, most: float = math.inf) -> ModelsRows:
    return ModelsRows(keyed(name=HELD, model_name=models[0]), models, HeldRows(len(models), most), eval_config)


def _computation(combiner: ModelsRows) -> metric_types.MetricComputation:
    return metric_types.MetricComputation(keys=[combiner.key], preprocessors=None, combiner=combiner)


def _bounded(value: float, ends: Interval) -> Any:
    """The value with its interval as TensorFlow Model Analysis writes it, its ends where they are."""
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high)):
        return value
    return types.ValueWithTDistribution((low + high) / 2, (high - low) / 2 / _t(), _DEGREES, value)


@functools.cache
def _t() -> float:
    """How many standard deviations the ends are away in TensorFlow Model Analysis's own form."""
    _, _, high = math_util.calculate_confidence_interval(types.ValueWithTDistribution(0.0, 1.0, _DEGREES, 0.0))
    return float(high)

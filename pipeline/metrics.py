"""Metrics for the Evaluator that TensorFlow Model Analysis has only as squares."""

import math
from collections.abc import Callable
from typing import Any

from tensorflow_model_analysis.metrics import mean_regression_error, metric_types, metric_util


def _root_of(square: type[metric_types.Metric], square_name: str) -> Callable[..., metric_types.MetricComputations]:
    def computations(
        name: str,
        eval_config: Any = None,
        model_name: str = "",
        output_name: str = "",
        sub_key: metric_types.SubKey | None = None,
        example_weighted: bool = False,
    ) -> metric_types.MetricComputations:
        """The square's computation, and its root derived from it."""

        def named(metric_name: str) -> metric_types.MetricKey:
            return metric_types.MetricKey(
                name=metric_name,
                model_name=model_name,
                output_name=output_name,
                sub_key=sub_key,
                example_weighted=example_weighted,
            )

        squared = square(name=square_name).computations(
            eval_config=eval_config,
            model_names=[model_name],
            output_names=[output_name],
            sub_keys=[sub_key],
            example_weighted=example_weighted,
        )

        def result(metrics: dict[metric_types.MetricKey, float]) -> dict[metric_types.MetricKey, float]:
            return {named(name): math.sqrt(metrics[named(square_name)])}

        return [*squared, metric_types.DerivedMetricComputation(keys=[named(name)], result=result)]

    return computations


class RootMeanSquared(metric_types.Metric):
    """sqrt(mean((label - prediction)^2)), in the label's units."""

    def __init__(self, name: str = "rmse") -> None:
        function = _root_of(mean_regression_error.MeanSquaredError, "_mean_squared_error")
        super().__init__(metric_util.merge_per_key_computations(function), name=name)


class RootMeanSquaredLogarithmic(metric_types.Metric):
    """sqrt(mean((log(1 + label) - log(1 + prediction))^2)): about the relative error."""

    def __init__(self, name: str = "rmsle") -> None:
        function = _root_of(mean_regression_error.MeanSquaredLogarithmicError, "_mean_squared_logarithmic_error")
        super().__init__(metric_util.merge_per_key_computations(function), name=name)

"""TFX's StatisticsGen executor, with a fast path for examples that one machine reads."""

from typing import Any

from tfx.components.statistics_gen import executor as stock
from tfx.types.artifact import Artifact

from components.engine import ENGINE_KEY, done_here

Artifacts = dict[str, list[Artifact]]


class Executor(stock.Executor):
    """Computes the statistics on this machine where it can, else as TFX does; the artifact is the same."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes FeatureStats.pb for each split.

        Args:
          input_dict: `examples` (Examples); with a `schema` the stock executor does the work.
          output_dict: `statistics` (ExampleStatistics).
          exec_properties: the stock executor's and `engine`.
        """

        def work() -> None:
            # Here, because it asks for the very version of TFDV that it was written for.
            from components.statistics_gen.local import write_statistics

            self._log_startup(input_dict, output_dict, exec_properties)
            write_statistics(input_dict, output_dict, exec_properties)

        if not done_here("StatisticsGen", exec_properties[ENGINE_KEY], work):
            super().Do(input_dict, output_dict, exec_properties)

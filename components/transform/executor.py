"""TFX's Transform executor, with a fast path for examples that one machine reads."""

from typing import Any

from tfx.components.transform import executor as stock
from tfx.components.transform import labels
from tfx.types import standard_component_specs
from tfx.types.artifact import Artifact

from components.engine import ENGINE_KEY, done_here

Artifacts = dict[str, list[Artifact]]


class Executor(stock.Executor):
    """Learns and transforms on this machine where it can, else as TFX does; the artifacts are the same."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes the transform graph and the transformed examples.

        Args:
          input_dict: `examples` (Examples) and `schema` (Schema).
          output_dict: `transform_graph` (TransformGraph) and `transformed_examples` (Examples).
          exec_properties: the stock executor's and `engine`.
        """

        def work() -> None:
            # Here, because it asks for the very version of tf.Transform that it was written for.
            from components.transform.here import transform
            from components.transform.request import Request

            self._log_startup(input_dict, output_dict, exec_properties)
            request = Request.of(input_dict, output_dict, exec_properties)
            keys = {
                labels.PREPROCESSING_FN: standard_component_specs.PREPROCESSING_FN_KEY,
                labels.CUSTOM_CONFIG: standard_component_specs.CUSTOM_CONFIG_KEY,
            }
            # By the stock executor's own method: the function is the same for both.
            function = self._GetPreprocessingFn(
                {label: exec_properties.get(key) for label, key in keys.items()}
                | dict.fromkeys((labels.MODULE_FILE, labels.MODULE_PATH)),
                {},
            )
            transform(request, function)

        if not done_here("Transform", exec_properties[ENGINE_KEY], work):
            super().Do(input_dict, output_dict, exec_properties)

"""Transform as a TFX component: the stock inputs and outputs, and our executor."""

from collections.abc import Mapping, Sequence

from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import transform_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ExecutionParameter
from tfx.utils import json_utils

from components.engine import ENGINE_KEY, Engine
from components.transform.executor import Executor


class TransformSpec(standard_component_specs.TransformSpec):
    """The stock Transform's, and the engine."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        **standard_component_specs.TransformSpec.PARAMETERS,
        ENGINE_KEY: ExecutionParameter(type=str),
    }


class Transform(BaseBeamComponent):
    """Does what `tfx.components.Transform` does, without its statistics and its cache, which nothing here reads.

    Not a subclass of the stock component: that one's constructor makes a spec without the engine.
    """

    SPEC_CLASS = TransformSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
    CODE = ("components.transform.executor",)
    """What the results depend on beside the preprocessing function: these modules and what they import."""

    def __init__(
        self,
        *,
        examples: BaseChannel,
        schema: BaseChannel,
        preprocessing_fn: str,
        analyzed: Sequence[str],
        transformed: Sequence[str],
        custom_config: Mapping[str, str],
        engine: Engine,
    ) -> None:
        """Wires Transform into a pipeline.

        Args:
          examples: the raw Examples.
          schema: their Schema.
          preprocessing_fn: the tf.Transform function, as a dotted path.
          analyzed: the splits that are learned from.
          transformed: the splits that are transformed.
          custom_config: what the function is called with. A fingerprint of the code belongs in it: the cache key has
            nothing else that would change with an edit.
          engine: who does the work.
        """
        transformed_examples = Channel(type=standard_artifacts.Examples)
        transformed_examples.matching_channel_name = standard_component_specs.EXAMPLES_KEY
        super().__init__(
            spec=TransformSpec(
                examples=examples,
                schema=schema,
                preprocessing_fn=preprocessing_fn,
                force_tf_compat_v1=0,
                splits_config=transform_pb2.SplitsConfig(analyze=analyzed, transform=transformed),
                custom_config=json_utils.dumps(dict(custom_config)),
                disable_statistics=1,
                engine=engine,
                transform_graph=Channel(type=standard_artifacts.TransformGraph),
                transformed_examples=transformed_examples,
            )
        )

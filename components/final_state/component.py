"""The exit handler of a pipeline on Vertex, as a TFX component."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.final_state.executor import Executor


class FinalStateSpec(ComponentSpec):
    """The final status in, nothing out: an exit handler has no artifacts."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        "pipeline": ExecutionParameter(type=str),
        "final_status": ExecutionParameter(type=str),
    }
    INPUTS: dict[str, ChannelParameter] = {}  # noqa: RUF012
    OUTPUTS: dict[str, ChannelParameter] = {}  # noqa: RUF012


class FinalState(BaseComponent):
    """Reports how the run ended, whether it succeeded, failed or was cancelled; see `components.final_state.executor`.

    It is not a node of the pipeline: `KubeflowV2DagRunner.set_exit_handler` takes it.
    """

    SPEC_CLASS = FinalStateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, *, pipeline: str, final_status: FinalStatusStr) -> None:
        """Wires FinalState into a pipeline.

        Args:
          pipeline: its name.
          final_status: `FinalStatusStr()`, for which Vertex puts in the status.
        """
        super().__init__(spec=FinalStateSpec(pipeline=pipeline, final_status=final_status))

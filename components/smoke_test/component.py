"""The smoke test as a TFX component."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.executor import Executor


class SmokeTestReport(Artifact):
    """The folder of report.json; see `components.smoke_test.report`."""

    # The Kubeflow compiler takes `package.Class` alone and imports the type by that path at run time.
    TYPE_NAME = "components.SmokeTestReport"


class SmokeTestSpec(ComponentSpec):
    """What goes in and out."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        "config": ExecutionParameter(type=str),
        "code_fingerprint": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "schema": ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS = {  # noqa: RUF012
        "blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
        "report": ChannelParameter(type=SmokeTestReport),
    }


class SmokeTest(BaseComponent):
    """Loads the export in a clean process, asks it real rows and compares with the trainer's predictions.

    Its `blessing` is a standard InfraBlessing: the stock Pusher enforces it.
    """

    SPEC_CLASS = SmokeTestSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: BaseChannel,
        examples: BaseChannel,
        schema: BaseChannel,
        config: SmokeTestConfig,
        code_fingerprint: str,
    ) -> None:
        """Wires the component.

        Args:
          model: the Trainer's Model, with its golden files.
          examples: the raw Examples, not the transformed ones.
          schema: the raw Schema.
          config: limits, rows and tolerance.
          code_fingerprint: a hash of this folder's code, so that the cache sees edits.
        """
        super().__init__(
            spec=SmokeTestSpec(
                model=model,
                examples=examples,
                schema=schema,
                config=config.to_json(),
                code_fingerprint=code_fingerprint,
                blessing=Channel(type=standard_artifacts.InfraBlessing),
                report=Channel(type=SmokeTestReport),
            )
        )

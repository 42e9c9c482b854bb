"""The smoke test as a TFX component, for this pipeline and for others."""

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.smoke_test.checks.ops import ALLOWED_OPS
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.executor import Executor
from components.smoke_test.page import TEMPLATE

ELSEWHERE = SmokeTestConfig(golden="optional", split="eval")
"""The configuration for a model of another trainer: no stored predictions, and the splits that TFX makes by default."""


class SmokeTestReport(Artifact):
    """The folder of report.json and report.html; see `components.smoke_test.report`."""

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
        "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
        "schema": ChannelParameter(type=standard_artifacts.Schema, optional=True),
        "transform_graph": ChannelParameter(type=standard_artifacts.TransformGraph, optional=True),
        "champion": ChannelParameter(type=standard_artifacts.Model, optional=True),
        "infra_blessing": ChannelParameter(type=standard_artifacts.InfraBlessing, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012
        "blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
        "report": ChannelParameter(type=SmokeTestReport),
    }


class SmokeTest(BaseComponent):
    """Loads the export in a clean process as a server would, and asks it all that production will ask.

    Its `blessing` is a standard InfraBlessing: the stock Pusher enforces it.
    """

    SPEC_CLASS = SmokeTestSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
    CODE = (
        "components.smoke_test.executor",
        # The worker's modules import each other as top-level modules, which reading their imports doesn't follow.
        *(
            f"components.smoke_test.sandbox.worker.{name}"
            for name in ("__main__", "confine", "repeating", "runtime", "seccomp", "serving", "transform_graph")
        ),
    )
    """What the results depend on: these modules and what they import."""
    CODE_FILES = (ALLOWED_OPS, TEMPLATE)
    """The data that this code reads."""

    def __init__(
        self,
        *,
        model: BaseChannel,
        examples: BaseChannel | None = None,
        schema: BaseChannel | None = None,
        transform_graph: BaseChannel | None = None,
        champion: BaseChannel | None = None,
        infra_blessing: BaseChannel | None = None,
        config: SmokeTestConfig = ELSEWHERE,
        code_fingerprint: str = "",
    ) -> None:
        """Wires SmokeTest into a pipeline.

        Args:
          model: the Trainer's Model, with its golden files where the trainer is Lockgate's.
          examples: the raw Examples, not the transformed ones; without them rows are made up from the schema.
          schema: the raw Schema; without it the signatures have to say what they take.
          transform_graph: Transform's output, to compare the exported preprocessing with.
          champion: the Model that serves now.
          infra_blessing: the output of TFX's InfraValidator, to be one of the checks.
          config: limits, rows, tolerances and severities.
          code_fingerprint: a hash of this folder's code, so that the cache sees edits.
        """
        given = {
            "examples": examples,
            "schema": schema,
            "transform_graph": transform_graph,
            "champion": champion,
            "infra_blessing": infra_blessing,
        }
        super().__init__(
            spec=SmokeTestSpec(
                model=model,
                **{name: channel for name, channel in given.items() if channel is not None},
                config=config.to_json(),
                code_fingerprint=code_fingerprint,
                blessing=Channel(type=standard_artifacts.InfraBlessing),
                report=Channel(type=SmokeTestReport),
            )
        )

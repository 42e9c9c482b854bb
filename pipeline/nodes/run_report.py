"""The node "Report" of a cluster: a step between the gates and the push that writes the page of the run.

Before the push, so that the pushed version holds the page. A step after a failure would be no place for it: Kubeflow
makes an exit hook of such a step, and its driver fails over the artifact of a step that did not run. A step that fails
leaves a page of its own (`pipeline.runners.failure_page`).
"""

from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel, Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.data_gate.component import DataVerdict
from components.run_page import RunPage, write_page
from components.smoke_test.component import SmokeTestReport

Artifacts = dict[str, list[Artifact]]

SEARCH = ("best_hyperparameters", "tuner_results")
"""What a search found: outputs of the Tuner, and inputs of this step."""
RUN_NAME = "{{$.pipeline_job_name}}"
"""For which Kubeflow and Vertex put in the run's name."""


class Executor(BaseExecutor):
    """Has the page written."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes the file of the output `page`.

        Args:
          input_dict: what the page shows; the last push's statistics and what a search found may be absent.
          output_dict: `page` (RunPage), whose URI becomes the file.
          exec_properties: `job`, see `components.run_page`; `run`, the run's name.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        page = artifact_utils.get_single_instance(output_dict["page"])
        write_page(exec_properties["job"], input_dict, page, exec_properties["run"])


class RunReportSpec(ComponentSpec):
    """What goes in and out."""

    PARAMETERS = {  # noqa: RUF012 - TFX reads plain class attributes
        "job": ExecutionParameter(type=str),
        "run": ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "verdict": ChannelParameter(type=DataVerdict),
        "baseline_statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "model_run": ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "smoke_report": ChannelParameter(type=SmokeTestReport),
        **{
            name: ChannelParameter(type=kind, optional=True)
            for name, kind in zip(
                SEARCH, (standard_artifacts.HyperParameters, standard_artifacts.TunerResults), strict=True
            )
        },
    }
    OUTPUTS = {"page": ChannelParameter(type=RunPage)}  # noqa: RUF012


class RunReport(BaseComponent):
    """Writes the page of a run from its artifacts."""

    SPEC_CLASS = RunReportSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, *, job: str, **inputs: BaseChannel | None) -> None:
        """Wires RunReport into a pipeline.

        Args:
          job: which function writes the page, and what it is told.
          inputs: those of `RunReportSpec`.
        """
        super().__init__(spec=RunReportSpec(job=job, run=RUN_NAME, **inputs, page=Channel(type=RunPage)))

"""Ends the run where the data gate refuses the data, on runners that know only failed and done.

A step of its own, because Kubeflow keeps the outputs of steps that succeed only: the gate records its verdict and
succeeds, so that its report can be read, and this one fails.
"""

import logging
import posixpath
from typing import Any

from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.types.channel import BaseChannel
from tfx.types.component_spec import ChannelParameter, ComponentSpec
from tfx.utils import io_utils

from components.artifacts.reports import REPORT_FILE
from components.data_gate.component import DataVerdict
from components.data_gate.report import Verdict
from preprocessing.errors import RefusedError

_log = logging.getLogger("lockgate")


class Executor(BaseExecutor):
    """Succeeds when the data may be used."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the verdict, and fails if it refuses the data.

        Args:
          input_dict: `verdict` (DataVerdict).
          output_dict: nothing.
          exec_properties: nothing.

        Raises:
          RefusedError: the verdict refuses the data.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        verdict = artifact_utils.get_single_instance(input_dict["verdict"])
        if verdict.get_int_custom_property("blessed") == 1:
            _log.info("data gate: the data may be used")
            return
        file = posixpath.join(verdict.uri, REPORT_FILE)
        report = Verdict.model_validate_json(io_utils.read_string_file(file))
        raise RefusedError(f"DataGate: {report.reason()}", hint=f"read {file}; {report.blocking()[0].hint}")


class DataStopSpec(ComponentSpec):
    """DataStop's inputs, outputs and parameters."""

    PARAMETERS: dict[str, Any] = {}  # noqa: RUF012 - TFX reads plain class attributes
    INPUTS = {"verdict": ChannelParameter(type=DataVerdict)}  # noqa: RUF012
    OUTPUTS: dict[str, Any] = {}  # noqa: RUF012


class DataStop(BaseComponent):
    """Fails when the data gate refused the data; make Transform wait for it instead of for the gate."""

    SPEC_CLASS = DataStopSpec
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)

    def __init__(self, verdict: BaseChannel) -> None:
        """Wires DataStop into a pipeline.

        Args:
          verdict: the output of a DataGate with `on_refusal="record"`.
        """
        super().__init__(spec=DataStopSpec(verdict=verdict))

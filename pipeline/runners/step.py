"""One step through TFX's own code: the driver and the executor of a component, from an ExecutorInput."""

import argparse
import json
import posixpath
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components.example_gen import driver as stock_driver
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint_utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import import_utils, io_utils

ExecutorInput = dict[str, Any]


def exists(file: str) -> bool:
    """Whether a file is there, local or remote."""
    return bool(fileio.exists(file))


def kept(here: str, there: str) -> str:
    """Where an output of a failing step stays; "" where it was not written, or goes with the container.

    Args:
      here: its folder, as the step sees it.
      there: its URL, as the launcher knows it.
    """
    if not fileio.exists(here) or not fileio.isdir(here) or not fileio.listdir(here):
        return ""
    if here == there:
        return there
    if not there.startswith("gs://"):
        return ""
    io_utils.copy_dir(here, there)
    return there


def execute(executor_class: str, executor_input: ExecutorInput, inputs_spec: str, beam_args: list[str]) -> None:
    """Runs the executor and writes the ExecutorOutput. What a driver left there goes first.

    Raises:
      Exception: whatever the executor raises.
    """
    executor_input = _with_drivers_report(executor_input)
    arguments = argparse.Namespace(
        executor_class_path=executor_class,
        json_serialized_invocation_args=json.dumps(executor_input),
        json_serialized_inputs_spec_args=inputs_spec,
    )
    kubeflow_v2_run_executor._run_executor(arguments, beam_args)


def _with_drivers_report(executor_input: ExecutorInput) -> ExecutorInput:
    """The output artifacts with the metadata that a driver gave them; TFX itself takes the parameters alone."""
    outputs = executor_input["outputs"]
    if not exists(outputs["outputFile"]):
        return executor_input
    reported = json.loads(io_utils.read_string_file(outputs["outputFile"])).get("artifacts", {})
    artifacts = dict(outputs["artifacts"])
    for name, listed in reported.items():
        [artifact], [said] = artifacts[name]["artifacts"], listed["artifacts"]
        metadata = {**artifact.get("metadata", {}), **said.get("metadata", {})}
        artifacts[name] = {"artifacts": [{**artifact, "metadata": metadata}]}
    return {**executor_input, "outputs": {**outputs, "artifacts": artifacts}}


def drive(driver_class: str, executor_input: ExecutorInput, inputs_spec: str) -> None:
    """Runs an ExampleGen's driver and writes what it found: span, version, fingerprint, patterns.

    Raises:
      UserError: what the driver has to say about the files.
    """
    message = json_format.ParseDict(executor_input, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True)
    spec = json_format.Parse(inputs_spec, pipeline_spec_pb2.ComponentInputsSpec(), ignore_unknown_fields=True)
    given = entrypoint_utils.parse_execution_properties(message.inputs.parameter_values, {}, spec)
    driver = import_utils.import_class_by_path(driver_class)(None)
    found = driver.resolve_exec_properties(dict(given), None, None)

    names: dict[int, str] = {}
    outputs = entrypoint_utils.parse_raw_artifact_dict(message.outputs.artifacts, names)
    examples = artifact_utils.get_single_instance(outputs[standard_component_specs.EXAMPLES_KEY])
    # As the local driver leaves them on the artifact.
    stock_driver.update_output_artifact(exec_properties=found, output_artifact=examples.mlmd_artifact)
    report = pipeline_spec_pb2.ExecutorOutput()
    for name, value in found.items():
        if value is not None and value != given.get(name):
            json_format.ParseDict(value, report.parameter_values[name])
    report.artifacts[standard_component_specs.EXAMPLES_KEY].artifacts.add().CopyFrom(
        entrypoint_utils.to_runtime_artifact(examples, names)
    )
    _write(message.outputs.output_file, json_format.MessageToJson(report, sort_keys=True))


def report(file: str) -> dict[str, Any]:
    """What a step reported: its ExecutorOutput."""
    content: dict[str, Any] = json.loads(io_utils.read_string_file(file))
    return content


def rewrite(file: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Changes a JSON file."""
    _write(file, json.dumps(change(report(file))))


def _write(file: str, text: str) -> None:
    fileio.makedirs(posixpath.dirname(file))
    io_utils.write_string_file(file, text)

"""The configuration as the steps on a target see it: other places, other Beam options, nothing that they can't do."""

import json
import posixpath
from typing import Any

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.targets import Cluster, VertexTarget


def on_target(config: PipelineConfig, target: Cluster) -> PipelineConfig:
    """The configuration with what the target states put over what holds on this machine.

    Args:
      config: the validated configuration.
      target: one of its targets.

    Raises:
      pydantic.ValidationError: the two don't go together (other placeholders, path and inputs).
    """
    plain = config.resolved()
    if target.data_path is not None:
        plain["data"]["path"] = target.data_path
    if target.data_inputs is not None:
        plain["data"]["inputs"] = target.data_inputs.model_dump(mode="json")
    plain["push"]["directory"] = serving_folder(config, target)
    # TFX raises NotImplementedError for it under its compiler for Kubeflow and Vertex.
    plain["smoke_test"]["infra_validator"] = None
    plain["beam_args"] = beam_args(config, target)
    return PipelineConfig.model_validate_json(json.dumps(plain))


def serving_folder(config: PipelineConfig, target: Cluster) -> str:
    """Where versions are pushed: a URL, or an absolute path in a volume of the steps."""
    directory = target.push_directory or config.push.directory
    if "://" in directory or directory.startswith("/"):
        return directory
    return posixpath.join(target.root, directory)


def pushes_to_folder(target: Cluster) -> bool:
    """Whether the push goes to a serving folder, and not to an endpoint of Vertex."""
    return not (isinstance(target, VertexTarget) and target.endpoint is not None)


def beam_args(config: PipelineConfig, target: Cluster) -> list[str]:
    """Beam's options on the target; those of `beam.args` come last and so win."""
    beam = target.beam
    if beam.runner == "direct":
        # Beam reads BigQuery by way of files, for which it needs a place.
        exported = config.data.bigquery is not None and target.root.startswith("gs://")
        place = [f"--temp_location={_temporary(target)}"] if exported else []
        # Where steps run, the default project is one of Google's own.
        payer = []
        if config.data.bigquery is not None and isinstance(target, VertexTarget):
            payer = [f"--project={target.project}"]
        # What is stated comes later, and so wins.
        return [*payer, *config.beam_args, *place, *beam.args]
    if beam.runner == "flink":
        # The task managers reach the SDK harness beside them, as Beam's documentation has it for Kubernetes.
        return [
            "--runner=FlinkRunner",
            "--environment_type=EXTERNAL",
            "--environment_config=localhost:50000",
            *beam.args,
        ]
    options: dict[str, Any] = {
        "runner": "DataflowRunner",
        "temp_location": _temporary(target),
        "sdk_container_image": target.image,
        "sdk_location": "container",
    }
    if isinstance(target, VertexTarget):
        options |= {
            "project": target.project,
            "region": target.region,
            "service_account_email": target.service_account,
            "dataflow_kms_key": target.encryption_key,
        }
    return [*(f"--{name}={value}" for name, value in options.items() if value), *beam.args]


def _temporary(target: Cluster) -> str:
    return posixpath.join(target.root, "beam")

"""The configuration as the steps on a target see it: other places, other Beam options, nothing that they can't do."""

import json
import posixpath

from pipeline.config.beam import LocalBeam
from pipeline.config.beam_options import beam_options, temporary_folder
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
    plain["beam"], plain["beam_args"] = {"engine": "local"}, target_beam_options(config, target)
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


def target_beam_options(config: PipelineConfig, target: Cluster) -> list[str]:
    """Beam's options on the target; those of `beam.args` come last and so win."""
    if not isinstance(target.beam, LocalBeam):
        return beam_options(target.beam, target)
    # Beam reads BigQuery by way of files, for which it needs a place.
    exported = config.data.bigquery is not None and target.root.startswith("gs://")
    place = [f"--temp_location={temporary_folder(target)}"] if exported else []
    # Where steps run, the default project is one of Google's own.
    payer = []
    if config.data.bigquery is not None and isinstance(target, VertexTarget):
        payer = [f"--project={target.project}"]
    # What is stated comes later, and so wins.
    return [*payer, *config.beam_args, *place, *target.beam.args]

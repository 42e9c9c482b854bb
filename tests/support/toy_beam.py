"""A graph of one component that says what Beam was told: for the options that are in no cache's key."""

from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions
from tfx.dsl.component.experimental.annotations import BeamComponentParameter, OutputArtifact
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import Examples

JOB_NAME = "job_name.txt"


@component(use_beam=True)
def ExampleGen(  # noqa: N802
    examples: OutputArtifact[Examples], pipeline: BeamComponentParameter[beam.Pipeline] = None
) -> None:
    Path(examples.uri).mkdir(parents=True, exist_ok=True)
    Path(examples.uri, JOB_NAME).write_text(str(pipeline.options.view_as(GoogleCloudOptions).job_name))


def graph(root: Path) -> Pipeline:
    """One run's graph; the next run in the same root finds its artifacts."""
    return Pipeline(
        pipeline_name="toy",
        pipeline_root=str(root),
        components=[ExampleGen()],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
        beam_pipeline_args=["--runner=DirectRunner"],
    )

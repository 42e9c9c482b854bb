"""A graph with the inputs and outputs of the real one whose components do nothing: for the launcher and the lineage."""

from pathlib import Path
from typing import Any

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types.artifact_utils import get_single_instance
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import ExampleAnomalies, Examples, ExampleStatistics, Model, PushedModel, Schema

from components.data_gate.component import DataGateSpec, DataVerdict
from pipeline.nodes.baseline import BASELINE_KEY, baseline

BASELINE_FILE = "baseline.txt"
"""In the verdict's folder: where the statistics are that the gate was given to compare with; empty without."""


@component
def ExampleGen(examples: OutputArtifact[Examples], span: Parameter[int], content: Parameter[str]):  # noqa: ARG001, N802
    # As TFX's driver leaves it.
    examples.set_int_custom_property("span", span)


@component
def StatisticsGen(examples: InputArtifact[Examples], statistics: OutputArtifact[ExampleStatistics]):  # noqa: ARG001, N802
    Path(statistics.uri).mkdir(parents=True, exist_ok=True)


@component
def Validator(  # noqa: N802
    statistics: InputArtifact[ExampleStatistics],
    schema: OutputArtifact[Schema],
    anomalies: OutputArtifact[ExampleAnomalies],
):
    pass


@component
def Transform(examples: InputArtifact[Examples], transformed_examples: OutputArtifact[Examples]):  # noqa: N802
    pass


@component
def Trainer(examples: InputArtifact[Examples], model: OutputArtifact[Model]):  # noqa: N802
    pass


@component
def Pusher(model: InputArtifact[Model], pushed_model: OutputArtifact[PushedModel], push: Parameter[int]):  # noqa: ARG001, N802
    pushed_model.set_int_custom_property("pushed", push)


class GateExecutor(BaseExecutor):
    """Says what its configuration says, and writes down its baseline."""

    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:  # noqa: N802
        verdict = get_single_instance(output_dict["verdict"])
        verdict.set_int_custom_property("blessed", int(exec_properties["config"]))
        uris = [artifact.uri for artifact in input_dict.get(BASELINE_KEY, [])]
        Path(verdict.uri, BASELINE_FILE).write_text("\n".join(uris), encoding="utf-8")


class DataGate(BaseComponent):
    """With the real gate's inputs and outputs."""

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = ExecutorClassSpec(GateExecutor)


def graph(
    root: Path,
    *,
    blessed: int = 1,
    push: int = 1,
    span: int = 0,
    content: str = "",
    kind: str = "last_push",
    name: str = "toy",
) -> Pipeline:
    """One run's graph; the next run in the same root finds its artifacts."""
    example_gen = ExampleGen(span=span, content=content).with_id("ExampleGen")
    examples = example_gen.outputs["examples"]
    statistics_gen = StatisticsGen(examples=examples).with_id("StatisticsGen")
    statistics = statistics_gen.outputs["statistics"]
    validator = Validator(statistics=statistics).with_id("ExampleValidator")
    found = baseline(kind, statistics)
    spec = DataGateSpec(
        statistics=statistics,
        examples=examples,
        schema=validator.outputs["schema"],
        anomalies=validator.outputs["anomalies"],
        baseline_statistics=found and found.outputs[BASELINE_KEY],
        config=str(blessed),
        columns="",
        serving_sample="",
        serving_digest="",
        missing="",
        on_refusal="record",
        code_fingerprint="",
        verdict=Channel(type=DataVerdict),
    )
    gate = DataGate(spec).with_id("DataGate")
    transform = Transform(examples=examples).with_id("Transform")
    transform.add_upstream_node(gate)
    trainer = Trainer(examples=transform.outputs["transformed_examples"]).with_id("Trainer")
    pusher = Pusher(model=trainer.outputs["model"], push=push).with_id("Pusher")
    nodes = [example_gen, statistics_gen, validator, found, gate, transform, trainer, pusher]
    return Pipeline(
        pipeline_name=name,
        pipeline_root=str(root),
        components=[node for node in nodes if node is not None],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
    )

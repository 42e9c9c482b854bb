"""A toy graph whose gates do what a test hands them: for the runner of what is independent side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model, ModelBlessing, PushedModel

acts: dict[str, Callable[[], Any]] = {}
"""What a component of this name does when it is executed."""


def _act(name: str) -> None:
    acts.get(name, lambda: None)()


@component
def ExampleGen(examples: OutputArtifact[Examples], data: Parameter[int]):  # noqa: ARG001, N802
    _act("ExampleGen")


@component
def Trainer(examples: InputArtifact[Examples], model: OutputArtifact[Model]):  # noqa: ARG001, N802
    _act("Trainer")


@component
def Evaluator(model: InputArtifact[Model], blessing: OutputArtifact[ModelBlessing]):  # noqa: ARG001, N802
    _act("Evaluator")


@component
def SmokeTest(model: InputArtifact[Model], blessing: OutputArtifact[InfraBlessing]):  # noqa: ARG001, N802
    _act("SmokeTest")


@component
def Pusher(  # noqa: N802
    model: InputArtifact[Model],  # noqa: ARG001
    evaluated: InputArtifact[ModelBlessing],  # noqa: ARG001
    tested: InputArtifact[InfraBlessing],  # noqa: ARG001
    pushed: OutputArtifact[PushedModel],  # noqa: ARG001
):
    _act("Pusher")


def graph(root: Path, *, data: int = 0) -> Pipeline:
    """One run's graph; with the same data the next run in the same root finds its artifacts."""
    example_gen = ExampleGen(data=data).with_id("ExampleGen")
    trainer = Trainer(examples=example_gen.outputs["examples"]).with_id("Trainer")
    model = trainer.outputs["model"]
    evaluator = Evaluator(model=model).with_id("Evaluator")
    smoke_test = SmokeTest(model=model).with_id("SmokeTest")
    pusher = Pusher(
        model=model, evaluated=evaluator.outputs["blessing"], tested=smoke_test.outputs["blessing"]
    ).with_id("Pusher")
    return Pipeline(
        pipeline_name="toy",
        pipeline_root=str(root),
        components=[example_gen, trainer, evaluator, smoke_test, pusher],
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
    )

"""The gate in a pipeline compiled for Kubeflow: its container's own command, run here on a sound and a broken model."""

from pathlib import Path
from typing import Any

import pytest
from support.fork_server import ForkServer
from support.kubeflow import Compiled, compiled_job, parameters, run_step, written
from support.zoo.broken_answers import NanOnMissing
from support.zoo.tiny import TinyModel, export
from tfx.components import CsvExampleGen, Pusher, SchemaGen, StatisticsGen, Trainer
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types import standard_artifacts
from tfx.types.artifact_utils import encode_split_names

from components.smoke_test.component import ELSEWHERE, SmokeTest
from components.smoke_test.config import Search, SmokeTestConfig
from components.smoke_test.report import read

pytestmark = pytest.mark.slow

SHORT = SmokeTestConfig(search=Search(seconds=0.1))
"""What the searches find is the zoo's matter."""


def pipeline(folder: Path, *, alone: bool) -> Pipeline:
    """Stock components around the gate, which gets the model alone, or examples and schema too."""
    example_gen = CsvExampleGen(input_base=str(folder))
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = SchemaGen(statistics=statistics_gen.outputs["statistics"])
    schema, examples = schema_gen.outputs["schema"], example_gen.outputs["examples"]
    arguments = {"train_args": trainer_pb2.TrainArgs(), "eval_args": trainer_pb2.EvalArgs()}
    trainer = Trainer(run_fn="somewhere.run_fn", examples=examples, **arguments)
    given: dict[str, Any] = {} if alone else {"examples": examples, "schema": schema, "config": SHORT}
    gate = SmokeTest(model=trainer.outputs["model"], **given)
    pusher = Pusher(
        model=trainer.outputs["model"],
        infra_blessing=gate.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(folder))
        ),
    )
    return Pipeline("birds", str(folder), components=[example_gen, statistics_gen, schema_gen, trainer, gate, pusher])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("compiled")
    return compiled_job(pipeline(folder, alone=False), folder)


def test_what_is_not_given_is_not_asked_for(tmp_path: Path) -> None:
    job = compiled_job(pipeline(tmp_path, alone=True), tmp_path)
    assert set(job["components"]["SmokeTest"]["inputDefinitions"]["artifacts"]) == {"model"}
    assert SmokeTestConfig.from_json(parameters(job, "SmokeTest")["config"]) == ELSEWHERE


@pytest.mark.parametrize(("kind", "blessed"), [(TinyModel, 1), (NanOnMissing, 0)])
def test_the_step_and_the_push_after_it(
    forks: ForkServer, compiled: Compiled, tmp_path: Path, kind: type[TinyModel], blessed: int
) -> None:
    exported = export(kind, tmp_path / "export")
    inputs: dict[str, Any] = {
        "model": standard_artifacts.Model(),
        "examples": standard_artifacts.Examples(),
        "schema": standard_artifacts.Schema(),
    }
    for artifact, path in zip(inputs.values(), exported, strict=False):
        artifact.uri = str(path)
    inputs["examples"].split_names = encode_split_names(["test"])
    done = run_step(forks, compiled, "SmokeTest", inputs, tmp_path)
    # A model that is refused is a result: the step itself succeeds, and the Pusher reads the blessing.
    assert done.returncode == 0, done.log
    assert read(str(tmp_path / "report")).blessed == bool(blessed)
    assert written(tmp_path, "blessing")["blessed"] == blessed
    pusher = compiled["root"]["dag"]["tasks"]["Pusher"]["inputs"]["artifacts"]["infra_blessing"]
    assert pusher["taskOutputArtifact"] == {"producerTask": "SmokeTest", "outputArtifactKey": "blessing"}

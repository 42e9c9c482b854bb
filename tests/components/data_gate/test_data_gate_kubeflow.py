"""The gate in a pipeline compiled for Kubeflow: its container's own command, run here, on sound and on broken data."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.gated import COLUMNS, Run, sound
from tfx.components import CsvExampleGen, ExampleValidator, StatisticsGen
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx.v1.components import ImportSchemaGen

import components
from components.data_gate.columns import Columns
from components.data_gate.component import DataGate, DataVerdict
from components.data_gate.config import DataGateConfig
from components.data_gate.report import read
from preprocessing.config import FeaturesConfig

ROOT = Path(components.__file__).parent.parent
FEATURES = """{"label": {"column": "late", "task": "binary"}, "numeric": [{"columns": ["price", "count"]}],
"categorical": [{"columns": ["country"]}]}"""


def _pipeline(folder: Path) -> Pipeline:
    example_gen = CsvExampleGen(input_base=str(folder))
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = ImportSchemaGen(schema_file=str(folder / "schema.pbtxt"))
    statistics, schema = statistics_gen.outputs["statistics"], schema_gen.outputs["schema"]
    validator = ExampleValidator(statistics=statistics, schema=schema)
    gate = DataGate(
        statistics=statistics,
        schema=schema,
        anomalies=validator.outputs["anomalies"],
        examples=example_gen.outputs["examples"],
        config=DataGateConfig(),
        features=FeaturesConfig.model_validate_json(FEATURES),
        code_fingerprint="f00",
    )
    return Pipeline("orders", str(folder), components=[example_gen, statistics_gen, schema_gen, validator, gate])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The pipeline job, as Kubeflow and Vertex take it."""
    folder = tmp_path_factory.mktemp("compiled")
    config = KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True)
    KubeflowV2DagRunner(config=config, output_dir=str(folder), output_filename="job.json").run(_pipeline(folder))
    job: dict[str, Any] = json.loads((folder / "job.json").read_text())
    return job.get("pipelineSpec", job)


def _container(compiled: dict[str, Any]) -> dict[str, Any]:
    component = compiled["components"]["DataGate"]
    container: dict[str, Any] = compiled["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
    return container


def test_all_parameters_are_strings_of_json_or_words(compiled: dict[str, Any]) -> None:
    task = compiled["root"]["dag"]["tasks"]["DataGate"]
    values = {name: given["runtimeValue"]["constant"] for name, given in task["inputs"]["parameters"].items()}
    assert DataGateConfig.from_json(values["config"]) == DataGateConfig()
    assert Columns.from_json(values["columns"]) == COLUMNS
    assert (values["on_refusal"], values["code_fingerprint"]) == ("fail", "f00")


def _run(compiled: dict[str, Any], run: Run, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the container's command, its placeholders filled in as Kubeflow does."""
    component = compiled["components"]["DataGate"]
    task = compiled["root"]["dag"]["tasks"]["DataGate"]

    def artifact(uri: str, name: str, declared: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
        return {"artifacts": [{"name": name, "uri": uri, "type": declared["artifactType"], "metadata": metadata}]}

    executor_input = {
        "inputs": {
            "parameterValues": {
                name: given["runtimeValue"]["constant"] for name, given in task["inputs"]["parameters"].items()
            },
            "artifacts": {
                name: artifact(
                    run.inputs[name][0].uri,
                    f"projects/p/{name}/1",
                    declared,
                    {"split_names": run.inputs[name][0].split_names} if name != "schema" else {},
                )
                for name, declared in component["inputDefinitions"]["artifacts"].items()
            },
        },
        "outputs": {
            "artifacts": {
                "verdict": artifact(
                    str(folder / "verdict"),
                    "projects/p/verdict/2",
                    component["outputDefinitions"]["artifacts"]["verdict"],
                    {},
                )
            },
            "outputFile": str(folder / "task" / "executor_output.json"),
        },
    }
    container = _container(compiled)
    words = [*container.get("command", []), *container["args"]]
    filled = {
        "{{$}}": json.dumps(executor_input),
        "{{$.json_escape[1]}}": json.dumps(executor_input),
    }
    words = [filled.get(word, word) for word in words]
    if words[0] == "python":
        words[0] = sys.executable
    return subprocess.run(
        words, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_sound_data_are_blessed(compiled: dict[str, Any], sound_run: Run, tmp_path: Path) -> None:
    done = _run(compiled, sound_run, tmp_path)
    assert done.returncode == 0, done.stderr
    assert read(str(tmp_path / "verdict")).blessed
    output = json.loads((tmp_path / "task" / "executor_output.json").read_text())
    (verdict,) = output["artifacts"]["verdict"]["artifacts"]
    assert verdict["metadata"]["blessed"] == 1


@pytest.mark.slow
def test_refused_data_fail_the_step(compiled: dict[str, Any], tmp_path: Path) -> None:
    frames = sound()
    for frame in frames.values():
        frame.loc[: len(frame) // 2, "country"] = "nl"
    done = _run(compiled, Run(tmp_path / "run", frames), tmp_path)
    assert done.returncode != 0
    assert "the data gate refuses the data: ENUM_TYPE_UNEXPECTED_STRING_VALUES (country" in done.stderr
    verdict = read(str(tmp_path / "verdict"))
    assert not verdict.blessed
    assert verdict.proposal
    assert not (tmp_path / "task" / "executor_output.json").exists()


def test_the_artifact_types_are_found_by_the_path_that_kubeflow_keeps() -> None:
    assert components.DataVerdict is DataVerdict
    assert DataVerdict.TYPE_NAME == "components.DataVerdict"
    assert components.SmokeTestReport.TYPE_NAME == "components.SmokeTestReport"
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = components.Nothing

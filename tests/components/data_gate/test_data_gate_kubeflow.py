"""The gate in a pipeline compiled for Kubeflow: its container's own command, run here, on sound and on broken data."""

from pathlib import Path

import pytest
from support.fork_server import ForkServer
from support.gated import COLUMNS, Run, sound
from support.kubeflow import Compiled, Ended, compiled_job, parameters, run_step, written
from tfx.components import CsvExampleGen, ExampleValidator, StatisticsGen
from tfx.orchestration.pipeline import Pipeline
from tfx.v1.components import ImportSchemaGen

import components
from components.data_gate.columns import Columns
from components.data_gate.component import DataGate, DataVerdict
from components.data_gate.config import DataGateConfig
from components.data_gate.report import read
from preprocessing.config import FeaturesConfig
from preprocessing.missing import MissingWords

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
        missing=MissingWords(),
        code_fingerprint="f00",
    )
    return Pipeline("orders", str(folder), components=[example_gen, statistics_gen, schema_gen, validator, gate])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    """The pipeline job, as Kubeflow and Vertex take it."""
    folder = tmp_path_factory.mktemp("compiled")
    return compiled_job(_pipeline(folder), folder)


def test_all_parameters_are_strings_of_json_or_words(compiled: Compiled) -> None:
    values = parameters(compiled, "DataGate")
    assert DataGateConfig.from_json(values["config"]) == DataGateConfig()
    assert Columns.from_json(values["columns"]) == COLUMNS
    assert (values["on_refusal"], values["code_fingerprint"]) == ("fail", "f00")


def _run(forks: ForkServer, compiled: Compiled, run: Run, folder: Path) -> Ended:
    declared = compiled["components"]["DataGate"]["inputDefinitions"]["artifacts"]
    return run_step(forks, compiled, "DataGate", {name: run.inputs[name][0] for name in declared}, folder)


@pytest.mark.slow
def test_sound_data_are_blessed(forks: ForkServer, compiled: Compiled, sound_run: Run, tmp_path: Path) -> None:
    done = _run(forks, compiled, sound_run, tmp_path)
    assert done.returncode == 0, done.log
    assert read(str(tmp_path / "verdict")).blessed
    assert written(tmp_path, "verdict")["blessed"] == 1


@pytest.mark.slow
def test_refused_data_fail_the_step(forks: ForkServer, compiled: Compiled, tmp_path: Path) -> None:
    frames = sound()
    for frame in frames.values():
        frame.loc[: len(frame) // 2, "country"] = "nl"
    done = _run(forks, compiled, Run(tmp_path / "run", frames), tmp_path)
    assert done.returncode != 0
    assert "the data gate refuses the data: ENUM_TYPE_UNEXPECTED_STRING_VALUES (country" in done.log
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

"""The component as TFX sees it: typed channels, an importable executor, JSON parameters."""

import json

from tfx.dsl.compiler.compiler import Compiler
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.pipeline import Pipeline
from tfx.types import standard_artifacts

from components.smoke_test.component import SmokeTest, SmokeTestReport
from components.smoke_test.config import SmokeTestConfig


def compiled() -> tuple[SmokeTest, str]:
    types = {
        "model": standard_artifacts.Model,
        "examples": standard_artifacts.Examples,
        "schema": standard_artifacts.Schema,
    }
    importers = {
        name: Importer(source_uri=name, artifact_type=kind).with_id(f"import_{name}") for name, kind in types.items()
    }
    component = SmokeTest(
        **{name: importer.outputs["result"] for name, importer in importers.items()},
        config=SmokeTestConfig(rows=5),
        code_fingerprint="f00",
    )
    pipeline = Pipeline("test", "root", components=[*importers.values(), component])
    return component, str(Compiler().compile(pipeline))


def test_it_compiles_with_its_executor_by_path_and_its_configuration_as_json() -> None:
    component, text = compiled()
    assert "components.smoke_test.executor.Executor" in text
    assert "__main__" not in text
    assert json.loads(component.exec_properties["config"])["rows"] == 5
    assert 'string_value: "f00"' in text


def test_its_outputs_are_a_standard_blessing_and_a_report() -> None:
    component, _ = compiled()
    assert component.outputs["blessing"].type is standard_artifacts.InfraBlessing
    assert component.outputs["report"].type is SmokeTestReport


def test_kubeflow_accepts_its_report_type() -> None:
    assert f"title: {SmokeTestReport.TYPE_NAME}" in compiler_utils.get_artifact_schema(SmokeTestReport)

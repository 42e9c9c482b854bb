"""The exit handler: what it says about each end of a run, and how it is compiled."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline

from components.final_state.component import FinalState
from components.final_state.executor import Executor
from components.schema_import.component import SchemaImport

JOB = "projects/123/locations/europe-west4/pipelineJobs/penguins-20240101000000"
TRACE = "The DAG failed because some tasks failed. The failed tasks are: [Trainer].;\n  Job (project_id = p)\tfailed"
SUCCEEDED = {"state": "SUCCEEDED", "pipelineJobResourceName": JOB, "pipelineTaskName": "tfx-dag"}
FAILED = SUCCEEDED | {"state": "FAILED", "error": {"code": 9, "message": TRACE}}
CANCELLED = SUCCEEDED | {"state": "CANCELLED", "error": {"code": 1, "message": ""}}


def printed(capsys: pytest.CaptureFixture[str], status: Any) -> dict[str, str]:
    """What the executor writes: one line of JSON, which a log-based metric finds by its `lockgate`."""
    properties = {"pipeline": "penguins", "final_status": status}
    Executor(BaseExecutor.Context()).Do({}, {}, properties)
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert len(out.splitlines()) == 1
    line = json.loads(out)
    assert list(line) == ["lockgate", "pipeline", "job", "state", "error"]
    assert (line["lockgate"], line["pipeline"]) == ("final_state", "penguins")
    return line


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (SUCCEEDED, "SUCCEEDED", ""),
        (
            FAILED,
            "FAILED",
            "The DAG failed because some tasks failed. The failed tasks are: [Trainer].; Job (project_id = p) failed",
        ),
        (CANCELLED, "CANCELLED", ""),
    ],
)
def test_every_end_has_a_line(capsys: pytest.CaptureFixture[str], status: Any, state: str, error: str) -> None:
    # The recorded objects are what the field's own proto allows.
    json_format.ParseDict(status, pipeline_spec_pb2.PipelineTaskFinalStatus())
    line = printed(capsys, json.dumps(status))
    assert (line["job"], line["state"], line["error"]) == ("penguins-20240101000000", state, error)
    assert printed(capsys, json_format.ParseDict(status, Struct())) == line


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": "FAILED"}, {"job": "", "state": "FAILED", "error": ""}),
        ({"state": None, "error": None, "pipelineJobResourceName": None}, {"state": "UNKNOWN", "error": "", "job": ""}),
        ({"state": "PAUSED", "more": [1]}, {"state": "PAUSED", "error": ""}),
        ({"state": "FAILED", "error": "out of memory"}, {"error": "out of memory"}),
        ({"pipelineJobUuid": 7, "pipelineJobName": ""}, {"job": "7", "state": "UNKNOWN"}),
        ({"pipelineJobName": "name", "pipelineJobUuid": 7}, {"job": "name"}),
    ],
)
def test_what_is_missing_or_unknown_is_no_error(
    capsys: pytest.CaptureFixture[str], status: Any, expected: dict[str, str]
) -> None:
    line = printed(capsys, json.dumps(status))
    assert expected.items() <= line.items()


@pytest.mark.parametrize("status", ["", "{{$.final_status}}", "[]", "null", '{"state": "FAI'])
def test_a_status_that_is_no_object_is_shown(capsys: pytest.CaptureFixture[str], status: str) -> None:
    line = printed(capsys, status)
    assert (line["state"], line["job"]) == ("UNKNOWN", "")
    assert line["error"] == f"the status is not a JSON object: {status}".strip()


def test_a_long_message_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    line = printed(capsys, json.dumps(FAILED | {"error": {"message": "ä" * 501}}))
    assert line["error"] == "ä" * 497 + "..."
    assert printed(capsys, json.dumps(FAILED | {"error": {"message": "ä" * 500}}))["error"] == "ä" * 500


def test_compiled_as_the_exit_handler_it_runs_from_its_container(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = KubeflowV2DagRunner(KubeflowV2DagRunnerConfig(default_image="image", use_pipeline_spec_2_1=True))
    runner.set_exit_handler(FinalState(pipeline="penguins", final_status=FinalStatusStr()))
    pipeline = Pipeline(pipeline_name="penguins", pipeline_root="gs://bucket", components=[SchemaImport("")])
    spec = runner.run(pipeline, write_out=False)["pipelineSpec"]
    task = spec["root"]["dag"]["tasks"]["FinalState"]
    assert task["inputs"]["parameters"] == {
        "pipeline": {"runtimeValue": {"constant": "penguins"}},
        "final_status": {"taskFinalStatus": {"producerTask": "tfx-dag"}},
    }
    assert task["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    component = spec["components"]["FinalState"]
    arguments = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]["args"]
    assert "components.final_state.executor.Executor" in arguments
    output = tmp_path / "task" / "executor_output.json"
    invocation = {
        "inputs": {"parameterValues": {"pipeline": "penguins", "final_status": json.dumps(FAILED)}},
        "outputs": {"outputFile": str(output)},
    }
    words = [json.dumps(invocation) if word == "{{$}}" else word for word in arguments]
    kubeflow_v2_run_executor.main(kubeflow_v2_run_executor._parse_flags(["program", *words]))
    assert json.loads(capsys.readouterr().out)["state"] == "FAILED"
    assert output.exists()

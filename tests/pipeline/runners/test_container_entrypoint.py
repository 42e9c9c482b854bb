"""What the entry point does around a step, on ExecutorInputs as the launchers write them."""

import base64
import json
import subprocess
import sys
import zlib

import pytest
from support.rest_server import RestServer

from components.artifacts.reports import REPORT_FILE
from components.data_gate.report import DataFinding, Verdict
from pipeline.runners.compile.failure_pages import page_argument
from pipeline.runners.container_entrypoint import main, prepare, with_urls

COMMAND = [sys.executable, "-m", "pipeline.runners.container_entrypoint"]
MODEL = {"schemaTitle": "tfx.Model", "schemaVersion": "0.0.1"}


def _input(**changes) -> dict:
    given = {
        "inputs": {
            "parameterValues": {"config": "{}"},
            "artifacts": {
                "model": {"artifacts": [{"name": "1", "uri": "minio://bucket/a/model", "type": MODEL, "metadata": {}}]},
                "champion": {
                    "artifacts": [{"name": "2", "uri": "gs://b/champion", "type": MODEL, "metadata": {"absent": 1.0}}]
                },
            },
        },
        "outputs": {
            "artifacts": {
                "blessing": {"artifacts": [{"name": "3", "uri": "s3://bucket/b/blessing", "type": MODEL}]},
                "executor-logs": {
                    "artifacts": [
                        {"name": "4", "uri": "s3://bucket/b/logs", "type": {"schemaTitle": "system.Artifact"}}
                    ]
                },
            },
            "outputFile": "/tmp/kfp_outputs/output_metadata.json",  # noqa: S108 - as Kubeflow has it
        },
    }
    return given | changes


def _uris(prepared: dict, direction: str) -> dict[str, str]:
    return {name: each["artifacts"][0]["uri"] for name, each in prepared[direction]["artifacts"].items()}


def test_urls_become_mounted_folders_and_what_is_not_for_tfx_goes():
    prepared = prepare(_input(), "/", {})
    assert _uris(prepared, "inputs") == {"model": "/minio/bucket/a/model"}
    assert _uris(prepared, "outputs") == {"blessing": "/s3/bucket/b/blessing"}
    assert prepared["outputs"]["outputFile"] == _input()["outputs"]["outputFile"]


def test_where_nothing_is_mounted_urls_stay():
    prepared = prepare(_input(), None, {})
    assert _uris(prepared, "inputs") == {"model": "minio://bucket/a/model"}
    assert _uris(prepared, "outputs") == {"blessing": "s3://bucket/b/blessing"}


def test_google_storage_is_mounted_as_gcs_and_a_path_is_left_alone():
    given = _input()
    given["inputs"]["artifacts"] = {
        "a": {"artifacts": [{"uri": "gs://bucket/x"}]},
        "b": {"artifacts": [{"uri": "/mnt/volume/x"}]},
        "c": {"artifacts": [{"uri": "https://example.com/x"}]},
    }
    assert _uris(prepare(given, "/", {}), "inputs") == {
        "a": "/gcs/bucket/x",
        "b": "/mnt/volume/x",
        "c": "https://example.com/x",
    }


@pytest.mark.parametrize("given_type", [None, {}, {"instanceSchema": ""}])
def test_an_input_without_a_type_gets_the_declared_one(given_type):
    """As Kubeflow's driver has it of the metadata store: with an empty schema."""
    given = _input()
    artifact = given["inputs"]["artifacts"]["model"]["artifacts"][0]
    artifact.pop("type")
    if given_type is not None:
        artifact["type"] = given_type
    spec = {"artifacts": {"model": {"artifactType": {"schemaTitle": "tfx.Model"}}, "champion": {"artifactType": {}}}}
    prepared = prepare(given, "/", spec)
    assert prepared["inputs"]["artifacts"]["model"]["artifacts"][0]["type"] == {"schemaTitle": "tfx.Model"}


def test_a_type_that_is_there_stays():
    spec = {"artifacts": {"model": {"artifactType": {"schemaTitle": "tfx.Other"}}}}
    assert prepare(_input(), "/", spec)["inputs"]["artifacts"]["model"]["artifacts"][0]["type"] == MODEL


def test_the_input_is_not_changed():
    given = _input()
    prepare(given, "/", {})
    assert given == _input()


def test_long_parameters_are_unpacked():
    packed = "zlib:" + base64.b64encode(zlib.compress("grüß dich\n".encode() * 5000)).decode()
    given = _input(inputs={"parameterValues": {"schema_text": packed, "n": 3.0}, "artifacts": {}})
    assert prepare(given, None, {})["inputs"]["parameterValues"] == {"schema_text": "grüß dich\n" * 5000, "n": 3.0}


def test_what_a_step_without_inputs_gets():
    assert prepare({"outputs": {"outputFile": "/o"}}, "/", {})["inputs"] == {"parameterValues": {}, "artifacts": {}}


def test_the_report_names_the_urls_that_the_launcher_knows():
    report = {
        "parameterValues": {"span": 3},
        "artifacts": {"blessing": {"artifacts": [{"uri": "/s3/bucket/b/blessing", "metadata": {"blessed": 1.0}}]}},
    }
    assert with_urls(report, _input()) == {
        "parameterValues": {"span": 3},
        "artifacts": {"blessing": {"artifacts": [{"uri": "s3://bucket/b/blessing", "metadata": {"blessed": 1.0}}]}},
    }


def test_a_list_of_artifacts_may_be_empty():
    """Its JSON is `{}` then."""
    given = _input()
    given["inputs"]["artifacts"]["model"] = {}
    given["outputs"]["artifacts"] = {"blessing": {}}
    prepared = prepare(given, "/", {"artifacts": {"model": {"artifactType": {"schemaTitle": "tfx.Model"}}}})
    assert prepared["inputs"]["artifacts"] == {"model": {"artifacts": []}}
    assert prepared["outputs"]["artifacts"] == {"blessing": {"artifacts": []}}
    for empty in ({}, {"artifacts": []}):
        assert with_urls({"artifacts": {"blessing": empty}}, given) == {"artifacts": {"blessing": {"artifacts": []}}}


def _arguments(tmp_path, executor: str, artifacts: dict, **properties) -> list[str]:
    given = {
        "inputs": {"parameterValues": properties, "artifacts": artifacts},
        "outputs": {"artifacts": {}, "outputFile": str(tmp_path / "out" / "report.json")},
    }
    return [
        "--executor_class_path", executor, "--json_serialized_invocation_args", json.dumps(given),
        "--json_serialized_inputs_spec_args", '{"parameters": {}}', "--seed=1",
    ]  # fmt: skip


def _verdict(tmp_path, *, blessed: float) -> dict:
    finding = DataFinding(
        check="min_rows", expected="at least 10 rows", received="3 rows", severity="block", hint="add rows"
    )
    report = Verdict(blessed=bool(blessed), findings=() if blessed else (finding,), checks=(), seconds=1.0)
    (tmp_path / "verdict").mkdir()
    (tmp_path / "verdict" / REPORT_FILE).write_text(report.model_dump_json())
    artifact = {
        "name": "1",
        "uri": str(tmp_path / "verdict"),
        "type": {"instanceSchema": "title: components.DataVerdict\ntype: object\n"},
        "metadata": {"blessed": blessed},
    }
    return {"verdict": {"artifacts": [artifact]}}


def test_a_gates_yes_ends_the_step_well(tmp_path, monkeypatch):
    arguments = _arguments(tmp_path, "components.data_gate.stop.Executor", _verdict(tmp_path, blessed=1.0))
    monkeypatch.delitem(sys.modules, "pipeline.runners.failure_page", raising=False)
    assert main([*arguments, '--page={"function": "no.such.function", "given": {}}']) == 0
    # A step that ends well imports nothing for a page.
    assert "pipeline.runners.failure_page" not in sys.modules
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == {}


def test_a_gates_no_is_exit_code_3_with_the_reason_and_no_stack_trace(tmp_path, capfd):
    arguments = _arguments(tmp_path, "components.data_gate.stop.Executor", _verdict(tmp_path, blessed=0.0))
    assert main(arguments) == 3
    said = capfd.readouterr().err
    assert "refused: DataGate: " in said
    assert "expected at least 10 rows" in said
    assert f"read {tmp_path}/verdict/report.json; add rows" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_the_webhook_hears_of_a_refusal_and_of_the_exit_handlers_failure(tmp_path, monkeypatch):
    notice = '--notify={"config": {"url_env": "HOOK", "tries": 1}, "pipeline": "penguins", "runner": "vertex"}'
    stop = _arguments(tmp_path, "components.data_gate.stop.Executor", _verdict(tmp_path, blessed=0.0), run="p-7")
    status = {"state": "FAILED", "pipelineJobName": "p-7", "error": {"message": "The failed tasks are: [Trainer]."}}
    end = _arguments(
        tmp_path, "components.final_state.executor.Executor", {}, pipeline="penguins", final_status=json.dumps(status)
    )
    with RestServer() as server:
        monkeypatch.setenv("HOOK", f"{server.url}/hook")
        assert main([*stop, notice]) == 3
        assert main([*end, notice]) == 0
        told = server.bodies("POST /hook")
    assert [(each["event"], each["run"]) for each in told] == [("refused", "p-7"), ("failed", "p-7")]
    assert told[0]["reason"].startswith("DataGate: min_rows: expected at least 10 rows")
    # A webhook that does not answer any more fails no step.
    assert main([*end, notice]) == 0


def test_what_a_component_has_to_say_is_in_the_log(tmp_path, capfd):
    outputs = {
        name: {"artifacts": [{"name": name, "uri": str(tmp_path / name), "type": {"schemaTitle": title}}]}
        for name, title in (("model", "tfx.Model"), ("baseline_statistics", "tfx.ExampleStatistics"))
    }
    arguments = _arguments(
        tmp_path, "components.champion.executor.Executor", {}, source=str(tmp_path / "serving"), code_fingerprint=""
    )
    given = json.loads(arguments[3])
    given["outputs"]["artifacts"] = outputs
    arguments[3] = json.dumps(given)
    assert main(arguments) == 0
    assert "INFO: champion: none" in capfd.readouterr().err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["artifacts"]["model"]["artifacts"][0]["metadata"]["absent"] == 1


def test_a_persons_mistake_is_one_message_and_a_bug_a_stack_trace(tmp_path, capfd):
    no_folder = _arguments(
        tmp_path, "components.champion.executor.Executor", {}, source="registry:x@y", project="", region="",
        api_endpoint="http://example.com", code_fingerprint="",
    )  # fmt: skip
    assert main(no_folder) == 1
    assert "this is a bug" in capfd.readouterr().err
    assert main(_arguments(tmp_path, "nowhere.Executor", {})) == 1
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert "No module named 'nowhere'" in said


@pytest.mark.slow
def test_a_step_that_takes_too_long_is_ended(tmp_path):
    (tmp_path / "sleepy.py").write_text(
        "import threading\nfrom tfx.dsl.components.base.base_executor import BaseExecutor\n"
        "class Executor(BaseExecutor):\n    def Do(self, *_):\n        threading.Event().wait()\n"
    )
    page = page_argument("Sleepy", {"Sleepy": {}}, pipeline="p", target="vertex", image="i")
    arguments = _arguments(tmp_path, "sleepy.Executor", {})
    given = json.loads(arguments[3])
    given["outputs"]["artifacts"] = {
        "o": {"artifacts": [{"name": "1", "uri": str(tmp_path / "Sleepy_1/o"), "type": MODEL}]}
    }
    arguments[3] = json.dumps(given)
    command = [*COMMAND, *arguments, page, "--timeout_seconds=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 124
    # Between them stands what the libraries log.
    said = [line for line in done.stderr.splitlines() if line.startswith(("error: ", "report: "))]
    assert said[0] == "error: the step took longer than timeout_seconds: 1"
    assert said[1:] == [f"report: {tmp_path}/Sleepy_1/report.html"]
    assert "failed in Sleepy: the step took longer" in (tmp_path / "Sleepy_1/report.html").read_text()

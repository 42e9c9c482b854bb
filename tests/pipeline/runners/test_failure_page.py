"""What a step leaves that fails, by its own entry point; it never changes how the step ends."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.bucket import forbid_storage, use_folder_as_storage
from support.page_text import said_by

from components.artifacts.reports import REPORT_FILE, RUN_SO_FAR_FILE
from components.data_gate.report import Verdict
from pipeline.report.facts import NodeFact
from pipeline.report.failed_step import facts_of
from pipeline.runners.compile.failure_pages import page_argument
from pipeline.runners.container_entrypoint import main
from pipeline.runners.failure_page import Failure, StepSeen, failure_of
from preprocessing.errors import UserError

TASKS: dict[str, Any] = {
    "ExampleGen": {},
    "StatisticsGen": {
        "dependentTasks": ["ExampleGen"],
        "inputs": {"artifacts": {"examples": ("ExampleGen", "examples")}},
    },
    "DataGate": {
        "dependentTasks": ["StatisticsGen"],
        "inputs": {"artifacts": {"statistics": ("StatisticsGen", "statistics")}},
    },
    "DataStop": {"dependentTasks": ["DataGate"], "inputs": {"artifacts": {"verdict": ("DataGate", "verdict")}}},
    "Transform": {
        "dependentTasks": ["DataStop", "ExampleGen"],
        "inputs": {"artifacts": {"examples": ("ExampleGen", "examples")}},
    },
    "Trainer": {"dependentTasks": ["Transform"], "inputs": {"artifacts": {"graph": ("Transform", "transform_graph")}}},
}


KIND = {"schemaTitle": "tfx.Examples", "schemaVersion": "0.0.1"}


def tasks() -> dict[str, Any]:
    """As TFX's compiler writes them."""
    return {
        name: {
            "dependentTasks": task.get("dependentTasks", []),
            "inputs": {
                "artifacts": {
                    key: {"taskOutputArtifact": {"producerTask": maker, "outputArtifactKey": output}}
                    for key, (maker, output) in task.get("inputs", {}).get("artifacts", {}).items()
                }
            },
        }
        for name, task in TASKS.items()
    }


def given(step: str) -> dict[str, Any]:
    argument = page_argument(step, tasks(), pipeline="birds", target="vertex", image="registry.example.com/l:1")
    told: dict[str, Any] = json.loads(argument.removeprefix("--page="))
    assert told["function"] == "pipeline.report.failed_step.write"
    return told["given"]


def test_a_step_is_told_what_its_results_depend_on_and_no_more() -> None:
    told = given("Trainer")
    # What lies around the data gate would make a step run again that has the same inputs.
    assert told["graph"] == {
        "DataGate": [],
        "DataStop": ["DataGate"],
        "ExampleGen": [],
        "Trainer": ["Transform"],
        "Transform": ["DataStop", "ExampleGen"],
    }
    assert told["inputs"] == {"graph": ["Transform", "transform_graph"]}
    assert given("ExampleGen")["graph"] == {"ExampleGen": []}


def arguments(executor: str, outputs: dict[str, str], step: str = "ExampleGen", **parameters: Any) -> list[str]:
    invocation = {
        "inputs": {"parameterValues": parameters},
        "outputs": {
            "artifacts": {
                name: {"artifacts": [{"name": name, "uri": uri, "type": KIND}]} for name, uri in outputs.items()
            },
            "outputFile": "/nowhere/report.json",
        },
    }
    return [
        "--executor_class_path", executor, "--json_serialized_invocation_args", json.dumps(invocation),
        "--json_serialized_inputs_spec_args", "{}",
        page_argument(step, tasks(), pipeline="birds", target="vertex", image="registry.example.com/l:1"),
    ]  # fmt: skip


ELSEWHERE = "gs://bucket/root/birds/run-7/ExampleGen_-42/examples"


def test_the_page_lies_in_the_bucket_and_hides_passwords(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use_folder_as_storage(tmp_path, monkeypatch)
    query = "postgresql://me:secret@host/db"
    assert main(arguments("nowhere.Executor", {"examples": ELSEWHERE}, source=query)) == 1
    said = capfd.readouterr().err
    assert said.splitlines()[-1] == "report: gs://bucket/root/birds/run-7/ExampleGen_-42/report.html"
    page = said_by(tmp_path / "bucket/root/birds/run-7/ExampleGen_-42/report.html")
    assert page.startswith("Failed: birds, run run-7 ")
    assert "failed in ExampleGen: ImportError: Could not import nowhere.Executor" in page
    assert "Traceback" in page
    assert "postgresql://me:***@host/db" in page
    assert "secret" not in page


def test_a_store_without_permission_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    forbid_storage(monkeypatch)
    monkeypatch.setattr("tfx.utils.io_utils.write_string_file", _forbidden)
    monkeypatch.setattr("tfx.dsl.io.fileio.makedirs", _forbidden)
    assert main(arguments("nowhere.Executor", {"examples": ELSEWHERE})) == 1
    *_, last = capfd.readouterr().err.splitlines()
    assert last == "report: not written: PermissionError: 403 storage.objects.create"


def _forbidden(*_: Any) -> None:
    raise PermissionError("403 storage.objects.create")


def test_a_step_without_a_place_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(arguments("nowhere.Executor", {})) == 1
    assert capfd.readouterr().err.splitlines()[-1].endswith("ExampleGen has no outputs, and so no folder in the store")


def test_a_store_that_does_not_answer_does_not_hold_the_step(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text("import threading\ndef write(*_):\n    threading.Event().wait()\n")
    code = (
        "import sys\nfrom components import named_function\nfrom pipeline.runners import failure_page\n"
        "failure_page.WAIT = 0.1\n"
        "failure_page.leave(named_function.job('waiting.write', {}), ValueError('no'), lambda: None, print, 7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (7, "report: not written: the store did not answer within 0 s\n")


def test_a_mistake_is_told_with_its_own_next_step() -> None:
    failure = failure_of(UserError("birds.csv: no such file", hint="check data.path"))
    assert failure == Failure(
        "birds.csv: no such file", "check data.path", "birds.csv: no such file\n  next: check data.path"
    )


def seen(tmp_path: Path, step: str, **read: str) -> StepSeen:
    """As a step sees it whose outputs lie in a folder of this machine."""
    outputs = {"output": str(tmp_path / "run-7" / step / "5" / "output")}
    return StepSeen(outputs=outputs, inputs=read, read=read, marks={}, parameters={"config": '{"epochs": 3}'})


FAILURE = Failure("it broke", "mend it", "it broke")


def test_what_the_data_gate_left_in_the_same_run_is_shown(tmp_path: Path) -> None:
    from support.report_facts import facts

    nodes = tuple(NodeFact(name=each, state="done") for each in ("ExampleGen", "StatisticsGen", "DataGate"))
    left = facts()
    left = left.model_copy(update={"run": left.run.model_copy(update={"nodes": nodes})})
    folder = tmp_path / "run-7/DataGate/3/verdict"
    folder.mkdir(parents=True)
    (folder / RUN_SO_FAR_FILE).write_text(left.to_json(), encoding="utf-8")
    shown = facts_of(FAILURE, seen(tmp_path, "Trainer"), given("Trainer"))
    assert shown.data == left.data
    assert shown.run.id == "run-7"
    assert {each.name: each.state for each in shown.run.nodes} == {
        **dict.fromkeys(("ExampleGen", "StatisticsGen", "DataGate", "DataStop", "Transform"), "done"),
        "Trainer": "failed",
    }
    assert "data" not in shown.absent
    assert shown.run.next_step.startswith("mend it; ")
    assert "epochs: 3" in shown.reproduce.config


def test_where_it_left_nothing_a_later_step_still_shows_that_it_passed(tmp_path: Path) -> None:
    shown = facts_of(FAILURE, seen(tmp_path, "Trainer"), given("Trainer"))
    assert [(each.name, each.passed) for each in shown.run.gates] == [("DataGate", True)]
    assert "data" in shown.absent
    assert facts_of(FAILURE, seen(tmp_path, "ExampleGen"), given("ExampleGen")).run.gates == ()


def test_a_damaged_file_of_the_data_gate_stops_no_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "run-7/DataGate/3/verdict"
    folder.mkdir(parents=True)
    (folder / RUN_SO_FAR_FILE).write_text("{", encoding="utf-8")
    assert facts_of(FAILURE, seen(tmp_path, "Trainer"), given("Trainer")).data is None
    assert "what the data gate left can't be read" in caplog.text


def test_the_verdicts_among_a_late_steps_inputs_are_shown(tmp_path: Path) -> None:
    folder = tmp_path / "verdict"
    folder.mkdir()
    (folder / REPORT_FILE).write_text(Verdict.of((), (), seconds=0.1).model_dump_json(), encoding="utf-8")
    shown = facts_of(FAILURE, seen(tmp_path, "DataStop", verdict=str(folder)), given("DataStop"))
    assert [(each.name, each.passed) for each in shown.run.gates] == [("DataGate", True)]
    [gate] = [each for each in shown.run.nodes if each.name == "DataGate"]
    assert gate.artifacts == (str(folder),)

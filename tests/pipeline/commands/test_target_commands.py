"""`lockgate compile` and `lockgate submit`, with the shipped pipelines and local servers that check every field."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.compiled_pipelines import DATA_SETS, compiled, config_file
from support.kubeflow_server import KubeflowServer
from support.rest_server import Answers, RestServer
from support.vertex_server import VertexServer

from components.cloud.google_login import TOKEN_VARIABLE
from pipeline.cli import main

pytestmark = pytest.mark.slow

TOKEN = "a-token-that-nobody-should-see"  # noqa: S105


@pytest.fixture
def kubeflow(monkeypatch):
    monkeypatch.setenv("KUBEFLOW_TOKEN", TOKEN)
    with KubeflowServer() as server:
        yield server


@pytest.fixture
def vertex(monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with VertexServer() as server:
        yield server


def _arguments(server, *options, data_set="penguins"):
    target = "kubeflow" if isinstance(server, KubeflowServer) else "vertex"
    address = {"kubeflow": "host", "vertex": "api_endpoint"}[target]
    own = ["--target", target, "--set", f"targets.{target}.{address}={server.url}"]
    return ["submit", str(config_file(data_set)), *own, *options]


def _submit(server, *options, data_set="penguins"):
    done = CliRunner().invoke(main, _arguments(server, *options, data_set=data_set))
    assert TOKEN not in done.output
    return done


@pytest.mark.parametrize("target", ["kubeflow", "vertex"])
def test_compiles_to_a_file_of_the_pipelines_name(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["compile", str(config_file("penguins")), "--target", target])
    assert done.exit_code == 0, done.output
    file = f"penguins-{target}.yaml"
    assert done.output == f"compiled: {file} (13 steps; parameters: data_path, epochs, push_directory)\n"
    assert Path(file).read_text(encoding="utf-8") == compiled("penguins", target).text()
    assert [each.name for each in tmp_path.iterdir()] == [file]


def test_compiles_to_stdout_in_a_process_without_credentials_or_proxies(tmp_path):
    """As a user has it: nothing but the file on stdout, TensorFlow's noise nowhere."""
    command = [str(Path(sys.executable).with_name("lockgate")), "compile", str(config_file("penguins"))]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "--target", "kubeflow", "--output", "-"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == compiled("penguins", "kubeflow").text()


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_every_shipped_pipeline_is_taken_by_both_services(data_set, kubeflow, vertex):
    for server in (kubeflow, vertex):
        done = _submit(server, data_set=data_set)
        assert done.exit_code == 0, done.output
        assert done.output.startswith("submitted: ")
    [run] = kubeflow.runs
    assert set(run["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    assert run["runtime_config"]["parameters"]["epochs"] == compiled(data_set, "kubeflow").parameters["epochs"]
    [job] = vertex.jobs.values()
    assert job["pipelineSpec"]["pipelineInfo"]["name"] == data_set


def test_a_run_has_the_parameters_of_its_command_line(kubeflow):
    done = _submit(
        kubeflow,
        *("--parameter", "epochs=5", "--parameter", "push_directory=/serving/elsewhere", "--run-name", "birds-7"),
        *("--parameter", "data_path=/serving/datä/😀.csv"),
    )
    assert done.exit_code == 0, done.output
    [run] = kubeflow.runs
    assert run["display_name"] == "birds-7"
    assert run["runtime_config"]["parameters"] == {
        "data_path": "/serving/datä/😀.csv",
        "epochs": 5,
        "push_directory": "/serving/elsewhere",
    }


def test_a_relative_push_directory_is_below_the_root_as_in_the_configuration(vertex):
    done = _submit(vertex, "--parameter", "push_directory=candidates")
    assert done.exit_code == 0, done.output
    [job] = vertex.jobs.values()
    assert (
        job["runtimeConfig"]["parameterValues"]["push_directory"]
        == "gs://my-project-lockgate/pipelines/penguins/candidates"
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epoch=5", "did you mean epochs?"),
        ("epochs", "expected NAME=VALUE with one of data_path, epochs, push_directory"),
        ("epochs=many", "expected a whole number"),
        ("epochs=0", "error: --parameter epochs=0: must be at least 1 (received 0)"),
        ("epochs=2147483648", "error: --parameter epochs: expected a whole number of at most 2147483647"),
        (f"epochs={'9' * 5000}", f'2147483647 (received "{"9" * 56}...)\n  next: give a smaller one'),
        ("data_path=/serving/\udcff.csv", r"--parameter 'data_path=/serving/\udcff.csv': expected text in UTF-8"),
        ("push_directory=~/models", "push_directory"),
        ("push_directory=../models", "push_directory"),
        ("data_path=penguins.csv", "can't see"),
        ("push_directory=/home/me", "push_directory"),
    ],
)
def test_a_parameter_that_can_not_be_is_refused_before_anything_is_sent(kubeflow, setting, message):
    done = _submit(kubeflow, "--parameter", setting)
    assert done.exit_code == 1
    assert message in done.output
    assert done.output.startswith("error: ")
    assert "Traceback" not in done.output
    assert kubeflow.received == []


def test_the_largest_number_is_taken_also_with_zeros_before_it(kubeflow):
    done = _submit(kubeflow, "--parameter", f"epochs={'0' * 5000}2147483647")
    assert done.exit_code == 0, done.output
    assert kubeflow.runs[0]["runtime_config"]["parameters"]["epochs"] == 2147483647


def test_a_runs_name_that_is_no_text_is_refused_before_anything_is_sent(kubeflow, vertex):
    for server in (kubeflow, vertex):
        command = [str(Path(sys.executable).with_name("lockgate")), *_arguments(server)]
        done = subprocess.run([*command, "--run-name", b"caf\xe9"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            r"error: --run-name 'caf\udce9': expected text in UTF-8, received other bytes"
            "\n  next: write it in UTF-8 or in ASCII\n"
        )
        assert server.received == []


def test_a_parameter_is_set_once(kubeflow):
    done = _submit(kubeflow, "--parameter", "epochs=5", "--parameter", "epochs=6")
    assert done.exit_code == 1
    assert "epochs is set twice" in done.output
    assert kubeflow.received == []


def test_a_dry_run_prints_every_request_and_sends_none(kubeflow, vertex):
    for server, call in ((kubeflow, "POST {}/apis/v2beta1/runs"), (vertex, "POST {}/v1/projects/my-project/")):
        done = _submit(server, "--dry-run")
        assert done.exit_code == 0, done.output
        assert call.format(server.url) in done.output
        assert "Authorization: Bearer [" in done.output
        assert '"epochs": 30' in done.output
        assert server.received == []


def test_a_schedule_instead_of_a_run(kubeflow, vertex):
    for server in (kubeflow, vertex):
        target = "kubeflow" if server is kubeflow else "vertex"
        done = _submit(server, "--schedule", "--set", f"targets.{target}.schedule={{cron: '0 3 * * 1'}}")
        assert done.exit_code == 0, done.output
        assert done.output.startswith("scheduled: ")
    assert [each["trigger"]["cron_schedule"]["cron"] for each in kubeflow.recurring] == ["0 0 3 * * 1"]
    assert [each["cron"] for each in vertex.schedules.values()] == ["0 3 * * 1"]
    assert not kubeflow.runs
    assert not vertex.jobs


def test_a_schedule_creates_no_run_to_wait_for(kubeflow):
    done = _submit(kubeflow, "--schedule", "--wait")
    assert done.exit_code == 2
    assert "leave out --wait" in done.output


def _states(**tasks: str) -> list[dict]:
    moment = {"start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:05Z"}
    return [{"display_name": name, "state": state} | moment for name, state in tasks.items()]


@pytest.mark.parametrize(
    ("state", "tasks", "code", "line"),
    [
        ("SUCCEEDED", {"Trainer": "SUCCEEDED", "Pusher": "SUCCEEDED"}, 0, "pushed"),
        ("SUCCEEDED", {"Trainer": "SUCCEEDED", "Pusher": "SKIPPED"}, 3, "refused: Evaluator or SmokeTest"),
        ("FAILED", {"DataGate": "SUCCEEDED", "DataStop": "FAILED"}, 3, "refused: DataGate"),
        ("FAILED", {"Trainer": "FAILED"}, 1, "failed: Trainer"),
        ("CANCELED", {"Trainer": "RUNNING"}, 1, "cancelled"),
        ("PAUSED", {"Trainer": "RUNNING"}, 1, "paused"),
    ],
)
def test_waiting_shows_the_steps_and_ends_like_a_run(kubeflow, capfd, state, tasks, code, line):
    kubeflow.progress = Answers({"state": state, "run_details": {"task_details": _states(**tasks)}})
    # The screen wants a real file to write to.
    with pytest.raises(SystemExit) as ended:
        main(_arguments(kubeflow, "--wait"))
    shown = capfd.readouterr().out.splitlines()
    assert ended.value.code == code
    assert shown[0].startswith("submitted: ")
    assert shown[1].startswith(f"{kubeflow.url}/#/runs/details/")
    assert shown[-1].startswith(line)
    for name, ended in tasks.items():
        if ended != "RUNNING":
            assert any(name in each.split() for each in shown[2:]), name


def test_waiting_for_a_failure_prints_one_object_and_tells_the_webhook(kubeflow, capfd, monkeypatch):
    tasks = _states(Trainer="FAILED")
    kubeflow.progress = Answers({"state": "FAILED", "run_details": {"task_details": tasks}})
    secret = "{secret: s, env: {HOOK: url}}"  # noqa: S105 - its name
    sets = ("notify={url_env: HOOK}", f"targets.kubeflow.secrets=[{secret}]")
    with RestServer() as hook:
        monkeypatch.setenv("HOOK", f"{hook.url}/hook")
        with pytest.raises(SystemExit) as ended:
            main([*_arguments(kubeflow, "--wait", "--json"), *(word for each in sets for word in ("--set", each))])
        [told] = hook.bodies("POST /hook")
    out, err = capfd.readouterr()
    printed = json.loads(out)
    assert ended.value.code == 1
    assert (printed["state"], printed["scheduled"]) == ("failed", False)
    assert printed["reason"].startswith("Trainer: ")
    assert printed["link"] in err
    assert (told["event"], told["runner"], told["run"]) == ("failed", "kubeflow", printed["id"])
    assert told["reason"] == printed["reason"]


def test_compile_and_the_dry_run_in_json(tmp_path, kubeflow):
    file = tmp_path / "penguins.yaml"
    compile_it = ["compile", str(config_file("penguins")), "--target", "kubeflow", "--json", "--output"]
    printed = json.loads(CliRunner().invoke(main, [*compile_it, str(file)]).stdout)
    assert printed["file"] == str(file)
    assert {"ExampleGen", "Pusher"} <= set(printed["steps"])
    assert set(printed["parameters"]) == {"data_path", "epochs", "push_directory"}
    assert CliRunner().invoke(main, [*compile_it, "-"]).exit_code == 2
    plan = json.loads(_submit(kubeflow, "--dry-run", "--json", "--run-name", "birds-7").stdout)
    assert plan["requests"].startswith(f"GET {kubeflow.url}/")
    assert '"display_name": "birds-7"' in plan["requests"]
    assert kubeflow.runs == []


def test_a_server_that_is_not_there_is_one_message(monkeypatch):
    own = ["--target", "kubeflow", "--set", "targets.kubeflow.host=http://127.0.0.1:1"]
    monkeypatch.setattr("components.cloud.http.time.sleep", lambda _: None)
    done = CliRunner().invoke(main, ["submit", str(config_file("penguins")), *own])
    assert done.exit_code == 1
    assert done.output.startswith("error: GET http://127.0.0.1:1/apis/v2beta1/healthz: no connection")
    assert "\n  next: check that the server is up" in done.output
    assert "Traceback" not in done.output


def test_the_dry_runs_body_is_json(kubeflow):
    text = _submit(kubeflow, "--dry-run").output
    body = text[text.index("POST " + kubeflow.url + "/apis/v2beta1/runs") :]
    parsed = json.loads(body[body.index("\n\n") :])
    # The page of the run states the whole configuration, the server's address too.
    expected = compiled("penguins", "kubeflow", f"targets.kubeflow.host={kubeflow.url}").spec
    assert parsed["pipeline_spec"]["pipeline_spec"] == yaml.safe_load(json.dumps(expected))

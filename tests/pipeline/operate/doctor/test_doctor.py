"""Real tools and servers, a search path of the test's own, and broken things of every kind."""

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.rest_server import RestServer, closed_port

from pipeline.cli import main
from pipeline.operate.doctor import machine as machine_checks
from pipeline.operate.doctor.diagnosis import Check, Diagnosis, asked, run_all, works
from pipeline.operate.doctor.machine import machine
from pipeline.operate.doctor.packages import loaded
from pipeline.operate.doctor.programs import PROGRAMS, program_checks
from pipeline.operate.doctor.shown import in_lines

PENGUINS = Path(__file__).resolve().parents[4] / "data/penguins/pipeline.yaml"
SECRET = "not-a-real-secret"  # noqa: S105
KUBEFLOW = "targets.kubeflow={host: '%s', root: 'gs://bucket/x', image: 'registry.example.com/lockgate:1'}"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for, and a home without credentials."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("KUBECONFIG", "CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture
def server() -> Iterator[RestServer]:
    with RestServer() as server:
        yield server


def by_name(found: Sequence[Diagnosis]) -> dict[str, Diagnosis]:
    return {each.name: each for each in found}


def programs() -> dict[str, Diagnosis]:
    return by_name([each for check in program_checks() for each in check.look()])


def script(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)])


def on_penguins(*sets: str) -> list[object]:
    """Arguments by which no server of the shipped file is asked."""
    return [
        PENGUINS,
        *(word for each in ("targets.vertex=null", "targets.kubeflow=null", *sets) for word in ("--set", each)),
    ]


def checks(*arguments: object) -> tuple[int, dict[str, dict[str, object]]]:
    done = doctor(*arguments, "--json")
    content = json.loads(done.stdout)
    assert content["works"] is (done.exit_code == 0)
    return done.exit_code, {each["name"]: each for each in content["checks"]}


def test_programs_that_are_there_and_that_are_not(path: Path) -> None:
    git = shutil.which("git", path=os.defpath)
    assert git is not None
    (path / "git").symlink_to(git)
    script(path, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    script(path, "java", "echo 'openjdk version \"17.0.1\"' >&2")
    found = programs()
    assert found["git"].state == "ok"
    assert found["git"].found.startswith("git version ")
    assert (found["Docker"].state, found["Java"].state) == ("warning", "ok")
    assert "Cannot connect to the Docker daemon" in found["Docker"].found
    assert found["Java"].found == 'openjdk version "17.0.1"'
    absent = [each for each in found.values() if each.state == "missing"]
    assert len(absent) == len(PROGRAMS) - 3
    assert all(each.gives and each.install and not each.required for each in absent)


def test_a_program_that_hangs_is_not_waited_for() -> None:
    code, lines = asked([sys.executable, "-c", "print('begun', flush=True); input_ = open('/dev/zero').read(-1)"], 0.5)
    assert (code, lines[-1]) == (None, "no answer within 0.5 s")


def test_a_check_that_has_no_end_is_left_alone() -> None:
    never = threading.Event()
    here = Diagnosis("here", "ok", "1", "x")
    found = run_all([Check("slow", lambda: [here] * never.wait()), Check("here", lambda: [here])], 0.2)
    never.set()
    assert [(each.name, each.state) for each in found] == [("slow", "warning"), ("here", "ok")]


def test_libraries_that_load_and_that_do_not(tmp_path: Path) -> None:
    import _ctypes

    broken = tmp_path / "broken.so"
    broken.write_bytes(b"not a library")
    sound = {"sound": Path(_ctypes.__file__)}
    assert loaded(sound).state == "ok"
    found = loaded(sound | {"broken": broken})
    assert (found.state, found.required) == ("missing", True)
    assert found.found.startswith("broken: ")
    assert "broken.so" in found.found


def test_the_limits_of_a_container_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "_CGROUPS", tmp_path)
    monkeypatch.setattr(machine_checks, "_CGROUP_OF_PROCESS", tmp_path / "self")
    (tmp_path / "self").write_text("0::/jobs/one\n")
    jobs = tmp_path / "jobs/one"
    jobs.mkdir(parents=True)
    (jobs / "memory.max").write_text("max\n")
    (jobs / "cpu.max").write_text("max 100000\n")
    found = by_name(machine(tmp_path / "new"))
    assert (found["memory"].state, "limited" in found["memory"].found) == ("ok", False)
    (jobs / "memory.max").write_text(f"{1 << 30}\n")
    (jobs / "cpu.max").write_text("150000 100000\n")
    found = by_name(machine(tmp_path / "new"))
    assert found["memory"].state == "warning"
    assert found["memory"].found.endswith("limited to 1.0 GiB by the container")
    assert found["processors"].found.endswith("limited to 1.5 by the container")
    # The first version's files.
    (tmp_path / "self").write_text("5:cpu,cpuacct:/\n4:memory:/docker/abc\n")
    for controller, files in (
        ("memory", {"memory.limit_in_bytes": 2 << 30}),
        ("cpu", {"cpu.cfs_quota_us": -1, "cpu.cfs_period_us": 100000}),
    ):
        (tmp_path / controller).mkdir()
        for name, value in files.items():
            (tmp_path / controller / name).write_text(f"{value}\n")
    found = by_name(machine(tmp_path / "new"))
    assert found["memory"].found.endswith("limited to 2.0 GiB by the container")
    assert "limited" not in found["processors"].found


def test_a_root_below_a_file_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = by_name(machine(tmp_path / "file/root"))["disk of the root"]
    assert (found.state, found.required, works([found])) == ("missing", True, False)


@pytest.mark.usefixtures("path")
def test_on_this_machine_it_works() -> None:
    done = doctor()
    assert done.exit_code == 0, done.output
    assert done.output.endswith("lockgate works here\n")
    assert "\x1b" not in done.output
    code, found = checks()
    assert code == 0
    # The suite runs here, so these must be right.
    assert {found[name]["state"] for name in ("Python", "system", "glibc", "packages")} == {"ok"}
    assert found["Google credentials"]["state"] == "missing"
    assert found["Google credentials"]["install"] == "gcloud auth application-default login"


@pytest.mark.usefixtures("path")
def test_a_broken_configuration_is_required() -> None:
    code, found = checks(*on_penguins("train.epochs=-1"))
    assert code == 1
    assert (found["configuration"]["state"], found["configuration"]["required"]) == ("missing", True)
    assert "train.epochs" in str(found["configuration"]["found"])
    assert doctor("--target", "kubeflow").exit_code == 2


@pytest.mark.usefixtures("path")
def test_targets_answer_or_do_not_and_no_secret_leaves(server: RestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.accepts = "another"
    for name in ("KUBEFLOW_TOKEN", "HOOK", "GOOGLE_OAUTH_ACCESS_TOKEN"):
        monkeypatch.setenv(name, SECRET)
    hook = "notify={url_env: HOOK, token_env: HOOK_TOKEN}"
    asked_for = on_penguins(KUBEFLOW % server.url, hook)
    done = doctor(*asked_for)
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    code, found = checks(*asked_for)
    assert code == 0
    # An answer is an answer: nobody logs in.
    assert found["target kubeflow"]["found"] == f"{server.url} answers (HTTP 401)"
    assert all("authorization" not in each.headers for each in server.received)
    assert found["credentials for kubeflow"]["found"] == "$KUBEFLOW_TOKEN is set"
    assert found["$HOOK"]["state"] == "ok"
    assert (found["$HOOK_TOKEN"]["state"], found["$HOOK_TOKEN"]["install"]) == ("missing", "export HOOK_TOKEN=...")
    gone = on_penguins(KUBEFLOW % f"http://127.0.0.1:{closed_port()}")
    code, found = checks(*gone)
    assert (code, found["target kubeflow"]["state"]) == (0, "missing")
    assert "refused" in str(found["target kubeflow"]["found"]).lower()
    # Asked for by name, it is required.
    assert checks(*gone, "--target", "kubeflow")[0] == 1
    code, found = checks(*on_penguins(), "--target", "vertex")
    assert (code, found["target vertex"]["found"]) == (1, "not configured")


@pytest.mark.usefixtures("path")
def test_credentials_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    assert checks()[1]["Google credentials"]["state"] == "missing"
    key.write_text("{}")
    assert checks()[1]["Google credentials"]["state"] == "ok"
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    (tmp_path / ".config/gcloud").mkdir(parents=True)
    (tmp_path / ".config/gcloud/application_default_credentials.json").write_text("{}")
    assert checks()[1]["Google credentials"]["found"] == "application default credentials"


def test_what_is_missing_says_what_it_would_give_and_how() -> None:
    found = [
        Diagnosis("a", "ok", "1.0", "x"),
        Diagnosis("Docker", "missing", "not installed", "images", "apt-get install docker.io"),
        Diagnosis("glibc", "missing", "glibc 2.17", "everything", "use the image", required=True),
    ]
    lines = in_lines(found, sys.stdout).splitlines()
    assert lines[0] == "ok       a       1.0"
    assert lines[1:3] == [
        "missing  Docker  not installed",
        "                 gives: images; next: apt-get install docker.io",
    ]
    assert lines[4].strip() == "needed for: everything; next: use the image"
    assert lines[-1] == "lockgate does not work here: glibc"

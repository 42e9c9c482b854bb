import importlib.metadata
import json
import math
import os
import signal
import subprocess
import sys

import pytest

from pipeline.config.loader import load
from pipeline.results.runs import Gate, RunRecord, RunResult, held_by, only_run
from preprocessing.errors import UserError

HOLD = """
import sys
from pathlib import Path
from pipeline.results.runs import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_and_told_who_runs(tmp_path, holder):
    with pytest.raises(UserError, match=f"process {holder.pid} on .*, since ") as error, only_run(tmp_path):
        pass
    assert "--set root=" in str(error.value)


def test_who_holds_a_root_is_seen_without_locking_it(tmp_path, holder):
    assert f"process {holder.pid} on" in held_by(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert held_by(tmp_path) is None
    assert held_by(tmp_path / "nowhere") is None


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_run(tmp_path) as took_over:
        assert f"process {holder.pid} on" in took_over
        assert json.loads((tmp_path / ".lock-holder.json").read_text())["pid"] == os.getpid()


def test_a_lock_that_was_given_back_leaves_nothing_to_say(tmp_path):
    with only_run(tmp_path) as first:
        assert first is None
    with only_run(tmp_path) as second:
        assert second is None


def test_the_lock_is_given_back_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), only_run(tmp_path):
        raise ZeroDivisionError
    with only_run(tmp_path) as took_over:
        assert took_over is None


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (RunResult("pushed", pushed="/models/7"), "pushed: /models/7"),
        (
            RunResult(
                "refused", gates=(Gate("A", True, "fine"), Gate("B", False, "auc is 0.5"), Gate("C", None, "odd"))
            ),
            "refused: B: auc is 0.5",
        ),
        (
            RunResult("refused", gates=(Gate("B", False, "auc is 0.5"), Gate("C", False, "NaN"))),
            "refused: B: auc is 0.5; C: NaN",
        ),
        (
            RunResult("stopped", states={"Transform": "done", "Trainer": "skipped"}),
            "stopped: after Transform, as asked; nothing was pushed",
        ),
    ],
)
def test_the_last_line_says_how_it_ended(result, line):
    assert result.line() == line


def test_a_metric_that_is_not_finite_is_null_in_json():
    result = RunResult("refused", metrics={"auc": 0.5, "log_loss": math.nan}, champion={"log_loss": math.inf})

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads(result.to_json(), parse_constant=refuse)
    assert content["metrics"] == {"auc": 0.5, "log_loss": None}
    assert content["champion"] == {"log_loss": None}
    assert content["state"] == "refused"
    assert math.isnan(result.metrics["log_loss"])  # the result itself is left as it is


CONFIG = """
name: toy
data: {path: t.csv}
features: {label: {column: größe, task: regression}, numeric: [{columns: [x]}]}
evaluate: {thresholds: [{metric: rmse, max: 1}]}
"""


@pytest.fixture
def loaded(tmp_path):
    path = tmp_path / "project" / "pipeline.yaml"
    path.parent.mkdir()
    path.write_text(CONFIG, encoding="utf-8")
    return load(path)


def _environment_of(loaded, root):
    return json.loads((RunRecord(root, loaded).folder / "environment.json").read_text(encoding="utf-8"))


def test_the_surroundings_of_a_run_are_recorded(loaded, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    before = _environment_of(loaded, tmp_path / "root")
    assert before["packages"]["lockgate"] == importlib.metadata.version("lockgate")
    assert (before["git_commit"], before["git_dirty"]) == (None, None)
    git = ("git", "-c", "user.name=n", "-c", "user.email=e", "-C", str(loaded.base))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    clean = _environment_of(loaded, tmp_path / "root")
    assert len(clean["git_commit"]) == 40
    assert clean["git_dirty"] is False
    loaded.path.write_text("changed")
    assert _environment_of(loaded, tmp_path / "root")["git_dirty"] is True


def test_the_curated_schema_is_recorded_as_the_run_found_it(loaded, tmp_path):
    assert _environment_of(loaded, tmp_path / "root")["schema"] is None
    assert _environment_of(loaded, tmp_path / "root")["config_file"] == str(loaded.path)
    schema = loaded.base / "schema.pbtxt"
    schema.write_bytes(b"abc")
    curated = load(loaded.path, [f"data.schema={schema}"])
    assert _environment_of(curated, tmp_path / "root")["schema"] == {
        "path": str(schema),
        # NIST's test vector for SHA-256.
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }


def test_without_git_nothing_is_said_about_changes(loaded, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = _environment_of(loaded, tmp_path / "root")
    assert (environment["git_commit"], environment["git_dirty"]) == (None, None)


def test_records_are_utf_8_whatever_the_locale(loaded, tmp_path):
    script = """
import sys
from pathlib import Path
from pipeline.config.loader import load
from pipeline.results.runs import RunRecord, RunResult, held_by, only_run
with only_run(Path(sys.argv[2])):
    RunRecord(Path(sys.argv[2]), load(Path(sys.argv[1]))).finish(RunResult("pushed"))
"""
    options = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning:pipeline.results.runs"]
    done = subprocess.run(
        [sys.executable, *options, "-c", script, str(loaded.path), str(tmp_path / "root")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [config] = (tmp_path / "root" / "runs").glob("*/config.yaml")
    assert "größe" in config.read_bytes().decode("utf-8")


def test_a_run_that_did_not_reach_its_end_is_recorded(loaded, tmp_path):
    record = RunRecord(tmp_path / "root", loaded)
    record.fail("failed", "why", "Trainer", {"Trainer": 1.5}, {"Trainer": "failed"}, next_step="train longer")
    assert json.loads((record.folder / "result.json").read_text()) == {
        "state": "failed",
        "error": "why",
        "next_step": "train longer",
        "component": "Trainer",
        "seconds": {"Trainer": 1.5},
        "states": {"Trainer": "failed"},
        "run_dir": str(record.folder),
    }
    assert sorted(path.name for path in record.folder.iterdir()) == ["config.yaml", "environment.json", "result.json"]

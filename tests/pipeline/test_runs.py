import json
import os
import signal
import subprocess
import sys

import pytest

from pipeline.runs import Gate, RunResult, only_run
from preprocessing.errors import UserError

HOLD = """
import sys
from pathlib import Path
from pipeline.runs import only_run
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

"""A run ends when its watcher does, also when that is killed."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

CHILD = "pipeline.operate.watching.child"
PARENT = f"""
import os, subprocess, sys, time
child = [sys.executable, "-m", {CHILD!r}, str(os.getpid()), *sys.argv[1:]]
print(subprocess.Popen(child, stdin=subprocess.DEVNULL, start_new_session=True).pid, flush=True)
time.sleep(600)
"""
CONFIG = """
name: tied
root: root
data: {path: missing.csv}
features: {label: {column: y, task: regression}, numeric: [{columns: [x]}]}
evaluate: {thresholds: [{metric: rmse, max: 1}]}
"""


def test_ends_in_order_when_its_parent_is_killed(tmp_path: Path) -> None:
    config = tmp_path / "pipeline.yaml"
    config.write_text(CONFIG)
    # A command that never ends by itself.
    command = [sys.executable, "-c", PARENT, "watch", str(config), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        waits = parent.stdout.readline()
        assert '"waiting"' in waits, waits + parent.stderr.read()
        parent.kill()
        ready, _, _ = select.select([child], [], [], 60)
        assert ready
        # Not by the signal itself: what is stopped in order says so, and records it.
        assert parent.stderr.read().endswith("\nterminated\n")


def test_does_nothing_where_its_parent_has_died_before() -> None:
    arguments = [sys.executable, "-m", CHILD, "1", "doctor"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (128 + signal.SIGTERM, "")

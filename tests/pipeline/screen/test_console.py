"""The screen on a real terminal, on a dumb one, in a pipe, and where nobody reads it or the log can't be written."""

import contextlib
import errno
import logging
import math
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rich.console import Console

from components.progress import Progress
from pipeline.config.evaluate import Threshold
from pipeline.config.loader import load
from pipeline.results.runs import RunResult
from pipeline.screen.console import Screen, _metrics_table
from pipeline.screen.ticker import every

# sys.argv: the log, and what to do at each stage.
RUN = """
import logging, os, signal, sys
from pathlib import Path
from pipeline.screen.console import Screen
screen = Screen(sys.stdout)
with screen.captured(Path(sys.argv[1])):
    print("noise of Python")
    os.write(2, b"noise of C\\n")
    logging.getLogger("absl").info("a record")
    screen.step("First", "running", 0)
    logging.getLogger("lockgate.progress").info("epoch 1/2 [bold]loss[/nothing] [red]0.5")
    logging.getLogger("lockgate").warning("[/] look here")
    screen.step("First", "done", 1.5)
    sys.stdin.readline()
    screen.step("Second", "running", 0)
    screen.step("Second", "cached", 0.25)
print("after")
"""
MOVES = ("\x1b[?25l", "\x1b[1A", "\x1b[2K", "\r\x1b")


def _environment(**changes: str) -> dict[str, str]:
    unwanted = ("PYTHONUNBUFFERED", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS")
    return {name: value for name, value in os.environ.items() if name not in unwanted} | changes


class _Terminal:
    """A process on a pseudo-terminal of its own; its stdin is a pipe."""

    def __init__(self, script: str, *arguments: str, term: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=slave,
            stderr=slave,
            env=_environment(TERM=term),
        )
        os.close(slave)
        self.text = ""

    def read_until(self, wanted: str) -> None:
        while wanted not in self.text:
            piece = self._read()
            assert piece, f"ended without {wanted!r}: {self.text!r}"

    def finish(self) -> int:
        self.process.stdin.write(b"\n")
        self.process.stdin.close()
        while self._read():
            pass
        os.close(self._master)
        return self.process.wait(timeout=30)

    def hang_up(self) -> None:
        os.close(self._master)

    def _read(self) -> str:
        try:
            piece = os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # how Linux reports that the other end was closed
                raise
            piece = b""
        text = piece.decode(errors="replace")
        self.text += text
        return text


def test_a_terminal_shows_live_lines_and_no_noise(tmp_path: Path) -> None:
    terminal = _Terminal(RUN, str(tmp_path / "log"), term="xterm-256color")
    assert terminal.finish() == 0, terminal.text
    assert "\x1b[?25l" in terminal.text  # the cursor is hidden while lines are redrawn,
    assert "\x1b[?25h" in terminal.text  # and shown again
    last_frame = terminal.text.rpartition("First")[2]
    assert "done" in last_frame
    assert "Second" in last_frame
    assert "cached" in last_frame
    assert "epoch 1/2 [bold]loss[/nothing] [red]0.5" in last_frame  # beside the name
    assert terminal.text.endswith("after\r\n")
    assert "noise" not in terminal.text
    log = (tmp_path / "log").read_text()
    for line in ("noise of Python", "noise of C", "INFO absl: a record"):
        assert line in log


def test_a_dumb_terminal_shows_each_line_as_it_comes(tmp_path: Path) -> None:
    terminal = _Terminal(RUN, str(tmp_path / "log"), term="dumb")
    # Before the process is allowed to go on.
    terminal.read_until("First")
    terminal.read_until("done")
    assert terminal.finish() == 0
    assert "\x1b" not in terminal.text
    assert [line.split()[1:3] for line in terminal.text.splitlines() if " s" in line] == [
        ["First", "done"],
        ["Second", "cached"],
    ]


def _in_a_pipe(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "log")],
        input="\n",
        capture_output=True,
        text=True,
        env=_environment(**environment),
    )


def test_forced_colours_move_no_cursor_in_a_pipe(tmp_path: Path) -> None:
    done = _in_a_pipe(tmp_path, FORCE_COLOR="1", TERM="xterm-256color")
    assert done.returncode == 0, done.stderr
    assert "\x1b[32m" in done.stdout  # the colours are there
    for move in MOVES:
        assert move not in done.stdout


def test_messages_are_shown_letter_by_letter(tmp_path: Path) -> None:
    done = _in_a_pipe(tmp_path)
    assert "epoch 1/2 [bold]loss[/nothing] [red]0.5\n" in done.stdout
    assert " ! [/] look here\n" in done.stdout
    assert done.stderr == ""


def test_where_lines_stay_progress_takes_one_every_ten_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.5  # shortly after the machine has started
    monkeypatch.setattr("pipeline.screen.console.time.monotonic", lambda: now)
    with (tmp_path / "screen").open("w") as stream:
        screen = Screen(stream)
        screen.step("ExampleGen", "running", 0)
        for tenth in range(0, 250, 4):
            now = 0.5 + tenth / 10
            screen.progress(f"{tenth} rows, [red] 45 MB of 300 MB")
        screen.step("ExampleGen", "done", 25)
    assert (tmp_path / "screen").read_text().splitlines() == [
        "    0 rows, [red] 45 MB of 300 MB",
        "    100 rows, [red] 45 MB of 300 MB",
        "    200 rows, [red] 45 MB of 300 MB",
        # The last word is not lost.
        " ✓ ExampleGen       done      25.0 s   248 rows, [red] 45 MB of 300 MB",
    ]


def test_two_components_at_once_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.screen.console.time.monotonic", lambda: now)
    # A step of a cluster, which another test may have been, keeps Lockgate's words to itself.
    monkeypatch.setattr(logging.getLogger("lockgate"), "propagate", True)
    with (tmp_path / "screen").open("w") as stream:
        screen = Screen(stream)
        with screen.captured(tmp_path / "log"):
            logger = logging.getLogger("lockgate.progress")
            screen.step("SmokeTest", "running", 0)
            screen.step("Evaluator", "running", 0)
            logger.info("10 checks", extra={"component": "SmokeTest"})
            logger.info("5 rows", extra={"component": "Evaluator"})
            logger.debug("6 rows", extra={"component": "Evaluator"})
            Progress("SmokeTest", "checks").begin("loading the model")
            now = 35.0
            screen.remind()
            screen.step("SmokeTest", "failed", 35)
            now = 50.0
            logger.debug("7 rows", extra={"component": "Evaluator"})
            screen.step("Evaluator", "done", 50)
    assert (tmp_path / "screen").read_text().splitlines() == [
        "    SmokeTest: 10 checks",
        "    Evaluator: 5 rows",
        "    SmokeTest still runs, after 35 s: loading the model",
        "    Evaluator still runs, after 35 s",
        " ✗ SmokeTest        failed    35.0 s",
        "    7 rows",
        " ✓ Evaluator        done      50.0 s   7 rows",
    ]
    # A log keeps what is sparse.
    log = (tmp_path / "log").read_text()
    assert ("5 rows" in log, "6 rows" in log) == (True, False)


def test_a_log_on_a_full_disk_neither_hides_the_error_nor_spills_onto_the_screen() -> None:
    script = """
import sys
from pathlib import Path
from pipeline.screen.console import Screen
screen = Screen(sys.stdout)
try:
    with screen.captured(Path("/dev/full")):
        print("noise")
        import logging
        logging.getLogger("absl").warning("noise")
        screen.say("a line")
        raise ValueError("the error")
except ValueError as error:
    print(f"caught {error}")
    print("on stderr", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=_environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, "a line\ncaught the error\n", "on stderr\n")


QUIET = """
import signal, sys
from pathlib import Path
from pipeline.screen.console import Screen
signal.signal(signal.SIGHUP, signal.SIG_IGN)
screen = Screen(sys.stdout)
with screen.captured(Path(sys.argv[1])):
    screen.say("begun")
    sys.stdin.readline()
    for number in range(50):
        screen.step(f"Step{number}", "running", 0)
        screen.progress("x" * 1000)
        screen.step(f"Step{number}", "done", 0)
    Path(sys.argv[2]).write_text("to the end")
"""


def test_a_run_goes_on_when_the_reader_of_its_pipe_leaves(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", QUIET, str(tmp_path / "log"), str(tmp_path / "end")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    )
    assert process.stdout.readline() == b"begun\n"
    process.stdout.close()
    with contextlib.closing(process.stdin) as stdin:
        stdin.write(b"\n")
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == 0
    assert (tmp_path / "end").read_text() == "to the end"


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_run_goes_on_when_its_terminal_is_closed(tmp_path: Path, term: str) -> None:
    terminal = _Terminal(QUIET, str(tmp_path / "log"), str(tmp_path / "end"), term=term)
    terminal.read_until("begun")
    terminal.hang_up()
    terminal.process.stdin.write(b"\n")
    terminal.process.stdin.close()
    assert terminal.process.wait(timeout=30) == 0
    assert (tmp_path / "end").read_text() == "to the end"
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_where_lines_stay_a_silent_component_is_said_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pipeline.screen.console.time.monotonic", lambda: now)
    with (tmp_path / "screen").open("w") as stream:
        screen = Screen(stream)

        def remind_until(last: int) -> None:
            nonlocal now
            while now < last:
                now += 5
                screen.remind()

        remind_until(200)  # nothing runs
        screen.step("Transform", "running", 0)
        remind_until(270)
        screen.progress("half")
        remind_until(300)
        screen.step("Transform", "done", 100)
        remind_until(400)
    assert (tmp_path / "screen").read_text().splitlines() == [
        "    Transform still runs, after 30 s",
        "    Transform still runs, after 60 s",
        "    half",
        "    Transform still runs, after 100 s",
        " ✓ Transform        done     100.0 s   half",
    ]


def test_a_ticker_acts_until_its_block_ends() -> None:
    acted = threading.Event()
    with every(0.001, acted.set):
        assert acted.wait(60)
    acted.clear()
    assert not [thread for thread in threading.enumerate() if thread.name == "ticker"]


def test_a_metric_without_a_value_says_why_and_the_skill_what_is_expected() -> None:
    config = load(Path(__file__).parents[3] / "data/flights/pipeline.yaml").config
    result = RunResult(state="refused", metrics={"precision": math.nan, "recall": 0.0, "skill_bound": -0.02})
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, width=200, record=True)
        console.print(_metrics_table(result, config))
    table = console.export_text()
    [precision] = [line for line in table.splitlines() if "precision" in line]
    assert " ".join(precision.split()) == "precision undefined (no row was predicted positive)"
    assert "Test split, decision threshold 0.5\n" in "".join(f"{line.rstrip()}\n" for line in table.splitlines())
    [skill] = [line for line in table.splitlines() if "skill_bound" in line]
    assert skill.strip().split(maxsplit=2)[1:] == ["-0.02", "above 0 (evaluate.skill)"]


def test_intervals_stand_beside_the_values_that_have_one() -> None:
    config = load(Path(__file__).parents[3] / "data/flights/pipeline.yaml").config
    result = RunResult(state="pushed", metrics={"auc": 0.8123, "ks": 0.5}, intervals={"auc": (0.79876, 0.8234)})
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, width=200, record=True)
        console.print(_metrics_table(result, config))
    table = console.export_text()
    assert "95 % interval" in table
    [auc] = [line for line in table.splitlines() if "auc" in line]
    assert auc.split()[:5] == ["auc", "0.8123", "0.7988", "to", "0.8234"]
    [ks] = [line for line in table.splitlines() if "ks" in line]
    assert ks.split() == ["ks", "0.5"]


def test_a_metric_of_one_class_is_shown_where_it_has_a_threshold() -> None:
    config = load(Path(__file__).parents[3] / "data/penguins/pipeline.yaml").config
    threshold = Threshold(metric="recall", of_class="Gentoo", min=0.9)
    evaluate = config.evaluate.model_copy(update={"thresholds": (threshold,)})
    names = ("accuracy", "recall of Adelie", "recall of Gentoo")
    result = RunResult(state="pushed", metrics=dict.fromkeys(names, 0.95))
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, width=200, record=True)
        console.print(_metrics_table(result, config.model_copy(update={"evaluate": evaluate})))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    assert [line for line in lines if "0.95" in line] == ["accuracy 0.95", "recall of Gentoo 0.95 at least 0.9"]

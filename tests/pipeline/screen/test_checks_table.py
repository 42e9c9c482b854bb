"""The smoke test's result on screens of all widths, in a pipe, and of models that are no friends of terminals."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from components.smoke_test.report import CheckResult, FailingRow, Report, Smallest
from pipeline.screen import checks_table

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PARITY = CheckResult.fails(
    "parity",
    "the trainer's answers",
    "0.25 off",
    signature="serve_features",
    row=3,
    tolerance=1e-4,
    hint="look at the export",
)
HARM = CheckResult.fails("harm", "an answer", "Internal", case="nan", severity="warn")
FINITE = [CheckResult.passes("finite", "finite numbers", signature=name) for name in ("one", "two", "two")]
SKIPPED = [CheckResult.skips(name, "no server was found") for name in ("server_rest", "server_grpc")]
CHECKS = [
    CheckResult.passes("loads", "below 60 s", "1.3 s"),
    *FINITE,
    HARM,
    PARITY,
    CheckResult.passes("parity", "the trainer's answers", signature="serving_default"),
    CheckResult.skips("range", "no regression"),
    *SKIPPED,
]


def report(*checks: CheckResult, **more: Any) -> Report:
    return Report.of(checks or CHECKS, seconds={"total": 1.0}, **more)


def on_a_terminal(tested: Report, width: int) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system="standard", legacy_windows=False)
    for part in checks_table.whole(tested, width):
        console.print(part)
    return stream.getvalue()


def in_a_pipe(tested: Report, *notes: str) -> list[str]:
    return checks_table.rendered(tested, notes, io.StringIO()).splitlines()


def test_a_pipe_gets_one_line_for_each_thing_to_know() -> None:
    assert in_a_pipe(report(log_tail="noise"), "testing 7") == [
        "testing 7",
        "Smoke test: 1 check refuses this model, 1 warning",
        "  block parity (serve_features, row 3): expected the trainer's answers, received 0.25 off; "
        "next: look at the export",
        "  warn  harm (nan): expected an answer, received Internal",
        "  ok    loads               1.3 s",
        "  ok    finite              3 passed: one, two",
        "  skip  range: no regression",
        "  skip  server_rest, server_grpc: no server was found",
        "refused: parity (serve_features, row 3): expected the trainer's answers, received 0.25 off",
    ]


def test_the_smallest_request_stands_before_the_next_step() -> None:
    smallest = Smallest(
        signature="serve",
        rows=(FailingRow(row=3, values={"mass\x1b[2J": "4200"}),),
        others="every other column missing",
        expected="[1]",
        received="[2]",
        requests=9,
    )
    found = PARITY.model_copy(update={"smallest": smallest})
    words = "1 row: row 3 (mass\\x1b[2J = 4200); every other column missing: expected [1], received [2]"
    [line] = [each for each in in_a_pipe(report(found)) if "parity" in each and "next" in each]
    assert line.endswith(f"; the smallest request that fails: {words}; next: look at the export")
    shown = " ".join(COLOUR.sub("", on_a_terminal(report(found), 120)).split())
    assert f"the smallest request that fails: {words} next: look at the export" in shown


def test_a_process_that_ended_shows_its_last_words() -> None:
    killed = CheckResult.fails("process", "an end", "killed by signal 9")
    lines = in_a_pipe(report(killed, log_tail="".join(f"line {n}\n" for n in range(40))))
    assert lines[2:] == [
        "The end of the model's output",
        *(f"  line {n}" for n in range(25, 40)),
        "refused: process: expected an end, received killed by signal 9",
    ]


def test_a_sound_model_ends_with_passed() -> None:
    lines = in_a_pipe(report(*FINITE, *SKIPPED))
    assert lines[-1] == "passed: 3 checks passed, 2 skipped"
    assert not any(line.startswith("Smoke test") for line in lines)


def test_a_warning_passes() -> None:
    lines = in_a_pipe(report(*FINITE, HARM))
    assert lines[0] == "Smoke test: 1 warning"
    assert lines[-1] == "passed: 3 checks passed, 1 warning"


def test_nothing_to_check_is_refused() -> None:
    assert in_a_pipe(report(*SKIPPED))[-1] == "refused: no check could run"


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_width_shows_everything_and_nothing_wider(width: int) -> None:
    long = PARITY.model_copy(update={"received": "#" * 150, "signature": "日本" * 30})
    text = COLOUR.sub("", on_a_terminal(report(long, *CHECKS), width))
    assert max(map(cell_len, text.splitlines())) <= width
    for word in ("block", "warn", "parity", "serve_features", "row 3", "next: look", "harm", "no regression", "1.3 s"):
        assert word in text, word
    assert text.count("#") == 150


def test_failures_come_before_warnings_and_these_before_the_rest() -> None:
    text = COLOUR.sub("", on_a_terminal(report(), 100))
    places = [text.index(word) for word in ("block", "next: look at the export", "warn ", "ok    loads", "skip  range")]
    assert places == sorted(places)


def test_severities_have_colours() -> None:
    text = on_a_terminal(report(), 80)
    assert re.search(r"\x1b\[1;31m block", text)
    assert re.search(r"\x1b\[33m warn", text)


@settings(deadline=None, max_examples=60)
@given(hostile=st.text(min_size=1, max_size=40), width=st.sampled_from([60, 80, 160]))
def test_no_name_of_a_model_reaches_the_terminal_as_a_command(hostile: str, width: int) -> None:
    hostile += "\x1b[2J\x9b1m\x07\u202e[red][/]\r\n"
    bad = CheckResult.fails("loads", hostile, hostile, case=hostile, signature=hostile, hint=hostile)
    good = CheckResult.passes("finite", hostile, hostile, case=hostile, signature=hostile)
    tested = report(bad, good, CheckResult.skips("range", hostile, case=hostile), log_tail=hostile)
    lines = in_a_pipe(tested, hostile)
    for line in (*lines, *on_a_terminal(tested, width).split("\n")):
        rest = COLOUR.sub("", line)
        assert rest.isprintable(), ascii(rest)
    assert "[red][/]" in lines[2]  # letter by letter
    assert "\\x1b[2J" in lines[2]


def test_a_value_of_megabytes_is_cut() -> None:
    assert len(on_a_terminal(report(PARITY.model_copy(update={"received": "ä" * 10_000_000})), 80)) < 5000


SHOW = """
import sys
from components.smoke_test.report import Report
from pipeline.screen.console import Screen
from pipeline.results.runs import Gate, RunResult
report = Report.model_validate_json(sys.argv[1])
gates = (Gate("SmokeTest", report.blessed, report.reason()),)
state = "pushed" if report.blessed else "refused"
Screen(sys.stdout).result(RunResult(state, gates, pushed="/7", smoke_test=report, run_dir=sys.argv[2]), None)
"""


def _run(tested: Report, run: Path) -> list[str]:
    unwanted = ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS")
    done = subprocess.run(
        [sys.executable, "-c", SHOW, tested.model_dump_json(), str(run)],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in unwanted},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_refused_run_shows_the_failed_checks_and_where_the_page_is(tmp_path: Path) -> None:
    lines = _run(report(*[PARITY] * 20, HARM), tmp_path)
    assert "Smoke test: 20 checks refuse this model, 1 warning" in lines
    assert sum(line.startswith("  block parity") for line in lines) == 12
    assert lines[-2] == f" and 9 more; full report: {tmp_path / 'smoke_test' / 'report.html'}"
    assert lines[-1].startswith("refused: SmokeTest: parity (serve_features, row 3)")


def test_a_pushed_run_shows_warnings_in_short(tmp_path: Path) -> None:
    lines = _run(report(*FINITE, *[HARM] * 7), tmp_path)
    assert sum(line.startswith("  warn  harm") for line in lines) == 5
    assert lines[-1] == "pushed: /7"
    assert not any("full report" in line for line in _run(report(*FINITE), tmp_path))

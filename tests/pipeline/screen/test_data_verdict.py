"""What the data gate says on a screen and in a pipe, with its findings, what it did not check, and the schema."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support.data_findings import finding

from components.data_gate.report import CheckRun, Verdict
from pipeline.screen import data_verdict


def test_what_could_not_be_checked_is_said() -> None:
    checks = [
        CheckRun(name="drift", state="skipped", reason="no run has pushed yet"),
        CheckRun(name="leakage", state="off"),
        CheckRun(name="min_rows", state="ran"),
    ]
    assert data_verdict.unchecked(Verdict.of([], checks, seconds=0)) == "not checked: drift (no run has pushed yet)"
    assert data_verdict.unchecked(Verdict.of([], checks[1:], seconds=0)) == ""


def test_the_title_counts_what_stops_and_what_does_not() -> None:
    one = Verdict.of([finding()], [], seconds=0)
    assert data_verdict.title(one) == "Data gate: 1 finding stops this run"
    both = Verdict.of([finding(), finding(severity="warn")] * 2, [], seconds=0)
    assert data_verdict.title(both) == "Data gate: 2 findings stop this run, 2 warnings"


def test_nothing_in_a_schema_reaches_the_terminal_as_a_command() -> None:
    lines = [line.plain for line in data_verdict.diff("+\x1b[2J\x9b1m\x07\u202e[red][/]")]
    assert lines == ["  +\\x1b[2J\\x9b1m\\x07\\u202e[red][/]"]


SHOW = """
import json, sys
from components.data_gate.report import Verdict
from pipeline.screen.console import Screen
from pipeline.results.runs import Gate, RunResult
verdict = Verdict.model_validate_json(sys.argv[1])
gates = (Gate("DataGate", verdict.blessed, verdict.reason()),)
state = "stopped" if verdict.blessed else "refused"
Screen(sys.stdout).result(RunResult(state, gates, states={"A": "done"}, data_gate=verdict, run_dir=sys.argv[2]), None)
"""


def _in_a_pipe(verdict: Verdict, run: Path) -> list[str]:
    unwanted = ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS")
    done = subprocess.run(
        [sys.executable, "-c", SHOW, verdict.model_dump_json(), str(run)],
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name not in unwanted},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_pipe_gets_one_line_for_each_finding_and_the_way_to_accept_them(tmp_path: Path) -> None:
    findings = [finding(feature=f"c{n}", received="[bold]\x1b[2J") for n in range(30)]
    verdict = Verdict.of([*findings, finding(severity="warn")], [], seconds=0, proposal=True)
    (tmp_path / "data_gate").mkdir()
    (tmp_path / "data_gate" / "schema.diff").write_text("".join(f"+ value {n} {'long ' * 60}\n" for n in range(100)))
    lines = _in_a_pipe(verdict, tmp_path)
    assert lines[0] == "Data gate: 30 findings stop this run, 1 warning"
    rule = "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    assert lines[1] == (
        f"  block {rule} (c0, split train): expected one of AA, B6, DL and 13 more, received [bold]\\x1b[2J; "
        "next: correct the values, or accept the proposed schema"
    )
    assert sum(line.startswith("  block ") for line in lines) == 12
    assert f" and 19 more; full report: {tmp_path / 'data_gate' / 'report.json'}" in lines
    assert lines[-3:] == [
        "  ... and 76 more lines",
        f" to accept it: lockgate accept-schema {tmp_path}",
        f"refused: DataGate: {rule} (c0, split train): expected one of AA, B6, DL and 13 more, received "
        "[bold]\\x1b[2J (and 29 more)",
    ]
    assert json.dumps(verdict.model_dump(mode="json")).isascii()  # what --json prints is safe, too


def test_warnings_are_shown_in_short_and_offer_no_schema(tmp_path: Path) -> None:
    lines = _in_a_pipe(Verdict.of([finding(severity="warn")] * 9, [], seconds=0), tmp_path)
    assert "Data gate: 9 warnings" in lines
    assert sum(line.startswith("  warn ") for line in lines) == 5
    assert any(line.startswith(" and 4 more; full report: ") for line in lines)
    assert not any("accept-schema" in line for line in lines)
    assert lines[-1].startswith("stopped: ")

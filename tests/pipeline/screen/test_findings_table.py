"""The data gate's findings on screens of all widths, in a pipe, and with data that is no friend of terminals."""

import io
import json
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

from components.data_gate.report import CheckRun, Finding, Verdict
from pipeline.screen import findings_table

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _finding(**changes: Any) -> Finding:
    content: dict[str, Any] = {
        "rule": "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
        "split": "train",
        "feature": "carrier",
        "expected": "one of AA, B6, DL and 13 more",
        "observed": "ZZ in 40.0 % of the rows",
        "severity": "block",
        "hint": "correct the values, or accept the proposed schema",
    }
    return Finding(**content | changes)


def _rendered(findings: list[Finding], width: int) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system="standard", legacy_windows=False)
    console.print(findings_table.table(findings, width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 119, 120, 160, 240])
def test_every_width_shows_everything_and_nothing_wider(width: int) -> None:
    findings = [_finding(), _finding(feature="日本" * 40, observed="#" * 150), _finding(severity="warn", feature=None)]
    text = COLOUR.sub("", _rendered(findings, width))
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= width
    for word in ("carrier", "(train)", "UNEXPECTED_", "AA,", "DL", "ZZ", "40.0", "correct", "block", "warn", "(whole"):
        assert word in text, word
    for column in ("feature", "rule", "expected", "observed"):
        assert column in lines[0]
    assert text.count("#") == 150  # a long value loses nothing


def test_severities_have_colours() -> None:
    text = _rendered([_finding(), _finding(severity="warn")], 80)
    assert re.search(r"\x1b\[1;31mblock", text)
    assert re.search(r"\x1b\[33mwarn", text)


@settings(deadline=None, max_examples=60)
@given(hostile=st.text(min_size=1, max_size=40), width=st.sampled_from([60, 80, 160]))
def test_no_value_reaches_the_terminal_as_a_command(hostile: str, width: int) -> None:
    hostile += "\x1b[2J\x9b1m\x07\u202e[red][/]\r\n"
    findings = [_finding(feature=hostile, expected=hostile, observed=hostile, hint=hostile, rule=hostile)]
    lines = [line.plain for line in findings_table.lines(findings)]
    diff = [line.plain for line in findings_table.diff(f"+{hostile}")]
    for text in (*_rendered(findings, width).split("\n"), *lines, *diff):
        rest = COLOUR.sub("", text)
        assert rest.isprintable(), ascii(rest)
    assert len(lines) == 1
    assert "[red][/]" in lines[0]  # letter by letter
    assert "\\x1b[2J" in lines[0]


def test_a_value_of_megabytes_is_cut() -> None:
    text = _rendered([_finding(observed="ä" * 10_000_000)], 80)
    assert len(text) < 5000
    assert "..." in text


def test_what_could_not_be_checked_is_said() -> None:
    checks = [
        CheckRun(name="drift", state="skipped", reason="no run has pushed yet"),
        CheckRun(name="leakage", state="off"),
        CheckRun(name="min_rows", state="ran"),
    ]
    assert findings_table.unchecked(Verdict.of([], checks, seconds=0)) == "not checked: drift (no run has pushed yet)"
    assert findings_table.unchecked(Verdict.of([], checks[1:], seconds=0)) == ""


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
    findings = [_finding(feature=f"c{n}", observed="[bold]\x1b[2J") for n in range(30)]
    verdict = Verdict.of([*findings, _finding(severity="warn")], [], seconds=0, proposal=True)
    (tmp_path / "data_gate").mkdir()
    (tmp_path / "data_gate" / "schema.diff").write_text("".join(f"+ value {n} {'long ' * 60}\n" for n in range(100)))
    lines = _in_a_pipe(verdict, tmp_path)
    assert lines[0] == "Data gate: 30 findings stop this run, 1 warning"
    rule = "ENUM_TYPE_UNEXPECTED_STRING_VALUES"
    assert lines[1] == (
        f"  block {rule} (c0, split train): expected one of AA, B6, DL and 13 more, observed [bold]\\x1b[2J; "
        "next: correct the values, or accept the proposed schema"
    )
    assert sum(line.startswith("  block ") for line in lines) == 12
    assert f" and 19 more; full report: {tmp_path / 'data_gate' / 'report.json'}" in lines
    assert lines[-3:] == [
        "  ... and 76 more lines",
        f" to accept it: lockgate accept-schema {tmp_path}",
        f"refused: DataGate: {rule} (c0, split train): expected one of AA, B6, DL and 13 more, observed "
        "[bold]\\x1b[2J (and 29 more)",
    ]
    assert json.dumps(verdict.model_dump(mode="json")).isascii()  # what --json prints is safe, too


def test_warnings_are_shown_in_short_and_offer_no_schema(tmp_path: Path) -> None:
    lines = _in_a_pipe(Verdict.of([_finding(severity="warn")] * 9, [], seconds=0), tmp_path)
    assert "Data gate: 9 warnings" in lines
    assert sum(line.startswith("  warn ") for line in lines) == 5
    assert any(line.startswith(" and 4 more; full report: ") for line in lines)
    assert not any("accept-schema" in line for line in lines)
    assert lines[-1].startswith("stopped: ")

"""The findings of both gates on screens of all widths, with names and values that are no friends of terminals."""

import io
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from support.data_findings import finding

from components import findings
from components.smoke_test.report import CheckResult
from pipeline.screen import findings_table

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _rendered(found: Sequence[findings.Finding], width: int) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system="standard", legacy_windows=False)
    console.print(findings_table.table(found, width))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 119, 120, 160, 240])
def test_every_width_shows_everything_and_nothing_wider(width: int) -> None:
    check = CheckResult.fails("parity", "the same", "another", signature="serve_features", row=3)
    found = [
        finding(),
        finding(feature="日本" * 40, received="#" * 150),
        finding(severity="warn", feature=None),
        check,
    ]
    text = COLOUR.sub("", _rendered(found, width))
    lines = text.splitlines()
    assert max(map(cell_len, lines)) <= width
    words = "carrier", "split train", "UNEXPECTED_", "AA,", "DL", "ZZ", "40.0", "next: correct", "block", "warn"
    for word in (*words, "parity", "row 3"):
        assert word in text, word
    for column in ("check, what", "expected", "received"):
        assert column in lines[0]
    assert text.count("#") == 150  # a long value loses nothing


def test_severities_have_colours() -> None:
    text = _rendered([finding(), finding(severity="warn")], 80)
    assert re.search(r"\x1b\[1;31m block", text)
    assert re.search(r"\x1b\[33m warn", text)


@settings(deadline=None, max_examples=60)
@given(hostile=st.text(min_size=1, max_size=40), width=st.sampled_from([60, 80, 160]))
def test_no_value_reaches_the_terminal_as_a_command(hostile: str, width: int) -> None:
    hostile += "\x1b[2J\x9b1m\x07\u202e[red][/]\r\n"
    found = [finding(feature=hostile, expected=hostile, received=hostile, hint=hostile, check=hostile)]
    lines = [line.plain for line in findings_table.lines(found)]
    for text in (*_rendered(found, width).split("\n"), *lines):
        rest = COLOUR.sub("", text)
        assert rest.isprintable(), ascii(rest)
    assert len(lines) == 1
    assert "[red][/]" in lines[0]  # letter by letter
    assert "\\x1b[2J" in lines[0]


def test_a_value_of_megabytes_is_cut() -> None:
    text = _rendered([finding(received="ä" * 10_000_000)], 80)
    assert len(text) < 5000
    assert "..." in text


def test_both_gates_say_the_same_things_in_the_same_words() -> None:
    check = CheckResult.fails("parity", "a", "b", signature="serve_features", row=3, hint="look", case="batch")
    drift = finding(check="drift", expected="a", received="b", hint="ask")
    lines = [line.plain for line in findings_table.lines([drift, check])]
    assert lines == [
        "  block drift (carrier, split train): expected a, received b; next: ask",
        "  block parity (batch, serve_features, row 3): expected a, received b; next: look",
    ]


def test_values_that_differ_in_a_space_are_shown_as_they_are() -> None:
    found = finding(expected="one of 'New York'", received="'New  York'\n  in 3 rows")
    assert "'New  York' in 3 rows" in COLOUR.sub("", _rendered([found], 120))
    [line] = findings_table.lines([found])
    assert "received 'New  York' in 3 rows;" in line.plain

"""The HTML page: complete, well formed, alone, and safe whatever a model calls its signatures."""

import re
from typing import Any, get_args

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.smoke_test.names import CheckName
from components.smoke_test.page import FAMILIES, render
from components.smoke_test.plot import Plot
from components.smoke_test.report import CheckResult, FailingRow, Measured, Report, Smallest

TITLE = "output/Trainer/model/7"
CHECKS = (
    CheckResult.passes("ops", "ops of the list", seconds=0.001),
    CheckResult.passes("loads", "below 60 s", "1.3 s", seconds=1.3),
    CheckResult.fails(
        "parity",
        "the trainer's answers",
        "[0.5],\n 0.25 off",
        signature="serve_features",
        row=0,
        tolerance=1e-4,
        hint="look at the export",
        seconds=0.2,
    ),
    CheckResult.fails("harm", "an error", "an answer", case="wrong_dtype", signature="serving_default"),
    CheckResult.fails("isolation", "no network", "a network", severity="warn", hint="allow namespaces"),
    CheckResult.skips("server_rest", "no server was found"),
)
REPORT = Report.of(CHECKS, seconds={"total": 12.345, "load": 1.3}, log_tail="line 1\nline 2")


def page(report: Report, title: str = TITLE) -> Any:
    return lxml.html.fromstring(render(report, title=title))


def words(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())


def headings(tree: Any) -> list[str]:
    return [words(each) for each in tree.iter("h2")]


@pytest.fixture(scope="module")
def refused() -> Any:
    return page(REPORT)


def test_the_verdict_is_at_the_top(refused: Any) -> None:
    assert words(refused.find(".//title")) == f"Refused: smoke test of {TITLE}"
    top = words(refused.find(".//header"))
    assert "✗ Refused" in top
    assert (
        "parity (serve_features, row 0): expected the trainer's answers, received [0.5], 0.25 off (and 1 more)" in top
    )
    assert "3 failed, 2 passed, 1 skipped in 12.35 s" in top
    sound = page(Report.of(CHECKS[:2], seconds={}))
    assert words(sound.find(".//header")) == f"Smoke test of {TITLE} ✓ Passed The model may be served. 2 passed."
    assert headings(sound) == ["All checks"]


def test_failures_come_first_with_all_that_is_known_of_them(refused: Any) -> None:
    assert headings(refused) == [
        "What refuses the model",
        "Warnings",
        "All checks",
        "The end of the model's output",
        "Time",
    ]
    cards = [words(each) for each in refused.iter("article")]
    assert cards == [
        "parity Signature serve_features Row 0 Expected the trainer's answers Received [0.5], 0.25 off "
        "Tolerance 0.0001 Next look at the export",
        "harm: wrong_dtype Signature serving_default Expected an error Received an answer",
        "isolation Expected no network Received a network Next allow namespaces",
    ]


def test_the_smallest_request_is_a_table_of_the_columns_that_matter() -> None:
    rows = (FailingRow(row=3, values={"mass": "4200", "island": "missing"}), FailingRow(row=7, values={}, times=2))
    smallest = Smallest(
        signature="serve",
        rows=rows,
        others="every other column as in row 3",
        more_columns=2,
        expected="value [1]",
        received="[2]",
        requests=40,
    )
    card = page(Report.of([CheckResult.fails("batch_sizes", "a", "b", smallest=smallest)], seconds={})).find(
        ".//article"
    )
    table = card.find(".//table")
    assert words(table.find("caption")) == "3 rows to serve , every other column as in row 3, 2 more columns not shown"
    assert [[words(cell) for cell in row] for row in table.iter("tr")] == [
        ["Row", "mass", "island"],
        ["3", "4200", "missing"],
        ["7 (2 times)", "", ""],
    ]
    assert words(card).endswith("expected value [1], received [2]")


def test_every_check_has_its_row_in_its_family(refused: Any) -> None:
    rows = {
        words(family.find("summary")): [[words(cell) for cell in row] for row in family.findall(".//tbody/tr")]
        for family in refused.find_class("family")
    }
    assert rows == {
        "Files, before anything is executed (1 passed)": [["ops", "✓ passed", "ops of the list", "the same", "< 0.01"]],
        "Process, loading and signatures (1 failed, 1 passed)": [
            ["isolation", "! failed", "no network", "a network", ""],
            ["loads", "✓ passed", "below 60 s", "1.3 s", "1.30"],
        ],
        "The same numbers everywhere (1 failed)": [
            [
                *("parity", "✗ failed", "the trainer's answers"),
                *("serve_features row 0 : [0.5], 0.25 off, within 0.0001", "0.20"),
            ]
        ],
        "Requests made to do harm (1 failed)": [
            ["harm: wrong_dtype", "✗ failed", "an error", "serving_default : an answer", ""]
        ],
        "Other engines (1 skipped)": [["server_rest", "○ skipped", "", "no server was found", ""]],
    }


def test_only_families_where_all_passed_are_folded(refused: Any) -> None:
    opened = {
        words(each.find("summary")).partition(" (")[0]: "open" in each.attrib for each in refused.find_class("family")
    }
    assert opened == {
        "Files, before anything is executed": False,
        "Process, loading and signatures": True,
        "The same numbers everywhere": True,
        "Requests made to do harm": True,
        "Other engines": False,
    }


def test_signatures_that_gave_the_same_share_a_row() -> None:
    said = {"serve": "64 rows", "serving_default": "64 rows", "predict": "off by up to 1e-07"}
    checks = [CheckResult.passes("parity", "the trainer's", each, signature=name) for name, each in said.items()]
    [row] = page(Report.of(checks, seconds={})).findall(".//tbody/tr")
    assert words(row) == "parity ✓ passed the trainer's serve, serving_default : 64 rows predict : off by up to 1e-07"


def test_what_was_measured_is_drawn_with_its_numbers() -> None:
    """Of four requests, and of eight of the champion: every second one of those stands at the same share."""
    measured = Measured(unit="ms", values=(1.0, 2.0, 3.0, 4.0), champion=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 8.0))
    latency = CheckResult.passes("latency", "at most 9 ms", "2 ms", case="p50", signature="serve", measured=measured)
    memory = CheckResult.passes("endurance", "the same", measured=Measured(unit="MiB", values=(60.0, 61.0)))
    tree = page(Report.of([latency, memory], seconds={}))
    assert headings(tree) == ["All checks", "Latency and memory"]
    first, second = tree.iter("figure")
    assert words(first.find("figcaption")) == "Latency of one row: serve"
    assert [[words(cell) for cell in row] for row in first.findall(".//tbody/tr")] == [
        ["25", "1", "1"],
        ["50", "2", "2"],
        ["75", "3", "3"],
        ["100", "4", "8"],
    ]
    lines = {each.get("class"): each.get("points").split() for each in first.iter("polyline")}
    assert {name: len(points) for name, points in lines.items()} == {"ours": 4, "champion": 8}
    # The slowest of all is at the top of the drawing; half as much is at half of its height.
    heights = [float(each.partition(",")[2]) for each in lines["ours"]]
    assert heights[3] == pytest.approx((heights[1] * 2 + float(lines["champion"][7].partition(",")[2])) / 3, abs=0.2)
    assert words(second.find("figcaption")) == "Memory under requests"
    assert "champion" not in words(second)


def test_every_check_belongs_to_one_family() -> None:
    assert [check for checks in FAMILIES.values() for check in checks] == list(get_args(CheckName))


def test_the_log_and_the_phases(refused: Any) -> None:
    assert refused.find(".//pre").text == "line 1\nline 2"
    [phases] = refused.find_class("phases")
    assert [[words(cell) for cell in row] for row in phases.findall("tbody/tr")] == [
        ["total", "12.35"],
        ["load", "1.30"],
    ]


def test_tables_tell_a_screen_reader_what_they_are(refused: Any) -> None:
    assert refused.get("lang") == "en"
    assert refused.xpath('//meta[@name="viewport"]')
    for table in refused.iter("table"):
        assert words(table.find("caption") if table.find("caption") is not None else table.getparent().find("summary"))
        assert {cell.get("scope") for cell in table.findall("thead/tr/th")} == {"col"}
        assert {cell.get("scope") for cell in table.findall("tbody/tr/th")} == {"row"}
    for section in refused.iter("section"):
        assert refused.get_element_by_id(section.get("aria-labelledby")).tag == "h2"
    for sign in refused.xpath('//*[@aria-hidden="true"]'):
        assert sign.tail.strip() or sign.getparent().tag == "p"  # beside each sign there is a word


def test_it_needs_nothing_else() -> None:
    text = render(REPORT, title=TITLE)
    assert not re.findall(r"<(script|link|img|iframe|object)|https?:|@import|url\(|\son\w+=", text)
    assert "default-src 'none'" in text
    for medium in ("prefers-color-scheme: dark", "max-width", "@media print"):
        assert medium in text
    # Each colour has its counterpart in the dark.
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)[:2]
    assert set(re.findall(r"--\w+", light)) == set(re.findall(r"--\w+", dark))


def _luminance(colour: str) -> float:
    digits = colour * 2 if len(colour) == 3 else colour
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_of_text_can_be_read_on_both_backgrounds() -> None:
    blocks = re.findall(r":root \{(.*?)\}", render(REPORT, title=TITLE), re.DOTALL)
    for block in blocks[:2]:
        colours = dict(re.findall(r"--(\w+): #(\w+)", block))
        # Three hexadecimal digits stand for six with each doubled.
        colours = {name: "".join(c * 2 for c in each) if len(each) == 3 else each for name, each in colours.items()}
        for text in ("text", "quiet", "good", "bad", "warn"):
            for ground in ("page", "panel"):
                low, high = sorted([_luminance(colours[text]), _luminance(colours[ground])])
                # WCAG 2.2, 1.4.3 (AA).
                assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


@settings(deadline=None, max_examples=40)
@given(hostile=st.text(max_size=30))
def test_no_name_of_a_model_becomes_markup(hostile: str) -> None:
    hostile += "<script>alert(1)</script>\"'><img src=x onerror=y>\x1b[2J\u202e\ud800\x00{{ 7 * 6 }}"
    row = FailingRow(row=0, values={hostile: hostile})
    smallest = Smallest(signature=hostile, rows=(row,), others=hostile, expected=hostile, received=hostile, requests=1)
    bad = CheckResult.fails("harm", hostile, hostile, case=hostile, signature=hostile, hint=hostile, smallest=smallest)
    skipped = CheckResult.skips("range", hostile)
    text = render(Report.of([bad, skipped], seconds={hostile: 1.0}, log_tail=hostile), title=hostile)
    text.encode()  # no half surrogate pairs
    assert all(c.isprintable() or c == "\n" for c in text)
    tree = lxml.html.fromstring(text)
    assert not list(tree.iter("script", "img"))
    assert "{{ 7 * 6 }}" in tree.find(".//pre").text
    assert "<script>alert(1)</script>" in tree.find(".//title").text


def test_the_champions_numbers_stand_at_about_the_same_place() -> None:
    ours = tuple(float(i) for i in range(1, 11))
    plot = Plot("Latency", "share, %", "ms", percent=True, ours=ours, champion=(1.0, 9.0))
    # Of ten shares the first seven are nearest to the first of two values, and none before it is the last one.
    assert [theirs for _, _, theirs in plot.rows()] == [1.0] * 7 + [9.0] * 3

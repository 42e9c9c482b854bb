"""The report of a run whose artifacts `lockgate gc` has removed: it has all that was written before, and says so."""

import json
from pathlib import Path

import lxml.html
import pytest
from support.report_facts import facts

from components.artifacts.reports import PAGE_FILE, REPORT_FILE
from pipeline.report.written import MARKDOWN_FILE, facts_of, write_comparison, write_report
from pipeline.results.listing import CLEANED_FILE

LOST = {"removed": 12, "of": 14, "components": ["Evaluator", "Trainer"], "at": "2026-12-01T00:00:00+00:00"}
SAID = "12 of the run's 14 artifacts were removed by lockgate gc by 2026-12-01T00:00:00+00:00 (Evaluator, Trainer)"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / facts().run.id
    folder.mkdir(parents=True)
    (folder / REPORT_FILE).write_text(facts().to_json(), encoding="utf-8")
    (folder / CLEANED_FILE).write_text(json.dumps(LOST), encoding="utf-8")
    return folder


def test_the_page_shows_what_was_written_before_and_says_what_is_gone(run: Path) -> None:
    page = write_report(run)
    assert page == run / PAGE_FILE
    tree = lxml.html.parse(str(page))
    assert f"Cleaned up: {SAID}." in " ".join(tree.find(".//header").text_content().split())
    # The sections are there, and no link leads to a folder that is gone.
    assert facts_of(run).evaluation == facts().evaluation
    assert tree.xpath("//caption[starts-with(., 'Test split')]")
    assert not [each for each in tree.xpath("//section//a/@href") if "/" in each]
    assert f"Cleaned up: {SAID}" in (run / MARKDOWN_FILE).read_text(encoding="utf-8")


def test_written_twice_it_is_the_same(run: Path) -> None:
    first = write_report(run).read_text(encoding="utf-8")
    assert write_report(run).read_text(encoding="utf-8") == first


def test_it_can_still_be_compared(run: Path) -> None:
    assert SAID in lxml.html.parse(str(write_comparison(run, run))).getroot().text_content()

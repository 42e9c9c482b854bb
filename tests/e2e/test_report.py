"""The page of a real run in a real browser: drawn, readable by everybody, the same at any width, without a network."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.report_facts import facts

from pipeline.cli import main
from pipeline.report.page import render

pytestmark = [pytest.mark.slow]
CHROMIUM = shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def folder(penguins: tuple[Any, Path]) -> Path:
    """The folder of the first run of penguins."""
    return Path(penguins[0].result["run_dir"])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def opened(browser: Any, file: Path, width: int, scheme: str) -> tuple[Any, list[str]]:
    """The page, drawn, and what the console said."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(file.resolve().as_uri())
    if page.locator("script").count():
        page.wait_for_selector("html[data-drawn]", state="attached")
    return page, said


def test_a_run_leaves_its_page_its_numbers_and_its_markdown(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    written = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {each["name"]: each["candidate"] for each in written["evaluation"]["metrics"]} == result["metrics"]
    assert written["data"]["rows"] == {"train": 204, "eval": 66, "test": 74}
    assert {each["name"]: each["state"] for each in written["run"]["nodes"]} == result["states"]
    features = {each["name"]: each for each in written["data"]["features"]}
    # The data gate's limits of split_skew: nothing was pushed before. It does not compare what the model does not use.
    assert {features[name]["limit"] for name in ("bill_length_mm", "island")} == {0.1}
    assert features["year"]["limit"] is None
    assert all(0 <= each["distance"] < 0.1 for each in features.values())
    assert written["training"]["epoch_seconds"] > 0
    assert written["run"]["line"] == f"pushed: {result['pushed']}"
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert markdown.startswith("## ✅ penguins: pushed: ")
    assert len(markdown.splitlines()) <= 60
    assert (folder / "report.html").stat().st_size < 1.5e6
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    assert "## Owners\n\nthe Lockgate maintainers\n" in card
    assert f"- Version: {result['pushed']}" in card


def test_the_page_is_made_without_tensorflow(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.report.written import write_report;"
        "write_report(Path(sys.argv[1]));"
        "sys.exit(f'imported: {found}' if (found := {'tensorflow', 'apache_beam', 'tfx'} & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_find_the_run(folder: Path) -> None:
    root = folder.parent.parent
    listed = json.loads(invoke("runs", str(root), "--json"))
    assert (listed[-1]["id"], listed[-1]["state"]) == (folder.name, "pushed")
    assert invoke("report", str(folder), "--markdown").startswith("## ✅ penguins")
    both = json.loads(invoke("diff", str(folder), str(folder), "--json"))
    assert both["config"] == []
    assert {each["change"] for each in both["metrics"]} == {0.0}


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
@pytest.mark.parametrize("which", ["pushed", "refused", "smoke test"])
def test_the_page_is_drawn_and_readable_by_everybody(
    browser: Any, folder: Path, tmp_path: Path, width: int, scheme: str, which: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = folder / ("smoke_test/report.html" if which == "smoke test" else "report.html")
    if which == "refused":
        file = tmp_path / "report.html"
        file.write_text(render(facts()), encoding="utf-8")
    page, said = opened(browser, file, width, scheme)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figures = page.locator("figure svg[viewBox]").count()
    # The smoke test's: the latency of each signature; memory is drawn where there was time to measure it twice.
    assert page.locator("figure").count() == figures >= (2 if which == "smoke test" else 3)
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []


@needs_browser
def test_a_table_is_sorted_by_a_click(browser: Any, folder: Path) -> None:
    page, _ = opened(browser, folder / "report.html", 1280, "light")
    head = page.locator("table.sortable").first.locator("thead button", has_text="Importance")
    column = "table.sortable >> nth=0 >> tbody tr td:nth-child(5)"
    head.click()
    upwards = [float(each.get_attribute("data-value")) for each in page.locator(column).all()]
    head.click()
    downwards = [float(each.get_attribute("data-value")) for each in page.locator(column).all()]
    assert upwards == sorted(upwards)
    assert downwards == sorted(upwards, reverse=True)
    assert len(set(upwards)) > 3


@needs_browser
def test_the_page_prints(browser: Any, folder: Path) -> None:
    page, _ = opened(browser, folder / "report.html", 1280, "light")
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2


@needs_browser
def test_without_scripts_every_number_is_there(browser: Any, folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((folder / "report.html").resolve().as_uri())
    page.locator("summary", has_text="Numbers: loss by epoch").click()
    assert page.locator("figure", has_text="loss by epoch").locator("tbody tr").first.is_visible()


@needs_browser
def test_the_index_leads_to_the_runs(browser: Any, folder: Path) -> None:
    root = folder.parent.parent
    invoke("report", str(root), "--all")
    page, said = opened(browser, root / "runs" / "index.html", 1280, "light")
    assert said == []
    page.locator("a", has_text=folder.name).first.click()
    page.wait_for_selector("html[data-drawn]", state="attached")
    assert "Pushed" in page.locator(".verdict").inner_text()

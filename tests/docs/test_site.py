"""The documents as a site: whole, without a warning, and from nowhere else."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from support.pages import ROOT

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        # Material's advertisement for its successor.
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def pages(site: Path) -> dict[str, Any]:
    return {file.relative_to(site).as_posix(): lxml.html.parse(str(file)).getroot() for file in site.rglob("*.html")}


def test_every_document_is_a_page(site: Path) -> None:
    written = {each.with_suffix(".html").name for each in (ROOT / "docs").glob("*.md")}
    assert written | {"index.html"} <= set(pages(site))
    assert "344 birds in" in (site / "index.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for name, page in pages(site).items():
        loaded = [each.get("src") or each.get("href") for each in page.iter("script", "link", "img", "iframe")]
        assert [each for each in loaded if each and re.match(r"(https?:)?//", each)] == [], name


def test_links_between_the_repositorys_folders_lead_to_pages(site: Path) -> None:
    """The ZOO is in a folder of code, and the page that names it too; a file of code is named without a link."""
    found = pages(site)
    links = [each.get("href") for each in found["smoke-test.html"].iter("a")]
    assert "components/zoo.html" in links
    assert not [each for each in links if each and each.endswith((".py", ".txt", ".json"))]
    assert "only those of an allow-list" in " ".join(found["smoke-test.html"].text_content().split())


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
def test_the_search_works_from_the_disk(site: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto((site / "index.html").as_uri())
        page.fill("[data-md-component=search-query]", "worker_timeout_seconds")
        first = page.locator(".md-search-result__link").first
        first.wait_for(state="attached")
        found = page.locator(".md-search-result__link").evaluate_all("links => links.map(link => link.href)")
        browser.close()
    assert [each for each in found if "/distribution.html" in each]
    assert said == []

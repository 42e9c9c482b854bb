"""The pictures of pages in docs/images, from a run of penguins: `python docs/site/screenshots.py RUN`.

RUN is the folder of a run that pushed. The refused model is a copy of that run's, with two lines of a vocabulary
swapped after the export. Chromium has to be installed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "images"
WIDTH = 1100


def refused_model(run: Path, folder: Path) -> Path:
    """The page of the smoke test of a model whose vocabulary was reordered."""
    nodes = json.loads((run / "report.json").read_text(encoding="utf-8"))["run"]["nodes"]
    [model] = [uri for node in nodes for uri in node["artifacts"] if "/Trainer/model/" in uri]
    shutil.copytree(model, folder / "penguins")
    for vocabulary in (folder / "penguins" / "Format-Serving" / "assets").iterdir():
        lines = vocabulary.read_text(encoding="utf-8").splitlines()
        vocabulary.write_text("\n".join([*lines[1::-1], *lines[2:]]) + "\n", encoding="utf-8")
    report = folder / "report.html"
    command = ["lockgate", "smoke-test", str(folder / "penguins"), "--examples", "data/penguins/penguins.csv"]
    subprocess.run([*command, "--html", str(report)], check=False)  # noqa: S603 - refused: exit code 3
    return report


_SHORTEN = """(place) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) walker.currentNode.data = walker.currentNode.data.replaceAll(place, "output");
}"""


def picture(page: Page, file: Path, name: str, *, place: Path, height: int, section: str = "") -> None:
    """Takes one picture of a page, from its top or from a section; `place`, a folder of this machine, is not on it."""
    page.goto(file.resolve().as_uri())
    if page.locator("script").count():
        page.wait_for_selector("html[data-drawn]", state="attached")
    page.evaluate(_SHORTEN, str(place.resolve()))
    top = page.locator(section).bounding_box()["y"] - 12 if section else 0
    clip = {"x": 0, "y": top, "width": WIDTH, "height": height}
    page.screenshot(path=IMAGES / name, clip=clip, full_page=True)
    print(f"wrote {IMAGES / name}")


def main(run: Path) -> None:
    """Takes all of them."""
    if json.loads((run / "result.json").read_text(encoding="utf-8"))["state"] != "pushed":
        sys.exit(f"{run}: expected a run that pushed")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light")
        root, broken = run.parent.parent, Path(temporary)
        picture(page, run / "report.html", "report.png", place=root, height=1180)
        picture(page, run / "report.html", "report-data.png", place=root, height=900, section="#data")
        picture(page, refused_model(run, broken), "smoke-test.png", place=broken, height=525)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

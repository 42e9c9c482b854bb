"""What the site needs besides docs/: pages that lie elsewhere in the repository, and links that fit the site.

MkDocs calls the functions by their names (`hooks:` in mkdocs.yml).
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "README.md": "index.md",
    "components/smoke_test/ZOO.md": "components/zoo.md",
    "deploy/beam/README.md": "deploy/beam.md",
    "deploy/ci/README.md": "deploy/ci.md",
    "deploy/kubeflow/README.md": "deploy/kubeflow.md",
    "deploy/serving/README.md": "deploy/serving.md",
    "deploy/vertex/README.md": "deploy/vertex.md",
}
"""Pages of the site by where they are in the repository."""
_ORIGIN = {page: source for source, page in ELSEWHERE.items()}
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages from elsewhere, and the script without which the search needs a server."""
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    shim = Path(__file__).with_name("vendor") / "iframe-worker.js"
    files.append(File.generated(config, "assets/javascripts/iframe-worker.js", content=shim.read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs' own
    """Leads links to where their pages are on the site; a file of code, which is not there, is named without a link."""
    here = page.file.src_uri
    origin = _ORIGIN.get(here, f"docs/{here}")

    def changed(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        if not target or "://" in target:
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(origin), target))
        on_site = ELSEWHERE.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else None)
        if on_site is None:
            return match["text"]
        link = posixpath.relpath(on_site, posixpath.dirname(here) or ".")
        return f"{match['image']}[{match['text']}]({link}{'#' if anchor else ''}{anchor})"

    return _LINK.sub(changed, markdown)

"""What a page says."""

from pathlib import Path

import lxml.html


def said_by(page: Path) -> str:
    """The text of an HTML file without its scripts and styles, on one line."""
    tree = lxml.html.fromstring(page.read_text(encoding="utf-8"))
    for each in [*tree.iter("script", "style")]:
        each.drop_tree()
    return " ".join(tree.text_content().split())

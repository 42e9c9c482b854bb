"""The page of the smoke test has every check."""

import re
from typing import get_args

from support.pages import DOCUMENTS

from components.smoke_test.names import CheckName


def test_every_check_has_a_row():
    page = next(page for page in DOCUMENTS if page.name == "docs/smoke-test.md")
    rows = re.findall(r"^\| `(\w+)` \|", page.path.read_text(encoding="utf-8"), re.MULTILINE)
    assert [check for check in get_args(CheckName) if check not in rows] == []

"""The zoo's table in the component's docs: made by the test run, and compared with the kinds by a test."""

from collections.abc import Mapping
from pathlib import Path

from support.zoo.broken import KINDS

import components.smoke_test

PATH = Path(components.smoke_test.__file__).parent / "ZOO.md"
HEAD = """# The zoo

Broken SavedModels that the tests build, and the check of the smoke test that catches each: it is named in the report,
and the model is not blessed. The seconds are those of the whole gate, starting Python and importing TensorFlow
included. Made by `LOCKGATE_WRITE_ZOO=1 pytest tests/components/smoke_test/test_zoo_broken.py`.

| Kind | What is wrong | Made by | Caught by | Seconds |
|---|---|---|---|---|
"""


def rows() -> list[tuple[str, str, str, str]]:
    """Kind, what is wrong, whose export it is, and the check that is meant for it."""
    return [
        (
            f"`{kind.name}`",
            kind.wrong,
            kind.make,
            f"`{kind.check}`" + (f" on `{kind.signature}`" if kind.signature else ""),
        )
        for kind in sorted(KINDS.values(), key=lambda kind: kind.name)
    ]


def committed() -> list[tuple[str, str, str, str]]:
    """The same, from the docs."""
    lines = PATH.read_text(encoding="utf-8").removeprefix(HEAD).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(kind, wrong, make, caught) for kind, wrong, make, caught, _ in cells]


def write(seconds: Mapping[str, float]) -> None:
    """Writes the docs; does nothing when the test run left kinds out."""
    if set(seconds) != set(KINDS):
        return
    body = "".join(
        f"| {kind} | {wrong} | {make} | {caught} | {seconds[kind.strip('`')]:.1f} |\n"
        for kind, wrong, make, caught in rows()
    )
    temporary = PATH.with_suffix(".part")
    temporary.write_text(HEAD + body, encoding="utf-8")
    temporary.replace(PATH)

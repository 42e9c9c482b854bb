"""The words of messages, docstrings and documents: plain technical English, held by what must not come back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import DOCUMENTS, ROOT

PACKAGES = ("pipeline", "components", "models", "preprocessing", "data")
UNWANTED = re.compile(
    r"""\b(
    mend(s|ed|ing)?                                               # fix, correct
    | (?<!there[ ])(is|are|was|were)[ ]no\b(?![ ](longer|more)\b)  # is not a
    | can[ ]be[ ]no                                               # can't be used as
    | can[ ]have[ ]no                                             # can't have
    | gate's[ ]no                                                 # a refusal
    | (says?|said)[ ]no                                           # refuses, refused
    | stands?[ ]in[ ]the[ ]paths?                                 # the path contains
    | what[ ]is[ ]another                                         # what differs
    | (is|are)[ ]to[ ]be[ ]had                                    # there is
    | begins?[ ]by[ ](itself|themselves)                          # starts automatically
    | far[ ]and[ ]wide                                            # within so many bytes
    )\b""",
    re.VERBOSE | re.IGNORECASE,
)
"""What must not come back; beside each, what to write instead."""
FILES = ("*.md", "data/*/README.md", "data/*/pipeline.yaml", "deploy/**/*.yaml", "components/**/*.md")
TEXTS = sorted(
    {page.path for page in DOCUMENTS}
    | {file for pattern in (*FILES, "components/**/*.jinja") for file in ROOT.glob(pattern)}
)
SOURCES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))


def unwanted(text: str) -> list[str]:
    """The unwanted words of a text, each with what is around it; line breaks and comment marks don't matter."""
    line = re.sub(r"[\s#]+", " ", text)
    return [line[max(0, each.start() - 40) : each.end() + 30] for each in UNWANTED.finditer(line)]


def literals(node: ast.AST) -> Iterator[str]:
    """Every string of the code; an f-string as one text, with braces where its values come."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from literals(child)
        return
    yield "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
    for each in node.values:
        if isinstance(each, ast.FormattedValue):
            yield from literals(each.value)


def first_lines(tree: ast.Module) -> Iterator[str]:
    """The first line of every docstring, those of fields and constants included."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for before, each in zip([None, *node.body], node.body, strict=False):
            match each:
                case ast.Expr(ast.Constant(str(text))) if before is None or isinstance(
                    before, ast.Assign | ast.AnnAssign
                ):
                    yield text.strip().split("\n")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mend the row", 1),
        ("the address 'x' is no URL", 1),
        ("there is no such file; There are\n    no rows", 0),
        ("it is no\n    longer there, and is no more", 0),
        ("a column can be no input", 1),
        ("a gate's no ends the run, as it said no", 2),
        ("amended, recommends", 0),
        ("# the file is\n  # no table", 1),
    ],
)
def test_unwanted_words_are_found(text: str, words: int):
    assert len(unwanted(text)) == words


def test_code_uses_plain_words():
    found = {
        str(file.relative_to(ROOT)): words
        for file in SOURCES
        if (words := [word for text in literals(ast.parse(file.read_bytes())) for word in unwanted(text)])
    }
    assert found == {}


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_documents_use_plain_words(file: Path):
    assert unwanted(file.read_text(encoding="utf-8")) == []


def test_the_first_line_of_a_docstring_makes_sense_alone():
    found = {
        str(file.relative_to(ROOT)): lines
        for file in SOURCES
        if (
            lines := [
                line
                for line in first_lines(ast.parse(file.read_bytes()))
                if line.startswith("Of ") or len(line.split()) < 3
            ]
        )
    }
    assert found == {}

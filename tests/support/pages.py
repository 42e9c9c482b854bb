"""The documents as data: their prose, code blocks, headings, links and named paths."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELL = ("sh", "console")

_FENCE = re.compile(
    r"^(?:<!-- needs: (?P<needs>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
      language: what follows the fence; "" where nothing does.
      code: the text inside.
      needs: what the comment above says that it needs; "" where there is no such comment.
    """

    language: str
    code: str
    needs: str

    def commands(self) -> list[list[str]]:
        """The words of each command of a shell block; redirections are left out."""
        code = re.sub(r"(?:^|  )#.*$", "", self.code.replace("\\\n", " "), flags=re.MULTILINE)
        lexer = shlex.shlex(code, posix=True, punctuation_chars="&|;<>\n")
        lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
        found: list[list[str]] = [[]]
        for word in lexer:
            if set(word) <= set("&|;<>\n"):
                found.append([">"] if set(word) <= set("<>") else [])
            else:
                found[-1].append(word)
        return [words for words in found if words and words[0] != ">"]


@dataclass(frozen=True)
class Page:
    """One Markdown file of the repository."""

    path: Path

    @property
    def name(self) -> str:
        """Its path in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """The whole file."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """Its fenced blocks, in order."""
        return [Block(each["language"], each["code"], each["needs"] or "") for each in _FENCE.finditer(self.text)]

    @cached_property
    def prose(self) -> str:
        """The text without blocks of code, tables and comments."""
        bare = re.sub(r"<!--.*?-->", "", _FENCE.sub("", self.text), flags=re.DOTALL)
        return "\n".join(line for line in bare.splitlines() if not line.startswith("|"))

    def anchors(self) -> set[str]:
        """What a link to a heading may name, as GitHub makes it."""
        headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", self.text), flags=re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def links(self) -> list[str]:
        """The targets of its relative links and pictures."""
        found = _LINK.findall(_FENCE.sub("", self.text))
        return [target for target in found if not re.match(r"https?:", target)]

    def sentences(self) -> Iterator[str]:
        """The sentences of its prose, on one line each."""
        for paragraph in re.split(r"\n\s*\n|\n(?=[-#\d])", self.prose):
            yield from re.split(r"(?<=[.:;!?]) ", " ".join(paragraph.split()))

    def named_tests(self) -> Iterator[tuple[str, str]]:
        """The tests that it names: file and function."""
        yield from re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", self.text)

    def named_paths(self) -> Iterator[str]:
        """What it names in backticks that begins with a folder of the repository."""
        folders = "pipeline|components|models|preprocessing|data|deploy|docs|tests"
        for span in re.findall(r"`([^`\n]+)`", _FENCE.sub("", self.text)):
            named = re.fullmatch(rf"((?:{folders})/[\w./*-]*)(?:::\w+)?", span)
            if named and "/output/" not in f"{span}/":
                yield named[1]
        for block in self.blocks:
            if block.language in SHELL:
                yield from re.findall(rf"(?<![\w./-])(?:{folders})/[\w./-]+\.(?:py|yaml|csv|parquet)\b", block.code)


DOCUMENTS = [
    Page(path)
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "deploy").glob("*/README.md")),
        ROOT / "components/smoke_test/README.md",
    )
]
"""All but the changelog, the zoo's table and the data sets' own pages."""

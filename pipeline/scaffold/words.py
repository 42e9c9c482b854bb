"""Decides, column by column, whether a word such as NA is a value or means missing.

The rules, in this order:

1. Among numbers a word means missing, one such as "-" too. (Not if a label would be left with one class.)
2. In text, "-", "missing" and their like are values: nothing says that they stand for no value.
3. In text, NA and its like are a value where the column writes missing cells in another way (it has empty ones), and
   where they look like all the others: NA among codes of two capital letters, None among a few capitalised words. In
   a label None always is one, and so is a word without which one class is left.
4. Everywhere else, and among dates and yes or no, they mean missing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.example_gen.columns.convert import first_as_text
from components.example_gen.config import ColumnOptions, CsvOptions, DataConfig, Format
from preprocessing.config import BooleanFeature
from preprocessing.missing import USUAL_WORDS, bare_text, missing_cells
from preprocessing.text import listed

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.preflight.table_profile import TableProfile

AMONG_NUMBERS = ("-", "--", ".", "..", "#N/A", "#NA", "<NA>", "NaT", "nil", "missing", "unknown", "not available")
"""The words that mean missing where the other cells are numbers."""
_NUMBER = r"\A\PL*[0-9]"
_MIN_NUMBER_SHARE = 0.5
_LIKE = {"NA": "[A-Z]{2}", "NULL": "[A-Z]{4}", "nan": "[a-z]{3}", "null": "[a-z]{4}", "None": r"[A-Z][a-z].*"}
"""What all others must look like for the word to be one of them."""
_FEW = 20
"""Up to this many different words are a closed list, in which None may have its place."""
_YES_OR_NO = frozenset((*BooleanFeature(columns=("_",)).true_values, *BooleanFeature(columns=("_",)).false_values))


@dataclass(frozen=True)
class ColumnWords:
    """What was decided of the words in one column.

    Attributes:
      column: its name.
      values: rows by word, of those that are values.
      missing: rows by word, of those that mean missing.
      reasons: why the words that usually mean missing are values.
      among_numbers: whether the other cells are numbers.
    """

    column: str
    values: Mapping[str, int]
    missing: Mapping[str, int]
    reasons: Mapping[str, str]
    among_numbers: bool

    def differs_from(self, table: Collection[str]) -> bool:
        """Whether the column needs words of its own where these are the table's."""
        return not set(self.missing) <= set(table) or not set(self.values).isdisjoint(table)

    def options(self, usual: Iterable[str]) -> ColumnOptions:
        """The column's words for missing, with those that are usual where none of its values is one of them."""
        kept = () if self.reasons else tuple(usual)
        return ColumnOptions(null_values=tuple(dict.fromkeys(("", *kept, *self.missing))))

    def comments(self) -> Iterator[str]:
        """The decisions for the configuration."""
        yield from (f"{_quoted(word)}: a value, because {reason}." for word, reason in self.reasons.items())
        yield from (f"{_quoted(word)}: missing." for word in self.missing)

    def notes(self) -> Iterator[str]:
        """The decisions that a person may want to have otherwise: the rows, and what to write then."""
        field = f"data.columns.{self.column}.null_values"
        for word, reason in self.reasons.items():
            what = (
                f"{self.column!r}: {_quoted(word)} ({self.values[word]:,} rows) is taken as a value, because {reason}"
            )
            yield f"{what}; if it means missing, write {field}: {_list([*self.missing, word])}"
        for word, rows in self.missing.items():
            what = f"{self.column!r}: {_quoted(word)} ({rows:,} rows) means missing"
            if not self.among_numbers:
                yield f"{what}; if it is a value, write {field}: {_list(set(self.missing) - {word})}"
            elif word not in USUAL_WORDS:
                yield f"{what}, as it stands among numbers"


@dataclass
class _Texts:
    """The texts of one column, empty cells left out.

    Attributes:
      empty: rows without any text.
      words: rows by word.
      rows: rows with another text.
      numbers: of these, the rows that begin with a digit, whatever stands before it but letters: dates too.
      others: the other texts, up to one more than `_FEW`.
      alike: the words of `_LIKE` that all others look like.
    """

    empty: int = 0
    words: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    numbers: int = 0
    others: set[str] = field(default_factory=set)
    alike: set[str] = field(default_factory=lambda: set(_LIKE))

    def add(self, cells: pa.StringArray) -> None:
        import pyarrow.compute as pc

        values, counts = pc.value_counts(cells).flatten()
        found = missing_cells(values, (*USUAL_WORDS, *AMONG_NUMBERS))
        for text, rows in zip(values.filter(found).to_pylist(), counts.filter(found).to_pylist(), strict=True):
            word = bare_text(text)
            if word:
                self.words[word] += rows
            else:
                self.empty += rows
        others, counts = values.filter(pc.invert(found)), counts.filter(pc.invert(found))
        self.rows += sum(counts.to_pylist())
        self.numbers += sum(counts.filter(pc.match_substring_regex(others, _NUMBER)).to_pylist())
        self.others.update(others.slice(0, _FEW + 1).to_pylist()[: _FEW + 1 - len(self.others)])
        for word in sorted(self.alike):
            if not all(pc.match_substring_regex(others, rf"\A(?:{_LIKE[word]})\z").to_pylist()):
                self.alike.remove(word)

    def decide(self, column: str, *, is_label: bool) -> ColumnWords:
        """Follows the rules of this module."""
        unusual = sum(rows for word, rows in self.words.items() if word not in USUAL_WORDS)
        mostly = self.rows > 0 and self.numbers >= _MIN_NUMBER_SHARE * (self.rows + unusual)
        numbers = mostly and self.numbers == self.rows
        values = set() if numbers else {word for word in self.words if word not in USUAL_WORDS}
        reasons: dict[str, str] = {}
        if not (mostly or self._yes_or_no()):
            whys = {word: self._why_a_value(word, is_label=is_label) for word in self.words if word in USUAL_WORDS}
            reasons = {word: why for word, why in whys.items() if why}
        if is_label and len(self.others) + len(values | reasons.keys()) < 2:
            reasons = {word: "without it the label has one class" for word in self.words if word in USUAL_WORDS}
            values = set(self.words)
        values |= reasons.keys()
        return ColumnWords(
            column,
            {word: rows for word, rows in self.words.items() if word in values},
            {word: rows for word, rows in self.words.items() if word not in values},
            reasons,
            numbers,
        )

    def _yes_or_no(self) -> bool:
        return {text.lower() for text in self.others} <= _YES_OR_NO

    def _why_a_value(self, word: str, *, is_label: bool) -> str:
        if self.empty:
            return f"{self.empty} other cells are empty"
        few = len(self.others) <= _FEW
        if word in self.alike and len(self.others) > 1 and (word != "None" or few):
            return f"the other values look like it: {listed(sorted(self.others), 3, repr)}"
        return "None is a class more often than a missing label" if word == "None" and is_label else ""


def decide_words(table: TableProfile, label: str) -> tuple[ColumnWords, ...]:
    """The decision for every column that has one of the words.

    Args:
      table: read with no words for missing, its `words` watched for.
      label: the column to predict.
    """
    return tuple(
        _texts(table, name).decide(name, is_label=name == label) for name in table.names if table.column(name).words
    )


def _texts(table: TableProfile, name: str) -> _Texts:
    texts = _Texts()
    for profile in table.files:
        for rows in table.reader.rows(profile.file, {name: "string"}):
            texts.add(first_as_text(rows.batch.column(name)))
    return texts


def configured(data: DataConfig, fmt: Format, found: Sequence[ColumnWords]) -> DataConfig:
    """The `data:` section that reads the words as they were decided on.

    In CSV a word among numbers goes into the table's own list where no column has it as a value, else to its columns.

    Args:
      data: with no words for missing.
      fmt: of the table's files.
      found: the decisions.
    """
    default = CsvOptions().null_values
    values = {word for each in found for word in each.values}
    missing = dict.fromkeys(word for each in found for word in each.missing)
    table = (*default, *(word for word in missing if fmt == "csv" and word not in values and word not in default))
    words, usual = (table, USUAL_WORDS) if fmt == "csv" else ((), ())
    columns = {each.column: each.options(usual) for each in found if each.differs_from(words)}
    csv = data.csv.model_copy(update={"null_values": table})
    return data.model_copy(update={"csv": csv, "columns": columns})


def _quoted(word: str) -> str:
    return json.dumps(word, ensure_ascii=False)


def _list(words: Iterable[str]) -> str:
    return json.dumps(["", *sorted(words)], ensure_ascii=False)

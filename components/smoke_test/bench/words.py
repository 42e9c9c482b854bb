"""Which words of a column a model knows: those whose answer is not that of a word that nobody knows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

import numpy as np

from components.smoke_test.bench.altered import Taken
from components.smoke_test.bench.bench import Array, Bench
from components.smoke_test.bench.probes import good_rows
from components.smoke_test.bench.requests import Row, strings
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.export.constants import Vocabulary
from components.smoke_test.export.contract import Signature
from components.smoke_test.sandbox.session import Answer

UNKNOWN = tuple(f"lockgate{letters}".encode() for letters in ("xqa", "zub", "vyk", "jow", "qip", "wuz", "kex", "hyf"))
"""Words that no vocabulary has: one each, of plain letters, so that a text of it is a text of one unknown word."""
_BASE_ROWS = 2
_ROW_WORDS = 48
_OF_OTHERS = 6
_OF_VOCABULARY = 24
MARK = b"\xef\xbb\xbf"
_SECONDS = 0.006
_PATIENCE = 0.3
_NO_TIME = "no time: see smoke_test.search.seconds"
_DIFFERENT = "unknown words get different answers: it hashes them, has several buckets for them, or reads their letters"
_REFUSES = "it refuses words that it does not know: see the check `harm`"


@dataclass(frozen=True)
class Words:
    """What a column does with words.

    Attributes:
      column: its name.
      counts: how many of the rows have each of the column's own words.
      known: whether a word is known, by word: of the rows, of vocabularies, of other columns.
      answers: a number for each different answer, by word: equal words have equal numbers.
    """

    column: str
    counts: Mapping[bytes, int]
    known: Mapping[bytes, bool]
    answers: Mapping[bytes, int] = field(default_factory=dict)

    def known_of(self, words: Sequence[bytes]) -> list[bytes]:
        """Those of the words that are known."""
        return [word for word in words if self.known.get(word)]


def own_words(rows: Sequence[Row], column: str) -> Counter[bytes]:
    """The column's words with the number of rows that have them."""
    values = [row[column] for row in rows if column in row and row[column].dtype == object]
    return Counter(word for array in values for word in dict.fromkeys(array.tolist()))


def variants(word: bytes) -> Iterator[bytes]:
    """The word as a vocabulary may have it that was written in another way."""
    text = word.decode("utf-8", "replace")
    changed = (text.strip(), text.lower(), text.upper(), text.title(), text.capitalize())
    composed = (normalize(form, text) for form in ("NFC", "NFD"))
    encoded = [each.encode() for each in (*changed, *composed)]
    if not text.isascii():
        encoded += [text.encode("latin-1", "replace"), word.decode("latin-1").encode()]
    for each in dict.fromkeys(encoded):
        if each != word:
            yield each
    yield from (MARK + word, word + b" ", b" " + word, b'"' + word + b'"')


@dataclass
class WordProber:
    """Replaces the value of one text column by words, in a few rows.

    Every request has the same rows in the same places, and nothing but the words differs, so that equal answers are
    equal to the last bit.

    Attributes:
      bench, signature, taken: the model and the column.
      slot: the time.
      patient: whether it asks without time too, unless that takes long: what one column has must not hang on how busy
        the machine is.
    """

    bench: Bench
    signature: Signature
    taken: Taken
    slot: Slot
    patient: bool = False

    def __post_init__(self) -> None:
        self._rows = good_rows(self.bench, _BASE_ROWS, self.taken.column)
        self._row_seconds = self.bench.row_seconds[self.signature.name]

    def examine(self, counts: Counter[bytes], others: Sequence[bytes]) -> "Words | str":
        """Which words are known, or why that can't be told."""
        own = [word for word, _ in counts.most_common(_ROW_WORDS)]
        words = list(dict.fromkeys([*own, *others]))
        if not words:
            return "no row has a word in it, and the graph holds none"
        answers = self._ask(words)
        if own and (answers is None or answers.error is not None):
            # What belongs to other columns may be refused.
            words = own
            answers = self._ask(words)
        if answers is None:
            return _NO_TIME
        if answers.error is not None:
            return f"it refuses a word of its own rows: {answers.error.code}"
        # All unknown words side by side: two of them alone may share one of a few buckets.
        side_by_side = self._ask(UNKNOWN)
        if side_by_side is None:
            return _NO_TIME
        if side_by_side.error is not None:
            return _REFUSES
        if len(set(self._groups(side_by_side, UNKNOWN).values())) > 1:
            return _DIFFERENT
        unknown = [self._ask([each] * len(words)) for each in UNKNOWN[:2]]
        if any(each is None for each in unknown):
            return _NO_TIME
        if any(each is not None and each.error is not None for each in unknown):
            return _REFUSES
        if not self._same(unknown[0], unknown[1], len(words)).all():
            return _DIFFERENT
        as_unknown = np.any([self._same(answers, each, len(words)) for each in unknown], axis=0)
        known = {word: not same for word, same in zip(words, as_unknown.tolist(), strict=True)}
        return Words(self.taken.column, counts, known, self._groups(answers, words))

    def known_among(self, words: Sequence[bytes]) -> list[bytes]:
        """Those of some more words that are known."""
        if not words:
            return []
        answers, *unknown = (self._ask(each) for each in (words, *([word] * len(words) for word in UNKNOWN[:2])))
        # Without an answer to every unknown word nothing can be told: each word would seem to be known.
        if any(each is None or each.error is not None for each in (answers, *unknown)):
            return []
        same = np.any([self._same(answers, each, len(words)) for each in unknown], axis=0)
        return [word for word, as_unknown in zip(words, same.tolist(), strict=True) if not as_unknown]

    def _ask(self, words: Sequence[bytes]) -> Answer | None:
        rows = [self._with(row, word) for row in self._rows for word in words]
        seconds = len(rows) * self._row_seconds + _SECONDS
        if not self.slot.fits(seconds) and not (self.patient and seconds < _PATIENCE):
            return None
        [answer] = self.bench.session.ask([self.bench.request(self.signature, rows)], phase="words")
        return answer

    def _with(self, row: Row, word: bytes) -> Row:
        before = row.get(self.taken.column)
        return {**row, self.taken.column: strings([word] * (len(before) if before is not None else self.taken.size))}

    def _same(self, one: Answer | None, other: Answer | None, words: int) -> Array:
        """For each word, whether two answers are equal in every row that it was put into, bool [words]."""
        same = np.ones((len(self._rows), words), bool)
        if one is None or other is None:
            return np.zeros(words, bool)
        for name, array in one.outputs.items():
            second = other.outputs.get(name)
            if second is None or second.shape != array.shape:
                return np.zeros(words, bool)
            if not array.ndim or len(array) != same.size:
                continue
            equal = array == second
            if array.dtype.kind in "fc":
                equal |= np.isnan(array) & np.isnan(second)
            same &= np.asarray(equal, bool).reshape(len(self._rows), words, -1).all(axis=2)
        return same.all(axis=0)

    def _groups(self, answers: Answer, words: Sequence[bytes]) -> dict[bytes, int]:
        """A number for each different answer. These are in different places, so rounding is allowed."""
        seen: dict[tuple[object, ...], int] = {}
        groups = {}
        for i, word in enumerate(words):
            places = [row * len(words) + i for row in range(len(self._rows))]
            parts: list[object] = []
            for _, array in sorted(answers.outputs.items()):
                if array.ndim and len(array) == len(words) * len(self._rows):
                    chosen = array[places]
                    parts.append(tuple((np.round(chosen, 5) if chosen.dtype.kind in "fc" else chosen).reshape(-1)))
            groups[word] = seen.setdefault(tuple(parts), len(seen))
        return groups


def some_of(vocabulary: Vocabulary) -> list[bytes]:
    """Words of a vocabulary to try: the first, the last, and some between."""
    words = vocabulary.words
    places = np.unique(np.linspace(0, len(words) - 1, _OF_VOCABULARY).astype(int)) if words else []
    return [words[place] for place in places]


def of_others(counts: Mapping[str, Counter[bytes]], column: str) -> dict[str, list[bytes]]:
    """The most frequent words of the other columns that this one does not have, by column."""
    own = counts[column]
    return {
        name: [word for word, _ in each.most_common(_OF_OTHERS) if word not in own]
        for name, each in counts.items()
        if name != column
    }

"""The check `words`: the words of the rows are known to the model, and what nobody knows is not taken for one of them.

What the model's own tables know gets a finite answer, whether a row has it or not.

A vocabulary that is not the one of training stops no request: its column is dead, or confused, in every answer.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.smoke_test.bench.altered import Taken
from components.smoke_test.bench.bench import Bench
from components.smoke_test.bench.interventions import taken_of
from components.smoke_test.bench.probes import Prober
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.words import MARK, WordProber, Words, of_others, own_words, some_of, variants
from components.smoke_test.checks.by_signature import by_signature
from components.smoke_test.checks.known_words import known_values, spoilt
from components.smoke_test.export.constants import Vocabulary
from components.smoke_test.export.contract import Signature
from components.smoke_test.names import CheckName
from components.smoke_test.report import CheckResult
from preprocessing.text import counted, decoded, listed, quoted

_CHECK: CheckName = "words"
_MOST_COLUMNS = 24
_VOCABULARIES = 8
_FEWEST_WORDS = 3
_FREQUENT, _FREQUENT_ROWS = 0.15, 5
"""A word in so many rows is in every vocabulary of the column."""
_REPEATED_ROWS = 3
_SEVERAL = 0.15
_ALMOST_NONE = 0.1
_VARIED_WORDS = 12
_SHOWN = 4
_MEANS_UNKNOWN = re.compile(
    r"\W*_*(unk\w*|oov\w*|others?|rest|rare|unseen|none|null|nan|na|n/a|missing|misc\w*|default|undefined|empty|blank|"
    r"not.?found|no.?match|unbekannt|sonst\w*|pad|mask|start|end)?_*\W*",
    re.I,
)
_EXPECTED = "words of the rows get other answers than words that nobody knows"
_OTHER_VERSION = (
    "the vocabulary in the export is not the one of these rows: of another version, or of another column; export the "
    "one that the model was trained with"
)


@dataclass(frozen=True)
class _Fault:
    """What is wrong with one column: what came instead of what is expected, and what to do."""

    column: str
    received: str
    hint: str
    expected: str = _EXPECTED


def check_words(bench: Bench) -> Iterator[CheckResult]:
    """`words`: by signature, each column of texts with its own words, those of vocabularies, and unknown ones.

    Raises:
      ProcessEnded: the model's process ended over a request.
    """
    yield from by_signature(bench, _CHECK, _of_signature)


def _of_signature(bench: Bench, signature: Signature, slot: Slot) -> Iterator[CheckResult]:
    every = taken_of(bench.rows.rows, signature, bench.contract)
    taken = [each for each in every if each.dtype == "string"]
    listed_numbers = [
        each for each in every if each.dtype == "int64" and known_values(bench, signature.name, each, Counter())
    ]
    if not taken and not listed_numbers:
        yield CheckResult.skips(_CHECK, "it takes no text", signature=signature.name)
        return
    counts = {each.column: own_words(bench.rows.rows, each.column) for each in taken[:_MOST_COLUMNS]}
    judged, skipped, failed = [], [], False
    for i, each in enumerate([*taken[:_MOST_COLUMNS], *listed_numbers[:_MOST_COLUMNS]]):
        column = _ColumnOfWords(bench, WordProber(bench, signature, each, slot, patient=i == 0), each, counts)
        found = column.judge() if each.dtype == "string" else ""
        if not isinstance(found, _Fault):
            found = column.spoilt() or found
        if isinstance(found, _Fault):
            failed = True
            yield CheckResult.fails(
                _CHECK, found.expected, found.received, case=found.column, signature=signature.name, hint=found.hint
            )
        elif found:
            skipped.append(f"{each.column}: {found}")
        else:
            judged.append(each.column)
    if len(taken) > _MOST_COLUMNS:
        skipped.append(f"{len(taken) - _MOST_COLUMNS} more columns")
    if failed:
        return
    if judged:
        received = f"true of {listed(judged, _SHOWN)}" + (f"; not judged: {'; '.join(skipped)}" if skipped else "")
        yield CheckResult.passes(_CHECK, _EXPECTED, received, signature=signature.name)
    else:
        yield CheckResult.skips(_CHECK, "; ".join(skipped[:_SHOWN]), signature=signature.name)


@dataclass(frozen=True)
class _ColumnOfWords:
    """One column of one signature.

    Attributes:
      bench: with the model.
      prober: asks.
      taken: the column.
      counts: of all columns of texts, how many rows have each word.
    """

    bench: Bench
    prober: WordProber
    taken: Taken
    counts: Mapping[str, Counter[bytes]]

    def judge(self) -> "_Fault | str":
        """The fault; or why there can be none; or nothing."""
        own = self.counts[self.taken.column]
        vocabularies = sorted(self.bench.constants.vocabularies, key=lambda each: -_shared(each, own))[:_VOCABULARIES]
        strangers = of_others(self.counts, self.taken.column)
        more = [word for each in vocabularies for word in some_of(each)]
        words = self.prober.examine(own, [*more, *(word for each in strangers.values() for word in each)])
        if isinstance(words, str):
            return words
        if not any(words.known.values()) and not own:
            return "no word that was tried has an effect"
        vocabulary = max(
            vocabularies, key=lambda each: (_shared(each, own), len(words.known_of(some_of(each)))), default=None
        )
        if vocabulary is not None and not words.known_of(some_of(vocabulary)):
            vocabulary = None
        faults = (
            self._unknown_is_a_word(words, vocabulary),
            *(() if self.bench.rows.made else (self._misspelt(words), self._unheard_of(words, vocabulary, strangers))),
        )
        return next((each for each in faults if each is not None), "")

    def spoilt(self) -> "_Fault | None":
        """What is wrong with the answers to what the column's tables know."""
        bench, signature = self.bench, self.prober.signature
        values = known_values(bench, signature.name, self.taken, self.counts.get(self.taken.column, Counter()))
        prober = Prober(bench, signature, _CHECK, self.prober.slot)
        found = spoilt(bench, prober, self.taken, values, self._says_nothing)
        return _Fault(self.taken.column, found.received, found.hint, found.expected) if found is not None else None

    def _own(self, words: Words) -> dict[bytes, int]:
        """The column's own words that say something, with their rows."""
        return {
            word: count for word, count in words.counts.items() if word in words.known and not self._says_nothing(word)
        }

    def _says_nothing(self, word: bytes) -> bool:
        """Whether the word means that there is none, or any other."""
        missing = (self.bench.contract.missing_words or {}).get(self.taken.column, ())
        return decoded(word) in missing or _MEANS_UNKNOWN.fullmatch(decoded(word)) is not None

    def _unknown_is_a_word(self, words: Words, vocabulary: Vocabulary | None) -> _Fault | None:
        """Whether unknown words get the answer of the vocabulary's first or last word, and of no other.

        Not where words are given amounts or groups: there one of them may be that of every other word, on purpose. And
        not where the graph tells unknown words apart: trees may make the same of them and of one word, above all of the
        most frequent one.
        """
        if vocabulary is None or not vocabulary.places or vocabulary.apart:
            return None
        tried = [word for word in some_of(vocabulary) if word in words.known and not self._says_nothing(word)]
        dead = [word for word in tried if not words.known[word]]
        alive = words.known_of(tried)
        if len(dead) != 1 or len({words.answers[word] for word in alive}) < _FEWEST_WORDS - 1:
            return None
        if dead[0] not in (vocabulary.words[0], vocabulary.words[-1]):
            return None
        place = "first" if dead[0] == vocabulary.words[0] else "last"
        return _Fault(
            self.taken.column,
            f"a word that nobody knows gets the answer of {_quoted(dead[0])}, the {place} word of {vocabulary.where}, "
            f"and of no other of {len(tried)} words",
            "unknown words are looked up as that word: give them a place of their own, one more than the vocabulary "
            "has words (`num_oov_buckets`, `num_oov_indices`), and train with it",
        )

    def _misspelt(self, words: Words) -> _Fault | None:
        """Whether the model knows a word of the rows in another spelling only, which no row has."""
        dead = [word for word in self._own(words) if not words.known[word]][:_VARIED_WORDS]
        tried = {each: word for word in dead for each in variants(word) if each not in words.counts}
        known = self.prober.known_among(list(tried))
        if not known:
            return None
        shown = [f"{_quoted(tried[each])} (known: {_quoted(each)})" for each in known]
        return _Fault(self.taken.column, f"not known: {listed(shown, _SHOWN)}", _spelling(known[0], tried[known[0]]))

    def _unheard_of(
        self, words: Words, vocabulary: Vocabulary | None, strangers: Mapping[str, Sequence[bytes]]
    ) -> _Fault | None:
        """Whether words that are frequent in the rows are not known, while others are."""
        own = self._own(words)
        dead = {word: count for word, count in own.items() if not words.known[word]}
        listed_words = set(vocabulary.words) if vocabulary is not None else set()
        # What the vocabulary has, and the model makes nothing of, has the weight 0.
        dead = {word: count for word, count in dead.items() if word not in listed_words}
        alive = [word for word in own if words.known[word]]
        others = [
            word
            for word, is_known in words.known.items()
            if is_known and word not in words.counts and not self._says_nothing(word)
        ]
        rows = sum(own.values())
        if not dead or rows == 0:
            return None
        repeated = {word: count for word, count in dead.items() if count >= _REPEATED_ROWS}
        none_known = (
            bool(others)
            and len(repeated) > 1
            and len(alive) <= _ALMOST_NONE * len(own)
            and sum(repeated.values()) >= rows / 2
        )
        frequent = [word for word, count in dead.items() if count >= max(_FREQUENT_ROWS, _FREQUENT * rows)]
        # A word that a rule does not name is its other case; a table's words are all that there are.
        by_rule = not others and vocabulary is not None and not vocabulary.of_table
        tells_apart = len(own) >= _FEWEST_WORDS and len({words.answers[word] for word in alive}) > 1 and not by_rule
        several = len(repeated) > 1 and sum(repeated.values()) >= _SEVERAL * rows and bool(others)
        if not (none_known or (tells_apart and (frequent or several))):
            return None
        shown = listed(sorted(dead, key=lambda word: -dead[word]), _SHOWN, _quoted)
        received = (
            f"not known: {shown}, in {counted(sum(dead.values()), 'row')} of {rows}; "
            f"known of its words: {listed(alive, _SHOWN, _quoted) or 'none'}"
        )
        if others:
            received += f"; known, and in no row: {listed(others, _SHOWN, _quoted)}"
        return _Fault(self.taken.column, received, self._whose(words, strangers) or _OTHER_VERSION)

    def _whose(self, words: Words, strangers: Mapping[str, Sequence[bytes]]) -> str:
        """The hint where the column knows the words of another one."""
        for name, theirs in strangers.items():
            if len(theirs) > 1 and len(words.known_of(theirs)) > len(theirs) / 2:
                return (
                    f"the words of column {name!r} are found in the vocabulary that column {self.taken.column!r} looks "
                    "up: are the two vocabularies swapped?"
                )
        return ""


def _spelling(known: bytes, word: bytes) -> str:
    """The hint for a word that is known in another form."""
    if known.startswith(MARK):
        kind = "the vocabulary begins with a byte order mark: write it as UTF-8 without one (not `utf-8-sig`)"
    elif known.strip() == word.strip():
        kind = "the words of the vocabulary have blanks that the rows do not have, or the other way round"
    elif known.lower() == word.lower():
        kind = "the vocabulary is written in another case than the rows: prepare both in the same way"
    elif known.strip(b'"') == word:
        kind = "the words of the vocabulary are in quotation marks"
    else:
        kind = (
            "the vocabulary has another encoding than the rows, or composes accents in another way: write it as UTF-8"
        )
    return f"{kind}; export the vocabulary that training used"


def _shared(vocabulary: Vocabulary, own: Counter[bytes]) -> int:
    return len(own.keys() & set(vocabulary.words))


def _quoted(word: bytes) -> str:
    return quoted(decoded(word))

"""Words that models know and do not know, in models that are Python functions."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from support.stand_in import ModelRefusesError, bench, failures, signature, texts

from components.smoke_test.bench.bench import Rows
from components.smoke_test.bench.search_time import Slot
from components.smoke_test.bench.words import UNKNOWN
from components.smoke_test.checks.words import check_words
from components.smoke_test.export.constants import Constants, Vocabulary
from components.smoke_test.export.contract import TensorSpec
from components.smoke_test.report import CheckResult

CITIES = ("Aachen", "Bonn", "Celle", "Dresden", "Essen")
COLOURS = ("red", "green", "blue", "black")
CITY = [CITIES[i % 5] for i in range(40)]
COLOUR = [COLOURS[i * 3 % 4] for i in range(40)]
Weights = Callable[[Any], Any]


def known(words: Sequence[str], unknown: float = 0.0) -> Weights:
    """Every word of a vocabulary has a weight of its own."""
    weights = {word.encode(): 0.1 * (i + 1) for i, word in enumerate(words)}
    return lambda column: np.array([weights.get(word, unknown) for word in column.tolist()])


def hashed(buckets: int) -> Weights:
    return lambda column: np.array([zlib.crc32(word) % buckets * 0.07 for word in column.tolist()])


KNOWN_COLOURS = known(COLOURS)


def run(
    city: Weights, colour: Weights = KNOWN_COLOURS, *, column: Sequence[str] = CITY, other: Sequence[str] = COLOUR,
    vocabularies: Sequence[Sequence[str]] = (CITIES, COLOURS), made: bool = False, of_table: bool = True,
    apart: bool = False, **contract: Any
) -> list[CheckResult]:  # fmt: skip
    rows = [{"city": texts([a]), "colour": texts([b])} for a, b in zip(column, other, strict=True)]
    spec = TensorSpec("string", (None,))
    one = signature("serving_default", {"city": spec, "colour": spec})

    def model(_: str, sent: Mapping[str, Any], __: int) -> Any:
        return {"value": city(sent["city"]) - 3 * colour(sent["colour"])}

    on = bench(model, signatures=(one,), rows=Rows(rows, range(len(rows)), made=made), **contract)
    found = tuple(
        Vocabulary(f"list {i}", tuple(word.encode() for word in words), of_table, apart=apart)
        for i, words in enumerate(vocabularies)
    )
    object.__setattr__(on, "constants", Constants(vocabularies=found))
    return list(check_words(on))


def the_fault(*arguments: Any, **more: Any) -> CheckResult:
    (found,) = failures(run(*arguments, **more))
    assert found.case == "city"
    return found


LOWER = [city.lower() for city in CITIES]
RARE = [*CITIES[:3] * 12, "Ulm", "Trier", "Wesel", "Xanten"]


@pytest.mark.parametrize(
    ("city", "more"),
    [
        (known(CITIES), {}),
        (known(CITIES, unknown=0.9), {}),
        (known(CITIES[:3]), {"column": RARE, "vocabularies": (CITIES[:3],)}),
        (hashed(50), {}),
        (hashed(3), {}),
        (lambda column: np.zeros(len(column)), {}),
        (known(["yes"]), {"column": ["yes", "no"] * 20, "vocabularies": (["yes"],)}),
        (lambda column: 0.1 * np.isin(column, [b"Bonn", b"Celle"]), {"vocabularies": (["Bonn", "Celle"],)}),
        (lambda column: known(LOWER)(texts([word.decode().lower() for word in column])), {"vocabularies": (LOWER,)}),
        (known(["other", *CITIES], unknown=0.1), {"column": ["other", *CITIES] * 6 + ["Bonn"] * 4,
                                                  "vocabularies": (["other", *CITIES],)}),
        (known([f"name{i}" for i in range(10)]), {"column": [f"name{i * 7}" for i in range(40)],
                                                 "vocabularies": ([f"name{i}" for i in range(10)],)}),
        (lambda column: np.where(column == b"Celle", 0.0, known(CITIES)(column)), {}),
        (known(["Bonn", "Celle"]), {"column": ["Bonn"] * 19 + ["Celle"] * 20 + ["BONN"],
                                    "vocabularies": (["Bonn", "Celle"],)}),
        (known(CITIES[:4]), {"vocabularies": (CITIES[:4],), "of_table": False}),
        (known(CITIES, unknown=0.1), {"apart": True}),
        (known(CITIES), {"column": ["Ulm"] * 40, "made": True}),
    ],
    ids=["all known", "another weight for unknown", "rare words", "hash", "few buckets", "ignored", "is yes",
         "one of two", "lower case", "other is a word", "names", "weight 0", "two cases in the rows",
         "the other case of a rule", "trees that never ask for the first", "made up"],
)  # fmt: skip
def test_sound_models(city: Weights, more: dict[str, Any]) -> None:
    assert failures(run(city, **more)) == []


def test_a_vocabulary_of_another_version() -> None:
    version = ["Aachen", "Bonn", "Fulda", "Gera"]
    found = the_fault(known(version), vocabularies=(version,))
    assert found.received.startswith(
        "not known: 'Celle', 'Dresden', 'Essen', in 24 rows of 40; known of its words: 'Aach"
    )
    assert "of another version" in found.hint


def test_a_vocabulary_that_lacks_one_frequent_word() -> None:
    version = [*CITIES[:4], "Fulda"]
    assert "'Essen', in 8 rows of 40" in the_fault(known(version), vocabularies=(version,)).received


def test_a_vocabulary_that_is_a_word_short() -> None:
    assert the_fault(known(CITIES[:4]), vocabularies=(CITIES[:4],)).received.startswith("not known: 'Essen'")


def test_two_vocabularies_that_are_swapped() -> None:
    city, colour = failures(run(known(COLOURS), known(CITIES)))
    assert "the words of column 'colour' are found in the vocabulary that column 'city' looks up" in city.hint
    assert "swapped" in colour.hint


@pytest.mark.parametrize(
    ("version", "shown", "hint"),
    [
        (["\ufeffAachen", *CITIES[1:]], "not known: 'Aachen' (known: '\\ufeffAachen')", "byte order mark"),
        ([each.upper() for each in CITIES], "'Aachen' (known: 'AACHEN')", "another case"),
        ([f"{each} " for each in CITIES], "'Aachen' (known: 'Aachen ')", "blanks"),
        ([f'"{each}"' for each in CITIES], "'Aachen' (known: '\"Aachen\"')", "quotation marks"),
    ],
)
def test_a_vocabulary_in_another_spelling(version: list[str], shown: str, hint: str) -> None:
    found = the_fault(known(version), vocabularies=())
    assert shown in found.received
    assert hint in found.hint


def test_a_vocabulary_in_another_encoding() -> None:
    column = ["Köln", "Bonn", "Gießen"] * 13

    def latin(words: Any) -> Any:
        weights = {word.encode("latin-1"): 0.1 * (i + 1) for i, word in enumerate(("Köln", "Bonn", "Gießen"))}
        return np.array([weights.get(word, 0.0) for word in words.tolist()])

    assert "another encoding" in the_fault(latin, column=column, other=COLOUR[:39], vocabularies=()).hint


@pytest.mark.parametrize(("weight", "word"), [(0.1, "'Aachen', the first"), (0.5, "'Essen', the last")])
def test_unknown_words_that_are_taken_for_one_of_the_vocabulary(weight: float, word: str) -> None:
    found = the_fault(known(CITIES, unknown=weight), made=True)
    assert f"a word that nobody knows gets the answer of {word} word of list 0" in found.received
    assert "num_oov" in found.hint


def test_words_that_mean_missing_are_nothing_that_must_be_known() -> None:
    column = [*CITIES * 6, *["NA"] * 10]
    assert failures(run(known(CITIES), column=column, missing_words={"city": ("NA",)})) == []


@pytest.mark.parametrize("buckets", [2, 3, 4])
def test_unknown_words_in_a_few_buckets_are_sound(buckets: int) -> None:
    # Each of the words of the rows that the vocabulary lacks is in one of the buckets, as each unknown word is.
    weights = {word.encode(): 0.1 * (i + 1) for i, word in enumerate(CITIES)}
    # The first two share one.
    hash_of = {word: i // 2 % buckets for i, word in enumerate(UNKNOWN)}

    def city(column: Any) -> Any:
        return np.array(
            [weights.get(word, 1 + 0.07 * hash_of.get(word, zlib.crc32(word) % buckets)) for word in column.tolist()]
        )

    assert failures(run(city, column=[*CITY, "Ulm", "Jena", "Kiel", "Trier"], other=[*COLOUR, *COLOURS])) == []


@pytest.mark.parametrize("requests", range(1, 12))
def test_time_that_ends_between_two_requests_refuses_nothing(requests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter([True] * requests)
    monkeypatch.setattr(Slot, "fits", lambda *_: next(left, False))
    assert failures(run(known(CITIES), column=[*CITY, "Ulm"], other=[*COLOUR, "red"])) == []


def test_letters_are_not_words() -> None:
    (result,) = run(lambda column: np.array([sum(word) / 100 for word in column]), lambda column: np.zeros(len(column)))
    assert "city: unknown words get different answers" in result.received


def test_a_model_that_refuses_unknown_words() -> None:
    def refuse(column: Any) -> Any:
        if not set(column.tolist()) <= {word.encode() for word in CITIES}:
            raise ModelRefusesError("InvalidArgument", "no such city")
        return known(CITIES)(column)

    (result,) = run(refuse)
    assert result.status == "passed"
    assert "city: it refuses words that it does not know" in result.received


MORE = (*CITIES, "Fulda", "Gera", "[MASK]")


def test_a_word_of_the_vocabulary_that_no_row_has_gets_nan() -> None:
    def city(words: Any) -> Any:
        return np.where((words == b"Gera") | (words == b"[MASK]"), np.nan, known(MORE)(words))

    fault = the_fault(city, vocabularies=(MORE, COLOURS))
    assert (fault.case, fault.received) == ("city", "city = 'Gera': value [nan]")
    assert fault.expected == "a finite answer to each of the 7 values that the graph's tables know"


def refusing(*refused: str) -> Weights:
    def city(words: Any) -> Any:
        if {*words.tolist()} & {each.encode() for each in refused}:
            raise ModelRefusesError("InvalidArgument", "indices[0] = 6 is not in [0, 6)")
        return known(MORE)(words)

    return city


def test_a_vocabulary_that_is_longer_than_its_weights() -> None:
    fault = the_fault(refusing("Gera"), vocabularies=(MORE, COLOURS))
    assert "city = 'Gera': InvalidArgument: indices[0] = 6" in fault.received
    assert "an embedding or a list that is too short" in fault.hint


def test_a_table_of_what_is_forbidden() -> None:
    forbidden = ("Bonn", "Fulda", "Gera", "Hamm", "Ulm")
    rows = [each for each in CITY if each != "Bonn"]
    other = COLOUR[: len(rows)]
    assert failures(run(refusing(*forbidden), column=rows, other=other, vocabularies=(COLOURS, forbidden))) == []


def test_what_is_not_finite_for_the_rows_either_is_left_to_the_check_of_that() -> None:
    city = known(MORE)
    answer = lambda words: np.where((words == b"Gera") | (words == b"Bonn"), np.nan, city(words))  # noqa: E731
    assert [each for each in failures(run(answer, vocabularies=(MORE, COLOURS))) if "finite" in each.expected] == []

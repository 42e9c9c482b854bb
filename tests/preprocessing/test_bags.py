"""Lists and texts as bags: what counts, what is missing, what is cut, against scikit-learn and by hand."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from support.examples import records
from support.transforms import TEXT, Table, assert_alike, in_order

from components.engine import Engine
from components.trainer.transform_graph import request_transform
from preprocessing.bag_config import ListFeature, TextFeature
from preprocessing.config import FeaturesConfig
from preprocessing.errors import UserError
from preprocessing.features import LABEL, ROW_KEY
from preprocessing.list_cells import list_cells
from preprocessing.missing import MissingWords

S, N = tf.string, tf.int64
Preprocess = Callable[..., dict[str, np.ndarray]]


def buckets(*words: str, of: int = 50) -> np.ndarray:
    """How often each bucket is hit; TensorFlow's own hash decides which."""
    ids = tf.strings.to_hash_bucket_fast(tf.constant(words, tf.string), of).numpy()
    return np.bincount(ids, minlength=of).astype(np.float32)


def test_a_list_is_a_bag_of_its_values(preprocess: Preprocess) -> None:
    section = {"lists": [{"columns": ["x"], "hash_buckets": 50, "indicator": True}]}
    rows = [["a", "b", "a"], ["b"], [], None, ["b", "a"], ["", "NA", " "], "a"]
    got = preprocess(section, words=["NA"], x=(rows, S))
    one = np.minimum(buckets("a", "b"), 1)
    expected = [one, buckets("b"), buckets(), buckets(), one, buckets(), buckets("a")]
    np.testing.assert_array_equal(got["x_bag_xf"], expected)
    assert got["x_missing_xf"][:, 0].tolist() == [0, 0, 1, 1, 0, 1, 0]
    counted = preprocess({"lists": [{"columns": ["x"], "hash_buckets": 50, "weights": "counts"}]}, x=(rows[:2], S))
    np.testing.assert_allclose(counted["x_bag_xf"], np.log1p([buckets("a", "b", "a"), buckets("b")]), rtol=1e-6)


def test_values_keep_apart_and_the_first_ones_count(preprocess: Preprocess) -> None:
    section = {"lists": [{"columns": ["x"], "hash_buckets": 50, "max_values": 2}]}
    got = preprocess(section, x=([["a\nb", "d"], ["a", "b", "d"], ["", "a", "", "b", "d"]], S))["x_bag_xf"]
    # The line feed is part of the value: in a line it is a backslash and an n.
    np.testing.assert_array_equal(got[0], buckets("a\\nb", "d"))
    np.testing.assert_array_equal(got[1:], [buckets("a", "b")] * 2)


@pytest.mark.parametrize("separator", ["|", ",", ".", " "])
def test_a_request_may_hold_what_stands_in_the_table(preprocess: Preprocess, separator: str) -> None:
    section = {
        "lists": [{"columns": ["x"], "hash_buckets": 50, "max_values": 3, "indicator": True, "weights": "counts"}]
    }
    rows = [["a|b"], ["a", "b"], [" a || NA|\tb\n"], ["NA"], ["|"], None, ["a|b", "c|d"], ["a|a|a|a"], ["N|A"]]
    written = [row and [each.replace("|", separator) for each in row] for row in rows]
    words = ["NA", f"N{separator}A"]
    got = preprocess(section, words=words, separators={"x": separator}, x=(written, S))
    expected = [
        buckets("a", "b"), buckets("a", "b"), buckets("a", "b"), buckets(), buckets(), buckets(),
        buckets("a", "b", "c"), buckets("a", "a", "a"), buckets(),
    ]  # fmt: skip
    np.testing.assert_allclose(got["x_bag_xf"], np.log1p(expected), rtol=1e-6)
    assert got["x_missing_xf"][:, 0].tolist() == [0, 0, 0, 1, 1, 1, 0, 0, 1]
    # Another column's separator is a character like others.
    whole = preprocess(section, separators={"y": separator}, x=([[f"a{separator}b"]], S))
    np.testing.assert_allclose(whole["x_bag_xf"], np.log1p([buckets(f"a{separator}b")]), rtol=1e-6)


def test_a_row_key_is_that_of_the_whole_list(preprocess: Preprocess) -> None:
    section = {"lists": [{"columns": ["x"], "hash_buckets": 50}]}
    rows = [["a", "b"], ["a"], ["a", "b"], ["b", "a"], [], None, ["a\nb"]]
    keys = preprocess(section, x=(rows, S))[ROW_KEY][:, 0].tolist()
    assert keys[0] == keys[2]
    assert keys[4] == keys[5]
    assert len(set(keys)) == 5


def test_counts_alone_are_those_among_many_rows_to_the_last_bit(preprocess: Preprocess) -> None:
    # Each row has another number of words: a row alone is computed by other instructions.
    texts = [" ".join(["word"] * times) for times in range(1, 24)]
    group = {"text": [{"columns": ["x"], "hash_buckets": 3, "weights": "counts"}]}
    together = preprocess(group, x=(texts, S))["x_words_xf"].max(axis=1).tolist()
    alone = [preprocess(group, x=([text], S))["x_words_xf"].max() for text in texts]
    assert alone == together


def test_no_row_is_no_row(preprocess: Preprocess) -> None:
    section = {
        "lists": [{"columns": ["x"], "hash_buckets": 50}],
        "text": [{"columns": ["y"], "weights": "counts", "characters": [2, 3], "hash_buckets": 9}],
    }
    got = preprocess(section, x=([], S), y=([], S))
    assert {name: got[name].shape for name in ("x_bag_xf", "y_words_xf", "y_characters_xf")} == {
        "x_bag_xf": (0, 50), "y_words_xf": (0, 9), "y_characters_xf": (0, 9),
    }  # fmt: skip


def test_numbers_in_a_list_are_refused() -> None:
    with pytest.raises(UserError, match=r"'x' of features\.lists holds int64"):
        list_cells("x", tf.constant([[1, 2]], tf.int64))


def test_words_are_lower_case_and_without_punctuation(preprocess: Preprocess) -> None:
    section = {"text": [{"columns": ["x"], "hash_buckets": 50, "weights": "counts", "indicator": True}]}
    rows = ["Ein GRÜNER, grüner Baum!", "", None, "...", "a\nb\ta", b"caf\xc3\xa9 \xff\xfeb"]
    got = preprocess(section, x=(rows, S))
    expected = [
        buckets("ein", "grüner", "grüner", "baum"), buckets(), buckets(), buckets(), buckets("a", "b", "a"),
        buckets("café", "b"),
    ]  # fmt: skip
    np.testing.assert_allclose(got["x_words_xf"], np.log1p(expected), rtol=1e-6)
    assert got["x_missing_xf"][:, 0].tolist() == [0, 1, 1, 0, 0, 0]


def test_pairs_of_words_and_sequences_of_characters(preprocess: Preprocess) -> None:
    text = {"columns": ["x"], "words": 2, "characters": [3, 4], "hash_buckets": 50, "weights": "presence"}
    got = preprocess({"text": [text]}, x=(["To be", "be", ""], S))
    words = [buckets("to", "be", "to be"), buckets("be"), buckets()]
    np.testing.assert_array_equal(got["x_words_xf"], np.minimum(words, 1))
    parts = [
        [f" {text} "[at : at + size] for size in (3, 4) for at in range(len(text) + 3 - size)]
        for text in ("to be", "be")
    ]
    np.testing.assert_array_equal(got["x_characters_xf"][:2], np.minimum([buckets(*each) for each in parts], 1))
    assert not got["x_characters_xf"][2].any()


def test_the_beginning_of_a_text_counts(preprocess: Preprocess) -> None:
    text = {"columns": ["x"], "hash_buckets": 50, "weights": "presence", "max_bytes": 5}
    got = preprocess({"text": [text]}, x=(["ab cd ef" * 1000, "grün", "aaaaü"], S))["x_words_xf"]
    np.testing.assert_array_equal(got, [buckets("ab", "cd"), buckets("grün"), buckets("aaaa")])


@pytest.mark.parametrize(
    ("group", "settings", "message"),
    [
        (ListFeature, {"hash_buckets": 9, "top_k": 3}, "keeps no vocabulary"),
        (TextFeature, {"words": 0}, "nothing is left to look at"),
        (TextFeature, {"characters": [4, 3]}, "must not be above the longest"),
    ],
)
def test_settings_that_contradict_each_other(group: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        group.model_validate_json(json.dumps({"columns": ["x"], **settings}))


TAGS = [["red", "big"], ["red"], ["red", "red", "big", "new"], ["blue"], None, ["blue", "big", "NA"], ["x\\y", "red"]]
NOTES = ["Good value, good price", "bad price", "", "Bad. Bad value!", None, "a fine day", "good"]
FEATURES = FeaturesConfig.from_json(
    json.dumps(
        {
            "label": {"column": "y", "task": "binary", "classes": ["n", "p"]},
            "lists": [{"columns": ["tags"], "top_k": 3, "weights": "tf_idf", "oov_buckets": 2}],
            "text": [{"columns": ["note"], "hash_buckets": 64, "characters": [3, 3]}],
        }
    )
)
WORDS = MissingWords(table=("NA",))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    made = Table(tmp_path_factory.mktemp("bags"), {"y": TEXT, "tags": TEXT, "note": TEXT})
    rows = [
        {"y": "np"[at % 2], "tags": tags, "note": note} for at, (tags, note) in enumerate(zip(TAGS, NOTES, strict=True))
    ]
    later = [{"y": "n", "tags": ["never", "red"], "note": "never seen, good"}, {"y": "p"}]
    made.write({"train": [rows], "eval": [later], "test": [[]]})
    return made


@pytest.fixture(scope="module")
def written(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return table.transform(tmp_path_factory.mktemp("here"), "here", FEATURES, WORDS)


def expected(lists: list[list[str]], vocabulary: list[str], seen: list[list[str]]) -> np.ndarray:
    """scikit-learn's TF-IDF of some rows, learned from others."""
    count = CountVectorizer(analyzer=lambda row: row, vocabulary=vocabulary)
    return TfidfTransformer().fit(count.transform(seen)).transform(count.transform(lists)).toarray()


def test_tf_idf_is_that_of_scikit_learn(written: Any) -> None:
    lists = [[each for each in row or [] if each != "NA"] for row in TAGS]
    assert written.output.vocabulary_by_name("tags_vocabulary") == [
        b"red",
        b"big",
        b"blue",
    ]  # 5, 3 and 2; `new` and `x\y` are once in the table
    bag = written.rows("train")["tags_bag_xf"]
    assert bag.shape == (7, 5)
    rare = tf.strings.to_hash_bucket_fast(["new", "x\\\\y"], 2).numpy() + 3
    places = {"red": 0, "big": 1, "blue": 2, "new": int(rare[0]), "x\\y": int(rare[1])}
    named = [[str(places[each]) for each in row] for row in lists]
    np.testing.assert_allclose(bag, expected(named, list("01234"), named), rtol=1e-5, atol=1e-6)
    notes = [re.findall("[a-z]+", (note or "").lower()) for note in NOTES]
    hashed = [[str(each) for each in tf.strings.to_hash_bucket_fast(row, 64).numpy()] if row else [] for row in notes]
    found = written.rows("train")["note_words_xf"]
    np.testing.assert_allclose(found, expected(hashed, [str(each) for each in range(64)], hashed), rtol=1e-5, atol=1e-6)


def test_what_was_never_seen_and_what_is_missing(written: Any) -> None:
    rows = written.rows("eval")
    assert rows["tags_bag_xf"][0, 0] > 0
    assert (rows["tags_bag_xf"][0, 3:] > 0).sum() == 1  # `never`, by its hash
    assert not rows["tags_bag_xf"][1].any()
    assert not rows["note_words_xf"][1].any()
    assert all(np.isfinite(values).all() for values in rows.values())


@pytest.mark.skipif(
    "LOCKGATE_SOAK" not in os.environ, reason="the analyzers are those of tests/components/transform/test_here.py"
)
def test_beam_learns_the_same(table: Table, written: Any, tmp_path: Path) -> None:
    engine: Engine = "beam"
    theirs = table.transform(tmp_path, engine, FEATURES, WORDS)
    assert written.files() == theirs.files()
    for split in ("train", "eval"):
        assert_alike(in_order(written.rows(split), ROW_KEY), in_order(theirs.rows(split), ROW_KEY))


@pytest.mark.parametrize("own", [False, True])
def test_requests_become_what_the_rows_became(table: Table, written: Any, own: bool) -> None:
    """By tf.Example and by padded columns, past the entrances and through the whole graph."""
    columns = ["tags", "note"]
    serve = request_transform(written.output, [] if own else columns, ["tags"])
    assert type(serve).__name__ == ("_Whole" if own else "_FromEntrances")
    wanted = [name for name in written.output.transformed_feature_spec() if name != LABEL]
    rows = written.rows("train")
    examples = tf.constant(records(table.folder / "examples", "train"))
    by_example = tf.function(lambda: serve.of_examples(examples, columns, wanted))()
    padded = [[*(row or []), *[""] * (5 - len(row or []))] for row in TAGS]
    # Wherever a client fills up.
    padded[0] = ["", "red", "", "big", ""]
    given = {"tags": tf.constant(padded), "note": tf.constant([note or "" for note in NOTES])}
    by_column = tf.function(lambda given: serve.of_columns(given, wanted))(given)
    assert_alike({name: by_example[name].numpy() for name in wanted}, {name: rows[name] for name in wanted})
    assert_alike({name: by_column[name].numpy() for name in wanted}, {name: rows[name] for name in wanted})

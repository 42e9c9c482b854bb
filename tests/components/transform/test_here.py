"""Transform's fast path against TFX's stock executor on Beam, from the same artifacts."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.transforms import FLOAT, INT, TEXT, Row, Table, Written, assert_alike, in_order

from components.transform.executor import Executor
from preprocessing.config import FeaturesConfig
from preprocessing.features import ROW_KEY
from preprocessing.missing import MissingWords

OWN = """
import tensorflow as tf
import tensorflow_transform as tft
from preprocessing import raw_columns

def preprocessing_fn(inputs, custom_config):
    number = raw_columns.numbers(raw_columns.single(inputs["own_number"]))
    text = raw_columns.single(inputs["own_text"])
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "bb"]), tf.constant([1.0, 5.0])), 2.0
    )
    z = tft.scale_to_z_score(number)  # learned at once, after what is missing is left out
    y = tft.scale_to_0_1(tf.abs(z) + tft.mean(z * z))  # two passes later
    bucket = tft.bucketize(y, 3)
    word = tft.compute_and_apply_vocabulary(text, num_oov_buckets=1, vocab_filename="own_words")
    # Words that are made of ids of words.
    pair = tft.compute_and_apply_vocabulary(
        tf.strings.as_string(word) + "_" + tf.strings.as_string(bucket),
        vocab_filename="own_pairs", frequency_threshold=5, num_oov_buckets=1, store_frequency=True,
    )
    listed = tft.vocabulary(inputs["own_list"], vocab_filename="own_listed", fingerprint_shuffle=True)
    count = tft.apply_vocabulary(inputs["own_list"], listed, num_oov_buckets=1)
    by_table = table.lookup(text)
    dense = tf.sparse.to_dense(inputs["own_list"], "")
    covered = tft.covariance(tf.stack([tf.where(tf.math.is_nan(number), 0.0, number), by_table], axis=1), tf.float32)
    return {
        "own_z": z, "own_y": y, "own_pair_id": pair, "own_word_id": word,
        "own_table": tf.stack([by_table - tft.mean(by_table), by_table], axis=1),
        "own_listed": tf.ensure_shape(tf.cast(tf.sparse.reduce_sum(count, axis=1), tf.float32), [None]),
        "own_length": tf.reduce_sum(tf.cast(tf.not_equal(dense, ""), tf.float32), axis=1),
        "own_covariance": tf.tile(tf.reshape(covered, [1, 4]), [tf.size(number), 1]),
        "own_quantile": tf.zeros_like(number) + tft.quantiles(number, 4, 0.01)[0, 1],
        "own_range": tf.zeros_like(number) + tft.max(number) - tft.min(by_table) + tft.sum(by_table),
    }
"""
TYPES = {
    "id": INT, "label": TEXT, "weight": FLOAT, "z": FLOAT, "z_int": INT, "clipped": FLOAT, "log": FLOAT, "range": FLOAT,
    "plain": FLOAT, "middle": FLOAT, "empty": FLOAT, "quarter": FLOAT, "tenth": INT, "no_quarter": FLOAT,
    "fixed": FLOAT, "skewed": FLOAT, "tied": INT, "no_number": FLOAT, "wavy": FLOAT,
    "colour": TEXT, "top": INT, "rare": TEXT, "hashed": TEXT, "filled": TEXT, "no_word": TEXT, "yes": TEXT, "flag": INT,
    "day": TEXT, "moment": INT, "time": TEXT, "dense": FLOAT, "own_number": FLOAT, "own_text": TEXT, "own_list": TEXT,
}  # fmt: skip
TABLE_WORDS = MissingWords(table=("NA",), columns={"rare": ("?",)})
FEATURES: dict[str, Any] = {
    "label": {"column": "label", "task": "multiclass"},
    "weight": "weight",
    "numeric": [
        {"columns": ["z", "z_int", "dense"], "missing": {"indicator": True}},
        {"columns": ["clipped"], "clip": [-1, 1]},
        {"columns": ["log"], "log1p": True},
        {"columns": ["range", "empty"], "scale": "min_max"},
        {"columns": ["plain"], "scale": "none", "missing": {"fill": "constant", "value": 3}},
        {"columns": ["middle"], "missing": {"fill": "median"}},
        {"columns": ["quarter", "no_quarter"], "quantile_buckets": 4},
        {"columns": ["tenth"], "quantile_buckets": 10, "clip": [0, 40]},
        {"columns": ["fixed"], "bucket_boundaries": [-0.5, 0, 0.5]},
        {
            "columns": ["skewed", "tied", "no_number"],
            "scale": "robust_smooth",
            "missing": {"fill": "median"},
            "embed": {"piecewise": 12},
        },
        {"columns": ["wavy"], "scale": "robust_smooth", "clip": [-1, 1], "embed": {"periodic": 5}},
    ],
    "categorical": [
        {"columns": ["id", "colour", "no_word"], "indicator": True},
        {"columns": ["top"], "top_k": 3, "oov_buckets": 2},
        {"columns": ["rare"], "min_frequency": 30},
        {"columns": ["hashed"], "hash_buckets": 7},
        {"columns": ["filled"], "fill": "red"},
    ],
    "boolean": [{"columns": ["yes", "flag"], "indicator": True}],
    "datetime": [
        {"columns": ["day"], "parts": ["elapsed", "year", "month", "day_of_year"]},
        {"columns": ["moment"], "unit": "ms", "parts": ["elapsed", "hour", "minute"], "encoding": "categorical"},
        {"columns": ["time"], "format": "%H:%M", "parts": ["hour"], "indicator": False},
    ],
    "crosses": [{"columns": ["colour", "quarter"], "hash_buckets": 50}, {"columns": ["yes", "hashed"]}],
    "ratios": [
        {"name": "rate", "of": ["z"], "by": ["z_int"], "scale": "robust_smooth", "embed": {"piecewise": 6}},
        {"name": "area", "of": ["z", "dense"], "missing": {"fill": "median", "indicator": True}},
    ],
}


def made_rows(count: int, seed: int, first: int = 0) -> list[Row]:
    """Rows of every kind of column, a tenth of the values missing in one way or another."""
    rng = np.random.default_rng(seed)

    def text(*words: str) -> Any:
        return rng.choice([*words, "NA", " ", ""]) if rng.random() < 0.9 else None

    def number(value: float) -> Any:
        return [value, None, float("nan"), float("inf")][rng.choice(4, p=[0.85, 0.05, 0.05, 0.05])]

    def several(*values: Any) -> list[Any]:
        return [value for value in values if value is not None]

    def row(identity: int) -> Row:
        words = [str(each) for each in rng.choice(["x", "y", "NA", "long word", "a\nb"], rng.integers(0, 4))]
        return {
            "id": identity, "label": rng.choice(["cat", "cat", "dog", "ä"]), "weight": float(rng.random()),
            "z": number(rng.normal(5, 2)), "z_int": int(rng.integers(-9, 9)) if rng.random() < 0.9 else None,
            "clipped": number(rng.normal(0, 3)), "log": number(rng.normal() * 1000), "range": number(rng.random()),
            "plain": number(rng.normal()), "middle": number(rng.normal()), "empty": None,
            "quarter": several(number(rng.normal()), 3.0), "tenth": int(rng.integers(50)), "no_quarter": float("nan"),
            "fixed": number(rng.normal()), "skewed": number(rng.lognormal(0, 3)), "tied": int(rng.poisson(0.3)),
            "no_number": float("nan"), "wavy": number(rng.normal()),
            "colour": text("red", "red", "green", "b\\lue", "line\nfeed"),
            "top": int(rng.choice([1, 1, 2, 3, -40, 50])), "rare": text("often", "often", "?", "once"),
            "hashed": [text("p") or "q", "r"], "filled": text("red", "blue"), "no_word": None,
            "yes": text("Yes", "no", "maybe"), "flag": int(rng.integers(0, 3)),
            "day": text("2024-02-29", "2023-01-31", "1999-12-31 x", "2023-02-30", "never"),
            "moment": int(rng.integers(0, 2**41)), "time": text("23:59", "7:05", "24:00"),
            "dense": float(rng.normal()), "own_number": float(rng.normal()), "own_text": text("a", "bb", "c"),
            "own_list": words or None,
        }  # fmt: skip

    return [row(first + each) for each in range(count)]


class Both(NamedTuple):
    """One table, and what each engine made of it."""

    table: Table
    here: Written
    beam: Written


@pytest.fixture(scope="module", autouse=True)
def own_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_of_transform_here.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("own_of_transform_here", None)


class _WithoutBeam(Executor):
    """Fails where it would go to Beam."""

    def _make_beam_pipeline(self) -> Any:
        raise AssertionError("a pipeline of Beam's was made")


def run_both(folder: Path, table: Table, features: dict[str, Any], words: MissingWords) -> Both:
    section = FeaturesConfig.model_validate(features, strict=False)
    here = table.transform(folder / "here", "auto", section, words, executor=_WithoutBeam)
    return Both(table, here, table.transform(folder / "beam", "beam", section, words))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Every kind of column, two shards, one row to transform, and no row."""
    folder = tmp_path_factory.mktemp("both")
    table = Table(folder, TYPES, frozenset({"dense"}))
    train = made_rows(300, seed=1)
    table.write({"train": [train[:170], train[170:]], "eval": [made_rows(1, seed=2, first=1000)], "test": [[]]})
    return run_both(folder, table, FEATURES, TABLE_WORDS)


pytestmark = pytest.mark.slow


def test_metadata_and_vocabularies_are_identical(both: Both) -> None:
    ours, theirs = both.here.files(), both.beam.files()
    assert ours.keys() == theirs.keys()
    assert {name: content for name, content in ours.items() if theirs[name] != content} == {}
    assert len([name for name in ours if name.startswith("transform_fn/assets")]) == 7


def test_the_same_files_are_there(both: Both) -> None:
    assert both.here.names() == both.beam.names()


@pytest.mark.parametrize("split", ["train", "eval"])
def test_rows_are_the_same(both: Both, split: str) -> None:
    ours, theirs = both.here.rows(split), both.beam.rows(split)
    assert len(ours[ROW_KEY]) == {"train": 300, "eval": 1}[split]
    assert_alike(in_order(ours, ROW_KEY), in_order(theirs, ROW_KEY))


def test_a_split_without_rows_is_a_file_without_rows(both: Both) -> None:
    assert [len(each.rows("test")[ROW_KEY]) for each in (both.here, both.beam)] == [0, 0]


def test_rows_keep_their_order(both: Both) -> None:
    answers = both.here.answers(both.table.raw("train"))
    np.testing.assert_array_equal(both.here.rows("train")[ROW_KEY], answers[ROW_KEY])


def test_saved_functions_answer_alike(both: Both) -> None:
    # Rows that neither has seen.
    table = Table(both.table.folder / "unseen", TYPES, both.table.fixed)
    table.write({"train": [made_rows(100, seed=3, first=-50)]})
    raw = table.raw("train")
    assert_alike(both.here.answers(raw), both.beam.answers(raw))
    serving = {name: tensor for name, tensor in raw.items() if name not in ("label", "weight")}
    ours = both.here.answers(serving)
    assert_alike(ours, both.beam.answers(serving))
    assert not {"label_xf", "weight_xf"} & ours.keys()


def assert_same_artifacts(both: Both, splits: Sequence[str]) -> None:
    assert both.here.files() == both.beam.files()
    for split in splits:
        assert_alike(in_order(both.here.rows(split), ROW_KEY), in_order(both.beam.rows(split), ROW_KEY))


def test_an_own_function_of_several_phases_and_a_regression(tmp_path: Path) -> None:
    table = Table(tmp_path, {name: TYPES[name] for name in ("id", "range", "own_number", "own_text", "own_list")})
    table.write({"train": [made_rows(200, seed=4)], "eval": [made_rows(3, seed=5)], "test": [made_rows(9, seed=6)]})
    features = {
        "label": {"column": "range", "task": "regression", "transform": "log1p"},
        "categorical": [{"columns": ["id"]}],
        "preprocessing_fn": "own_of_transform_here.preprocessing_fn",
        "preprocessing_columns": ["own_number", "own_text", "own_list"],
    }
    both = run_both(tmp_path, table, features, TABLE_WORDS)
    assert_same_artifacts(both, ("train", "eval", "test"))
    # Pairs that were seen, not one made of the vocabulary that the first trace makes up.
    assert len(both.here.files()["transform_fn/assets/own_pairs"].splitlines()) > 3


NUMERIC = st.fixed_dictionaries(
    {
        "missing": st.fixed_dictionaries(
            {"fill": st.sampled_from(["mean", "median", "constant"]), "indicator": st.booleans()}
        )
    },
    optional={"clip": st.just([-1, 2])},
)
SCALED = st.fixed_dictionaries(
    {"log1p": st.booleans(), "scale": st.sampled_from(["z_score", "min_max", "robust_smooth", "none"])},
    optional={"embed": st.builds(lambda bins: {"piecewise": bins}, st.integers(2, 60))},
)
BUCKETED = st.fixed_dictionaries({"quantile_buckets": st.integers(2, 12)})
WORDS = st.fixed_dictionaries(
    {"oov_buckets": st.integers(1, 3), "indicator": st.booleans()},
    optional={"top_k": st.integers(1, 5), "min_frequency": st.integers(1, 9), "fill": st.just("red")},
)
LABELS = st.sampled_from(
    [
        {"task": "binary", "classes": ["cat", "dog"]},
        {"task": "multiclass"},
        {"task": "multiclass", "classes": ["ä", "x"]},
    ]
)
DATES = st.fixed_dictionaries(
    {
        "parts": st.lists(st.sampled_from(["year", "month", "day_of_week", "elapsed"]), min_size=1, unique=True),
        "encoding": st.sampled_from(["cyclic", "categorical"]),
    }
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Random settings of random columns; each column in at most one group."""

    def groups(columns: str, settings: st.SearchStrategy[dict[str, Any]]) -> list[dict[str, Any]]:
        names = columns.split()
        return [{"columns": [name], **draw(settings)} for name in names if draw(st.booleans())]

    numbers = st.builds(lambda a, b: a | b, NUMERIC, SCALED | BUCKETED)
    return {
        "label": {"column": "label", **draw(LABELS)},
        # Alone, and so the only column whose moments are asked for: tf.Transform treats it in another way.
        "numeric": [{"columns": ["z"]}, *groups("z_int clipped log range quarter tenth no_quarter empty", numbers)],
        "categorical": [{"columns": ["hashed"], **draw(WORDS)}, *groups("colour top rare id no_word", WORDS)],
        "datetime": groups("day", DATES),
    }


@settings(max_examples=2, deadline=None)
@given(features=configurations(), rows=st.integers(0, 60), seed=st.integers(0, 2**32 - 1))
def test_random_configurations(
    tmp_path_factory: pytest.TempPathFactory, features: dict[str, Any], rows: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("random")
    table = Table(folder, TYPES)
    # The first of the examples is the simplest: a training split without rows.
    table.write({"train": [made_rows(rows, seed)], "eval": [made_rows(20, seed + 1)], "test": [[]]})
    assert_same_artifacts(run_both(folder, table, features, TABLE_WORDS), ("train", "eval"))

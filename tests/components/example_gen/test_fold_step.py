"""Raw examples into folds: which rows, under which rule, and that the test split is out of sight."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.examples import examples
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from components.example_gen.fold_step import Executor, FoldsRule
from components.example_gen.split_config import TimeSplit
from preprocessing.errors import UserError

DAYS = TimeSplit(by="time", column="day", train=6, eval=2, test=2)
RULES = {
    "hash": FoldsRule(folds=4, seed=3),
    "classes": FoldsRule(folds=4, seed=3, classes="kind"),
    "keys": FoldsRule(folds=4, seed=3, keys=("customer",)),
    "time": FoldsRule(folds=4, seed=3, by_time=DAYS),
}


def rows(first, count):
    random = np.random.default_rng(first)
    return [
        {
            "id": first + number,
            "customer": f"c{random.integers(0, 30)}",
            "day": f"2024-{random.integers(1, 13):02}-{random.integers(1, 29):02}",
            "kind": str(random.choice(["a", "b", "c"], p=[0.7, 0.2, 0.1])),
        }
        for number in range(count)
    ]


def example(row):
    features = {name: _feature(value) for name, value in row.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _feature(value):
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))


def written(folder: Path, splits, shards=1):
    """An Examples artifact as TFX's own ExampleGen leaves it: nothing says what the columns are."""
    for split, content in splits.items():
        (folder / f"Split-{split}").mkdir(parents=True)
        for shard in range(shards):
            path = folder / f"Split-{split}" / f"data_tfrecord-{shard:05}-of-{shards:05}.gz"
            with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
                for row in content[shard::shards]:
                    writer.write(example(row))
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, "tfrecords_gzip")
    return artifact


def divided(folder: Path, rule, splits, shards=1):
    """The rows of each split that the step writes, and its artifact."""
    given, made = written(folder / "examples", splits, shards), standard_artifacts.Examples()
    made.uri = str(folder / "folds")
    properties = {"rule": rule.to_json(), "copied": "test,train"}
    Executor().Do({"examples": [given]}, {"folds": [made]}, properties)
    found = {
        split: [{name: _plain(value) for name, [value] in row.items()} for row in examples(folder / "folds", split)]
        for split in artifact_utils.decode_split_names(made.split_names)
    }
    return found, made


def _plain(value):
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture(scope="module")
def table():
    return {"train": rows(0, 90), "eval": rows(1000, 30), "test": rows(2000, 30)}


def folds_of(found):
    return {split: content for split, content in found.items() if split.startswith("fold-")}


@pytest.mark.parametrize("kind", RULES)
def test_every_row_of_train_and_eval_is_in_one_fold_whatever_the_order_and_the_test_split(kind, table, tmp_path):
    rule = RULES[kind]
    found, artifact = divided(tmp_path / "one", rule, table)
    folds = folds_of(found)
    assert tuple(sorted(folds)) == rule.splits
    ids = Counter(row["id"] for content in folds.values() for row in content)
    assert ids == Counter(row["id"] for split in ("train", "eval") for row in table[split])
    assert (found["train"], found["test"]) == (table["train"], table["test"])
    assert sorted(artifact_utils.decode_split_names(artifact.split_names)) == sorted(found)
    assert examples_utils.get_file_format(artifact) == "tfrecords_gzip"
    # Other test rows, another order of the rest, other shards: the same rows in each fold.
    shuffled = {split: content[::-1] for split, content in table.items()} | {"test": rows(9000, 7)}
    again, _ = divided(tmp_path / "two", rule, shuffled, shards=3)
    for split, content in folds.items():
        assert {row["id"] for row in again[split]} == {row["id"] for row in content}


def test_keys_stay_together_times_are_apart_and_classes_are_spread(table, tmp_path):
    by_key = folds_of(divided(tmp_path / "keys", RULES["keys"], table)[0])
    customers = [{row["customer"] for row in content} for content in by_key.values()]
    assert sum(map(len, customers)) == len(set().union(*customers))
    by_time = folds_of(divided(tmp_path / "time", RULES["time"], table)[0])
    days = [[row["day"] for row in by_time[f"fold-{number}"]] for number in range(5)]
    assert all(max(older) < min(newer) for older, newer in pairwise(days))
    assert all(20 <= len(each) <= 28 for each in days)
    by_class = folds_of(divided(tmp_path / "classes", RULES["classes"], table)[0])
    for kind in "abc":
        counts = [sum(row["kind"] == kind for row in content) for content in by_class.values()]
        assert max(counts) - min(counts) <= 1


def test_a_row_without_a_time_is_refused(table, tmp_path):
    broken = table | {"eval": [*table["eval"], {"id": 5, "customer": "c", "kind": "a"}]}
    with pytest.raises(UserError, match=r"data.split.column: 1 rows of train and eval have no time in 'day'"):
        divided(tmp_path, RULES["time"], broken)

import json

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.split_check import check_splits
from pipeline.preflight.table_check import check_table
from preprocessing.config import Label
from preprocessing.errors import UserError

CLASSES = Label(column="y", task="binary")
NUMBER = Label(column="y", task="regression")


def _write(folder, split, rows, *, unique=None, low=None, high=None, classes=()):
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=rows)
    feature = dataset.features.add()
    feature.path.step.append("y")
    if classes:
        feature.string_stats.unique = len(classes)
        for name in classes:
            feature.string_stats.rank_histogram.buckets.add(label=name)
    elif unique is not None:
        feature.string_stats.unique = unique
    else:
        feature.num_stats.min, feature.num_stats.max = low, high
    path = folder / f"Split-{split}"
    path.mkdir()
    (path / "FeatureStats.pb").write_bytes(statistics.SerializeToString())


def test_sound_splits_pass(tmp_path):
    _write(tmp_path, "train", 10, unique=2)
    _write(tmp_path, "eval", 5, low=0, high=1)
    check_splits(tmp_path, ["train", "eval"], CLASSES)


def test_a_split_without_examples_is_named(tmp_path):
    _write(tmp_path, "train", 10, unique=2)
    _write(tmp_path, "test", 0, unique=0)
    with pytest.raises(UserError, match="split 'test' is empty"):
        check_splits(tmp_path, ["train", "test"], CLASSES)


def test_a_split_that_was_never_written_is_empty(tmp_path):
    with pytest.raises(UserError, match="split 'eval' is empty"):
        check_splits(tmp_path, ["eval"], CLASSES)


@pytest.mark.parametrize("values", [{"unique": 1}, {"low": 1.0, "high": 1.0}])
def test_one_class_in_a_split_is_an_error(tmp_path, values):
    _write(tmp_path, "eval", 7, **values)
    with pytest.raises(UserError, match="split 'eval': the label 'y' has one value only in its 7 rows"):
        check_splits(tmp_path, ["eval"], CLASSES)


def test_a_constant_number_is_no_class(tmp_path):
    _write(tmp_path, "eval", 7, low=3.0, high=3.0)
    check_splits(tmp_path, ["eval"], NUMBER)


MANY = Label(column="y", task="multiclass")


def test_a_class_that_no_training_row_has_is_named(tmp_path):
    _write(tmp_path, "train", 10, classes=["a", "b"])
    _write(tmp_path, "eval", 5, classes=["b", "a"])
    _write(tmp_path, "test", 5, classes=["a", "c", "b"])
    check_splits(tmp_path, ["train", "eval"], MANY)
    with pytest.raises(
        UserError, match="split 'test': the label 'y' has a class that no training row has: 'c'"
    ) as raised:
        check_splits(tmp_path, ["train", "eval", "test"], MANY)
    assert "features.label.classes" in raised.value.hint
    named = Label(column="y", task="multiclass", classes=("a", "b", "c"))
    check_splits(tmp_path, ["train", "eval", "test"], named)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 2.0), (0.0, 3.0)])
def test_an_integer_class_outside_the_training_splits_is_named(tmp_path, low, high):
    _write(tmp_path, "train", 10, low=0.0, high=2.0)
    _write(tmp_path, "eval", 5, low=0.0, high=1.0)
    _write(tmp_path, "test", 5, low=low, high=high)
    check_splits(tmp_path, ["train", "eval"], MANY)
    unknown = "-1" if low < 0 else "3"
    with pytest.raises(UserError, match=f"split 'test': .* that no training row has: '{unknown}'"):
        check_splits(tmp_path, ["train", "eval", "test"], MANY)
    check_splits(tmp_path, ["train", "eval", "test"], NUMBER)


def test_of_a_table_that_is_split_already_the_row_is_named(tmp_path):
    rows = {"train": "1,0\n2,5\n3,9\n", "eval": "1,0\n2,5\n", "test": "1,0\n2,7\n3,9\n4,8\n"}
    for split, text in rows.items():
        (tmp_path / f"{split}.csv").write_text("x,y\n" + text)
    config = {
        "name": "toy",
        "data": {"inputs": {split: f"{split}.csv" for split in rows}},
        "features": {"label": {"column": "y", "task": "multiclass"}, "numeric": [{"columns": ["x"]}]},
        "evaluate": {"thresholds": [{"metric": "accuracy", "min": 0.5}]},
    }
    message = r"test\.csv, line 3: the label 'y' is '7', a class that no row of the training split has \(and 1 more\)"
    with pytest.raises(UserError, match=message):
        check_table(PipelineConfig.model_validate_json(json.dumps(config)), tmp_path)
    config["features"]["label"]["classes"] = ["0", "5", "7", "8", "9"]
    check_table(PipelineConfig.model_validate_json(json.dumps(config)), tmp_path)

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.split_check import check_splits
from preprocessing.config import Label
from preprocessing.errors import UserError

CLASSES = Label(column="y", task="binary")
NUMBER = Label(column="y", task="regression")


def _write(folder, split, rows, *, unique=None, low=None, high=None):
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=rows)
    feature = dataset.features.add()
    feature.path.step.append("y")
    if unique is not None:
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

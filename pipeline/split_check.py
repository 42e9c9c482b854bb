"""What the statistics say about the splits before anything is trained: no empty one, no label of one class."""

from collections.abc import Iterable
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2

from preprocessing.config import Label
from preprocessing.errors import UserError

_HINT = "give the table more rows, or the split more of them (data.split), or split it yourself (data.inputs)"


def check_splits(statistics: Path, splits: Iterable[str], label: Label) -> None:
    """Reads StatisticsGen's output.

    Args:
      statistics: the artifact's folder.
      splits: the splits that must be there.
      label: the label.

    Raises:
      UserError: a split is empty, or its label has one value only.
    """
    for split in splits:
        path = statistics / f"Split-{split}" / "FeatureStats.pb"
        dataset = statistics_pb2.DatasetFeatureStatisticsList()
        if path.exists():
            dataset.ParseFromString(path.read_bytes())
        if not dataset.datasets or not dataset.datasets[0].num_examples:
            raise UserError(f"split {split!r} is empty: no example of the table fell into it", hint=_HINT)
        rows = int(dataset.datasets[0].num_examples)
        features = {".".join(each.path.step) or each.name: each for each in dataset.datasets[0].features}
        if label.column in features and _constant(features[label.column], label):
            raise UserError(
                f"split {split!r}: the label {label.column!r} has one value only in its {rows} rows", hint=_HINT
            )


def _constant(feature: statistics_pb2.FeatureNameStatistics, label: Label) -> bool:
    kind = feature.WhichOneof("stats")
    if kind == "string_stats":
        return bool(feature.string_stats.unique == 1)
    # A test split with one distinct value is fine for regression: errors can be measured on it.
    return bool(kind == "num_stats" and label.task != "regression" and feature.num_stats.min == feature.num_stats.max)

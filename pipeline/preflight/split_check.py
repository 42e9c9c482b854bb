"""What the statistics say about the splits before anything is trained: none is empty, every class can be learnt."""

from collections.abc import Iterable
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.artifacts.splits import STATISTICS_FILE, split_folder
from preprocessing.config import Label
from preprocessing.errors import UserError
from preprocessing.text import listed

_HINT = "give the table more rows, or the split more of them (data.split), or split it yourself (data.inputs)"


def check_splits(statistics: Path, splits: Iterable[str], label: Label) -> None:
    """Checks the splits by StatisticsGen's output.

    Args:
      statistics: the artifact's folder.
      splits: the splits that must be there.
      label: the label.

    Raises:
      UserError: a split is empty; its label has one value only; or, where the classes are learnt from the training
        split, another one has a class that this one lacks (of integer classes only those below or above all of the
        training split's are found: the statistics don't list the rest).
    """
    labels = {}
    for split in splits:
        dataset = _read(statistics / split_folder(split) / STATISTICS_FILE)
        if dataset is None:
            raise UserError(f"split {split!r} is empty: no example of the table fell into it", hint=_HINT)
        rows = int(dataset.num_examples)
        features = {".".join(each.path.step) or each.name: each for each in dataset.features}
        if label.column not in features:
            continue
        labels[split] = features[label.column]
        if _constant(labels[split], label):
            raise UserError(
                f"split {split!r}: the label {label.column!r} has one value only in its {rows} rows", hint=_HINT
            )
    if label.task != "regression" and label.classes is None and "train" in labels:
        for split, feature in labels.items():
            _check_classes(split, feature, labels["train"], label.column)


def _read(path: Path) -> statistics_pb2.DatasetFeatureStatistics | None:
    """A split's statistics; None when it has no example."""
    if not path.exists():
        return None
    datasets = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    return datasets[0] if datasets and datasets[0].num_examples else None


def _constant(feature: statistics_pb2.FeatureNameStatistics, label: Label) -> bool:
    kind = feature.WhichOneof("stats")
    if kind == "string_stats":
        return bool(feature.string_stats.unique == 1)
    # A test split with one distinct value is fine for regression: errors can be measured on it.
    return bool(kind == "num_stats" and label.task != "regression" and feature.num_stats.min == feature.num_stats.max)


def _check_classes(
    split: str,
    feature: statistics_pb2.FeatureNameStatistics,
    train: statistics_pb2.FeatureNameStatistics,
    column: str,
) -> None:
    if train.WhichOneof("stats") == "string_stats":
        # Complete: it lists 1,000 values, and a table with more classes is refused.
        known = {bucket.label for bucket in train.string_stats.rank_histogram.buckets}
        unknown = [b.label for b in feature.string_stats.rank_histogram.buckets if b.label not in known]
    else:
        low, high = train.num_stats.min, train.num_stats.max
        extremes = dict.fromkeys((feature.num_stats.min, feature.num_stats.max))
        unknown = [f"{value:g}" for value in extremes if not low <= value <= high]
    if unknown:
        raise UserError(
            f"split {split!r}: the label {column!r} has a class that no training row has: {listed(unknown, 5, repr)}",
            hint="name all classes in features.label.classes, or give the training split more rows (data.split)",
        )

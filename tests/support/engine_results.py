"""What an engine of Beam left in a root, such that two of them can be compared."""

from pathlib import Path

import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2


def rows(root: Path) -> dict[str, list[bytes]]:
    """The examples of each split, sorted: an engine writes them, and the features of each, in an order of its own."""
    files = sorted(root.glob("ExampleGen/examples/*/Split-*/*.gz"))
    found: dict[str, list[bytes]] = {}
    for file in files:
        records = tf.data.TFRecordDataset(str(file), compression_type="GZIP").as_numpy_iterator()
        examples = (tf.train.Example.FromString(each) for each in records)
        found.setdefault(file.parent.name, []).extend(each.SerializeToString(deterministic=True) for each in examples)
    return {split: sorted(records) for split, records in found.items()}


def statistics(root: Path) -> tuple[dict[str, statistics_pb2.DatasetFeatureStatisticsList], dict[str, list[float]]]:
    """The statistics of each split, the features sorted by name, and apart from them means and deviations.

    The last bits of these depend on the order of the rows. Quantiles are left out: sketches depend on batches.
    """
    found, means = {}, {}
    for file in root.glob("StatisticsGen/statistics/*/Split-*/FeatureStats.pb"):
        stats = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes())
        for dataset in stats.datasets:
            dataset.features.sort(key=lambda each: each.path.step[0])
            numbers = [each.num_stats for each in dataset.features if each.HasField("num_stats")]
            means[file.parent.name] = [value for each in numbers for value in (each.mean, each.std_dev)]
            for each in numbers:
                for name in ("mean", "std_dev", "median", "histograms"):
                    each.ClearField(name)
                each.common_stats.ClearField("num_values_histogram")
            for feature in dataset.features:
                if feature.HasField("string_stats"):
                    feature.string_stats.common_stats.ClearField("num_values_histogram")
        found[file.parent.name] = stats
    return found, means

"""What an engine of Beam left in a root, such that two of them can be compared."""

import json
from pathlib import Path
from typing import Any

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


def learned(root: Path) -> dict[str, bytes]:
    """The vocabularies of the transform graph, each of its values on a line."""
    (assets,) = root.glob("Transform/transform_graph/*/transform_fn/assets")
    return {file.name: file.read_bytes() for file in assets.iterdir()}


def result(root: Path) -> dict[str, Any]:
    """What the one run in a root came to."""
    (file,) = root.glob("runs/*/result.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def assert_one_run(there: Path, here: Path) -> None:
    """Fails unless a whole run on an engine is that of one process, as far as the order of rows lets it be."""
    assert rows(there) == rows(here)
    assert statistics(there)[0] == statistics(here)[0]
    assert learned(there) == learned(here)
    assert len(learned(there)) == 1
    # Another order of the rows makes another training.
    found, expected = result(there), result(here)
    assert found["states"] == expected["states"]
    assert found["metrics"].keys() == expected["metrics"].keys()
    assert found["metrics"]["example_count"] == expected["metrics"]["example_count"]
    assert abs(found["metrics"]["accuracy"] - expected["metrics"]["accuracy"]) <= 0.1
    assert Path(found["pushed"]).parent == there / "serving"

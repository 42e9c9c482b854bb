"""The splits, and where Examples, ExampleStatistics and ExampleAnomalies keep what belongs to each."""

from typing import Literal, get_args

Split = Literal["train", "eval", "test"]
SPLITS: tuple[str, ...] = get_args(Split)
"""`train` fits, `eval` stops early, `test` is for the Evaluator and the smoke test."""

FOLDER_PREFIX = "Split-"
"""What the name of a split's folder begins with, as TFX has it; the split's name follows."""
STATISTICS_FILE = "FeatureStats.pb"
"""In the split's folder of an ExampleStatistics artifact: a DatasetFeatureStatisticsList."""
ANOMALIES_FILE = "SchemaDiff.pb"
"""In the split's folder of an ExampleAnomalies artifact: an Anomalies message."""


def split_folder(split: str) -> str:
    """The name of a split's folder in an artifact; of `*` the pattern that finds all of them."""
    return f"{FOLDER_PREFIX}{split}"

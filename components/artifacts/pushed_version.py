"""Where a pushed version keeps what makes it a champion: contract, weights, statistics.

Locally the metadata store leads from a push to the artifacts behind it. A cluster's steps can't ask one: all that they
see of the last push is the version itself. `assets.extra` is the place that SavedModel's loaders leave to others.
"""

import posixpath
from typing import NamedTuple

from components.artifacts import golden, model, reports, splits

ABSENT = "absent"
"""The int custom property, 1, of an output for which nothing was found: its readers get no artifact."""
WITHDRAWN = "withdrawn"
"""The string custom property of a PushedModel that pushed nothing, because a rollback had withdrawn the model: why."""
SERVED_ALREADY = "served_already"
"""The int custom property, 1, of a PushedModel that found its model as the newest version, byte for byte."""
FOLDER = "assets.extra/champion"
"""In a version's folder. What is in it belongs to the run that pushed, not to the model."""


class Place(NamedTuple):
    """One file or folder.

    Attributes:
      version: its path in a version's folder.
      artifact: its path in the artifact that the training run made.
    """

    version: str
    artifact: str


CONTRACT = Place(posixpath.join(FOLDER, golden.CONTRACT_FILE), golden.CONTRACT)
"""A file of the Model artifact: what the Evaluator compares champion and candidate by."""
TRAINING = Place(posixpath.join(FOLDER, model.TRAINING_FOLDER), model.TRAINING_FOLDER)
"""A folder of the Model artifact, with the weights and the architecture for a warm start."""
STATISTICS = Place(
    posixpath.join(FOLDER, splits.STATISTICS_FILE),
    posixpath.join(splits.split_folder("train"), splits.STATISTICS_FILE),
)
"""The ExampleStatistics artifact: what drift is measured against."""

PAGE = posixpath.join(FOLDER, reports.PAGE_FILE)
"""The page of the run that pushed, in a version's folder."""


def is_part_of_model(name: str) -> bool:
    """Whether a file of a version, by its path in the version's folder, is one of the SavedModel itself."""
    return not name.startswith(f"{FOLDER}/")

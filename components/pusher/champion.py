"""What a pushed version holds for the runs after it, on a cluster: see `components.artifacts.pushed_version`."""

import logging
import posixpath

from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.artifact import Artifact

from components.artifacts.pushed_version import CONTRACT, PAGE, STATISTICS, TRAINING

_log = logging.getLogger("lockgate")


def champion_files(input_dict: dict[str, list[Artifact]]) -> dict[str, str]:
    """The files, by their path in the version.

    Args:
      input_dict: the Pusher's; without `statistics` no version holds any.

    Returns:
      Where each is. A model of another trainer has neither contract nor weights.
    """
    if not input_dict.get("statistics"):
        return {}
    model = artifact_utils.get_single_uri(input_dict[standard_component_specs.MODEL_KEY])
    statistics = posixpath.join(artifact_utils.get_single_uri(input_dict["statistics"]), STATISTICS.artifact)
    if not fileio.exists(statistics):
        _log.warning("push: there are no %s; the next run measures no drift against this model", statistics)
    files = {CONTRACT.version: posixpath.join(model, CONTRACT.artifact), STATISTICS.version: statistics}
    if input_dict.get("page"):
        files[PAGE] = artifact_utils.get_single_uri(input_dict["page"])
    training = posixpath.join(model, TRAINING.artifact)
    if fileio.exists(training):
        files |= {posixpath.join(TRAINING.version, n): posixpath.join(training, n) for n in fileio.listdir(training)}
    return {name: path for name, path in files.items() if fileio.exists(path)}

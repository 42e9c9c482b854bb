"""The artifacts of a training run, made again from the version that it pushed."""

import posixpath

from tfx.dsl.io import fileio
from tfx.utils import io_utils, path_utils

from components.artifacts.model import SAVED_MODEL
from components.artifacts.pushed_version import CONTRACT, STATISTICS, TRAINING, is_part_of_model


def restore_model(version: str, model: str) -> None:
    """Copies the SavedModel, and the contract and the weights where the version has them.

    Args:
      version: the version's folder.
      model: the folder of a Model artifact; what an earlier try left in it goes.

    Raises:
      OSError, tensorflow.errors.OpError: a file can't be read or written. The copy has no saved_model.pb then.
    """
    files = _files(version)
    if SAVED_MODEL not in files:
        raise FileNotFoundError(f"{posixpath.join(version, SAVED_MODEL)} is gone: the version was removed meanwhile")
    io_utils.delete_dir(model)
    targets = {name: target for name in files if (target := _place(name, path_utils.serving_model_path(model), model))}
    for name in sorted(targets, key=lambda name: (name == SAVED_MODEL, name)):
        io_utils.copy_file(posixpath.join(version, name), targets[name])


def restore_statistics(version: str, statistics: str) -> bool:
    """Copies the statistics of the training split, if the version has them.

    Args:
      version: the version's folder.
      statistics: the folder of an ExampleStatistics artifact.

    Returns:
      Whether it has them.

    Raises:
      OSError, tensorflow.errors.OpError: the file can't be read or written.
    """
    source = posixpath.join(version, STATISTICS.version)
    if not fileio.exists(source):
        return False
    io_utils.copy_file(source, posixpath.join(statistics, STATISTICS.artifact), overwrite=True)
    return True


def _files(folder: str) -> list[str]:
    return [
        posixpath.relpath(posixpath.join(place, name), folder)
        for place, _, names in fileio.walk(folder)
        for name in names
    ]


def _place(name: str, serving: str, model: str) -> str | None:
    """Where a file of the version goes; None for one that is not the model's."""
    if is_part_of_model(name):
        return posixpath.join(serving, name)
    if name == CONTRACT.version:
        return posixpath.join(model, CONTRACT.artifact)
    if name.startswith(f"{TRAINING.version}/"):
        return posixpath.join(model, TRAINING.artifact, posixpath.relpath(name, TRAINING.version))
    return None

"""The Evaluator's verdict in its ModelBlessing artifact: a file and a property, as TFX's executor writes them."""

import posixpath

from tfx.components.evaluator import constants
from tfx.dsl.io import fileio
from tfx.types.artifact import Artifact
from tfx.utils import io_utils


def bless(blessing: Artifact, blessed: bool) -> None:
    """Says whether the model is blessed, in the place of what was said before."""
    said, other = constants.BLESSED_FILE_NAME, constants.NOT_BLESSED_FILE_NAME
    if not blessed:
        said, other = other, said
    if fileio.exists(posixpath.join(blessing.uri, other)):
        fileio.remove(posixpath.join(blessing.uri, other))
    io_utils.write_string_file(posixpath.join(blessing.uri, said), "")
    value = constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)


def is_blessed(blessing: Artifact) -> bool:
    """What it says."""
    value: int = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
    return value == constants.BLESSED_VALUE

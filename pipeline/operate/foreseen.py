"""What the Pusher will find in the serving folder, for a plan of a run whose model is there already."""

from __future__ import annotations

from dataclasses import dataclass

from components.pusher.versions import model_files, versions
from components.pusher.withdrawn import why_withdrawn, withdrawn_models


@dataclass(frozen=True)
class Push:
    """What becomes of a model that the gates accept.

    Attributes:
      withdrawn: the rollback that withdrew it, so that it is refused; "" for none.
      served: the newest version, where that is this model already; "" where it is another.
    """

    withdrawn: str = ""
    served: str = ""


def foreseen(model: str, base: str) -> Push:
    """Looks as `components.pusher.executor` does, and writes nothing.

    Args:
      model: the SavedModel's folder.
      base: the serving folder on this machine; a bucket is left to the Pusher, for it may take minutes to answer.

    Raises:
      UserError: the serving folder is a file.
      OSError: a file can't be read.
    """
    if "://" in base:
        return Push()
    if why := why_withdrawn(model, withdrawn_models(base)):
        return Push(withdrawn=why)
    newest = next(iter(versions(base)), None)
    # By its bytes, as the push does, not by its manifest.
    if newest is not None and model_files(newest.path) == model_files(model):
        return Push(served=newest.name)
    return Push()

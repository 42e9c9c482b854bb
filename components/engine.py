"""Which engine does a step's work: this machine's own fast path, or Beam through TFX's stock executor."""

import logging
from collections.abc import Callable
from typing import Literal

Engine = Literal["auto", "beam"]

ENGINE_KEY = "engine"
"""The execution property of a component that has both: an `Engine`."""

logger = logging.getLogger("lockgate")


class NeedsBeamError(Exception):
    """The fast path can't do this work. Raised before anything is written.

    Args:
      reason: what it doesn't know, as the end of a sentence: "the metric 'my.Own' has no fast path".
    """


def written_for(library: str, version: str, installed: str) -> None:
    """For a module that leans on what is not a library's API, before it imports that.

    Raises:
      NeedsBeamError: the library has another version than that which the module was written for.
    """
    if installed != version:
        raise NeedsBeamError(
            f"the fast path is written for {library} {version}, installed is {installed}; engine: beam in "
            "pipeline.yaml always takes TFX's stock executor and leaves out this line"
        )


def done_here(component: str, engine: Engine, work: Callable[[], None]) -> bool:
    """Does a component's work on this machine's fast path where that is wanted and possible.

    Args:
      component: its name, for the log.
      engine: the component's execution property.
      work: the fast path; it finds out what it can't do before it writes anything.

    Returns:
      Whether the work is done. If not, the stock executor has to do it on Beam; the log says why.
    """
    if engine == "beam":
        return False
    try:
        work()
    except NeedsBeamError as reason:
        logger.warning("%s runs on Beam through TFX's stock executor: %s", component, reason)
        return False
    return True

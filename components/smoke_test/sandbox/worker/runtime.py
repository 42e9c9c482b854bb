"""TensorFlow without the Python API around it: what a server has too, and two of three seconds less to import.

`import tensorflow` reads some thousand modules for layers, datasets and optimizers that no exported graph needs. Here
the package stands for its folder alone, so that only the modules are imported that load and run a SavedModel.
"""

import importlib
import importlib.util
import sys
from types import ModuleType

PACKAGE = "tensorflow"


def import_bare() -> None:
    """Puts TensorFlow's package in its place without what it imports; does nothing where it is imported already.

    Raises:
      ModuleNotFoundError: there is no TensorFlow on the path.
    """
    if PACKAGE in sys.modules:
        return
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.submodule_search_locations is None:
        raise ModuleNotFoundError(f"No module named {PACKAGE!r}", name=PACKAGE)
    package = ModuleType(PACKAGE)
    package.__path__ = list(found.submodule_search_locations)
    sys.modules[PACKAGE] = package
    # As `import tensorflow` does: resource variables, today's control flow, eager execution outside of a graph.
    importlib.import_module("tensorflow.python.compat.v2_compat").enable_v2_behavior()

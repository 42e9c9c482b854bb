"""TFX components of our own, one folder each; none imports another."""

import importlib
from typing import Any

_ARTIFACTS = {
    "DataVerdict": "components.data_gate.component",
    "RunPage": "components.run_page",
    "SmokeTestReport": "components.smoke_test.component",
}
"""Where each artifact type of ours is: Kubeflow's container imports it as `components.<Class>`."""


def __getattr__(name: str) -> Any:
    """An artifact type, imported when it is asked for: this package is imported by code that needs no TFX."""
    if name not in _ARTIFACTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ARTIFACTS[name]), name)

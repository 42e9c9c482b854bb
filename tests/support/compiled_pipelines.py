"""The shipped pipelines, compiled."""

import functools
from pathlib import Path

import components
from pipeline.loader import LoadedConfig, load
from pipeline.runners.compiled import Compiled
from pipeline.runners.compiler import compile_pipeline
from pipeline.runners.config import TargetName

REPOSITORY = Path(components.__file__).parent.parent
DATA_SETS = ("penguins", "diamonds", "flights")


def config_file(data_set: str) -> Path:
    """The data set's pipeline.yaml."""
    return REPOSITORY / "data" / data_set / "pipeline.yaml"


def loaded(data_set: str, *overrides: str) -> LoadedConfig:
    """The data set's configuration."""
    return load(config_file(data_set), overrides)


@functools.cache
def compiled(data_set: str, target: TargetName, *overrides: str) -> Compiled:
    """The data set's pipeline for a target; compiled once for all tests, which must not change it."""
    return compile_pipeline(loaded(data_set, *overrides), target)

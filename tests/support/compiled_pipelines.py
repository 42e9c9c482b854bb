"""The shipped pipelines, compiled."""

import functools
from pathlib import Path

import components
from pipeline.config.loader import LoadedConfig, load
from pipeline.config.targets import TargetName
from pipeline.runners.compile.compiled import Compiled
from pipeline.runners.compile.compiler import compile_pipeline

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

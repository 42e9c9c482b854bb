"""A sound pipeline.yaml, and ways to break it."""

from pathlib import Path

import pytest

from pipeline.config.loader import LoadedConfig, load
from pipeline.config.problems import ConfigError, Problem

CONFIG = """\
name: demo
data:
  path: table.csv
features:
  label: {column: y, task: binary}
  numeric:
    - columns: [a, b]
      scale: min_max
    - columns:
        - c
        - d
  categorical:
    - columns: [e, f]
model:
  family: mlp
  params:
    hidden: [8]
train:
  learning_rate: 0.1
evaluate:
  thresholds:
    - metric: auc
      min: 0.5
"""


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def edited(old: str, new: str) -> str:
    assert CONFIG.count(old) == 1, f"{old!r} must stand in CONFIG once"
    return CONFIG.replace(old, new)


def loaded(text: str = CONFIG, *overrides: str) -> LoadedConfig:
    return load(write("pipeline.yaml", text), overrides)


def problems_of(text: str, *overrides: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        loaded(text, *overrides)
    return list(caught.value.problems)


def problem_of(text: str, *overrides: str) -> Problem:
    problems = problems_of(text, *overrides)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]

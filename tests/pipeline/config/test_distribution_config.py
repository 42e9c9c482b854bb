"""What training by several processes can't do, refused before a run, with the field and the next step."""

import importlib.metadata
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from support.compiled_pipelines import config_file, loaded

from pipeline.cli import main
from pipeline.config.loader import load
from pipeline.config.problems import ConfigError
from pipeline.preflight.target_check import target_problems
from pipeline.preflight.validate import problems
from preprocessing.errors import UserError

MULTI = ("train.distribution=multi_worker", "train.batch_size=64")
TWO = (*MULTI, "train.workers=2")
REPLICAS = "targets.vertex.trainer={replicas: 2}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((*MULTI, "train.workers=1"), r"train\.workers.*2"),
        (("train.workers=2",), r"train\.workers.*is for distribution multi_worker"),
        ((*MULTI, "train.workers=3"), r"train\.batch_size.*evenly among 3 workers(.|\n)*use 66"),
        ((*TWO, "train.mixed_precision=float16"), r"train\.mixed_precision.*skip a step(.|\n)*use bfloat16"),
        ((*TWO, "train.cross_validation={}"), r"train\.distribution.*folds(.|\n)*remove cross_validation"),
        (
            (*TWO, "tune={trials: 3, space: {train.learning_rate: {log: [1.0e-4, 1.0e-2]}}}"),
            r"train\.distribution.*trials(.|\n)*tune with none",
        ),
    ],
)
def test_refused_while_the_file_is_read(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        loaded("penguins", *overrides)


@pytest.mark.parametrize(
    ("model", "reason", "hint"),
    [
        ({"family": "gbt"}, "scikit-learn", "set it to none"),
        ({"family": "ensemble", "params": {"members": ["mlp", "dcn"]}}, "members to train side by side", "parallel"),
    ],
)
def test_families_that_no_gradient_descent_trains(tmp_path: Path, model: Any, reason: str, hint: str) -> None:
    config = {
        "name": "toy",
        "data": {"path": "t.csv"},
        "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
        "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
        "model": model,
        "train": {"distribution": "multi_worker", "workers": 2},
    }
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "pipeline.yaml")
    [problem] = caught.value.problems
    assert problem.field == "train.distribution"
    assert reason in problem.message
    assert hint in problem.hint


def test_a_run_here_needs_the_number_of_processes() -> None:
    assert problems(loaded("penguins", *TWO)) == []
    [problem] = problems(loaded("penguins", *MULTI))
    assert (problem.field, "--target vertex" in problem.hint) == ("train.workers", True)


def test_another_keras_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.99.0" if name == "keras" else version(name))
    [problem] = problems(loaded("penguins", *TWO))
    assert problem.field == "train.distribution"
    assert "installed is 3.99.0" in problem.message
    assert problems(loaded("penguins")) == []


@pytest.mark.parametrize(
    ("target", "overrides"),
    [
        ("vertex", (*MULTI, REPLICAS)),
        ("vertex", TWO),
        ("kubeflow", TWO),
        ("vertex", (*MULTI, "targets.vertex.trainer={replicas: 2, accelerator: {type: NVIDIA_L4, count: 2}}")),
    ],
)
def test_what_a_target_can_do(target: Any, overrides: tuple[str, ...]) -> None:
    assert target_problems(loaded("penguins", *overrides), target) == []


@pytest.mark.parametrize(
    ("target", "overrides", "field", "words"),
    [
        ("kubeflow", MULTI, "train.distribution", "a step of Kubeflow Pipelines is one pod.*train.workers"),
        ("vertex", MULTI, "targets.vertex.trainer", "needs two machines"),
        ("vertex", (*MULTI, "targets.vertex.trainer={}"), "targets.vertex.trainer.replicas", "needs two machines"),
        ("vertex", (REPLICAS,), "targets.vertex.trainer.replicas", "train.distribution none each machine"),
        ("vertex", (*TWO, REPLICAS), "train.workers", "counts processes of one machine.*remove one"),
        (
            "vertex",
            (*MULTI, "targets.vertex.trainer={replicas: 3, accelerator: {type: NVIDIA_L4, count: 2}}"),
            "train.batch_size",
            "evenly among 6 replicas.*use 66",
        ),
    ],
)
def test_what_a_target_cannot_do(target: Any, overrides: tuple[str, ...], field: str, words: str) -> None:
    [problem] = target_problems(loaded("penguins", *overrides), target)
    assert problem.field == field
    assert re.search(words, str(problem), re.DOTALL)


def test_validate_says_it() -> None:
    sets = [word for each in MULTI for word in ("--set", each)]
    result = CliRunner().invoke(main, ["validate", str(config_file("penguins")), *sets])
    assert result.exit_code != 0
    assert "train.workers" in result.output

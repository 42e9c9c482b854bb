"""The Evaluator without Beam gives what TFX's executor gives on Beam."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.evaluations import CLASSES, Case, Row, assert_equal, outcome

from pipeline.config.pipeline_config import EvaluateConfig, Threshold
from preprocessing.config import Task

pytestmark = pytest.mark.slow

SLICES = (("city",), ("tags",), ("hour", "city"), ("size",), ("void",), ("size_xf",))
METRIC: dict[Task, str] = {"binary": "auc", "multiclass": "accuracy", "regression": "mae"}


def table(task: Task, rows: int, seed: int) -> list[Row]:
    """Rows with empty cells, several values in a cell, and weights of 0."""
    random = np.random.default_rng(seed)

    def answer(label: int) -> list[float]:
        if task == "regression":
            return [float(np.float32(label + random.normal()))]
        certain = np.eye(CLASSES[task])[label]
        drawn = random.dirichlet(np.ones(CLASSES[task])) * 0.6 + 0.4 * certain
        # Some answers are certain, right or wrong.
        return [float(x) for x in (drawn if random.random() < 0.9 else np.roll(certain, random.integers(2)))]

    table: list[Row] = []
    for _ in range(rows):
        label = int(random.integers(CLASSES[task])) if task != "regression" else int(random.integers(9))
        tags = [str(tag) for tag in random.choice(["x", "y", "z"], random.integers(4))]
        table.append(
            {
                "y": float(label if task == "regression" or random.random() < 0.95 else -1),
                "w": float(random.choice([0.0, 0.5, 1.0, 2.25])),
                "candidate": answer(label),
                "baseline": answer(label),
                "city": str(random.choice(["Ulm", "Köln", "Bonn", ""])) if random.random() < 0.8 else None,
                "tags": tags or None,
                "hour": int(random.integers(3)) if random.random() < 0.9 else None,
                "size": float(random.choice([0.5, 2.0, np.nan])) if random.random() < 0.9 else None,
            }
        )
    return table


def evaluate(task: Task, **settings: Any) -> EvaluateConfig:
    thresholds = (
        Threshold(metric=METRIC[task], min=0.2, max=0.9, max_regression=0.05),
        Threshold(metric=METRIC[task], min=0.1, max_regression=0.01, slice_by=("city",)),
    )
    return EvaluateConfig(**({"thresholds": thresholds, "slices": SLICES, "min_slice_examples": 8} | settings))


def both(folder: Path, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """Evaluates with and without Beam and compares."""
    with caplog.at_level(logging.WARNING, "lockgate"):
        ours = outcome(folder, case, "auto")
    assert not [record.message for record in caplog.records if "runs on Beam" in record.message]
    assert_equal(ours, outcome(folder, case, "beam"))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_with_a_champion_slices_and_weights(task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    both(tmp_path, Case(task, table(task, 120, 3), evaluate(task)), caplog)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_alone_without_weights(task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    case = Case(task, table(task, 60, 4), evaluate(task, min_slice_examples=1), weighted=False, champion=False)
    both(tmp_path, case, caplog)

"""The Evaluator without Beam gives what TFX's executor gives on Beam."""

import base64
import json
import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.evaluations import CLASSES, Case, Outcome, Row, assert_equal, outcome
from support.scikit import expected

from components.evaluator import answers
from components.evaluator.config import ConfidenceConfig, TreeConfig
from pipeline.config.evaluate import EvaluateConfig, Threshold
from preprocessing.config import Task

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums and slices go over several batches, the last one smaller."""
    monkeypatch.setattr(answers, "BATCH", 17)


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


def evaluate(task: Task, **changes: Any) -> EvaluateConfig:
    thresholds = (
        Threshold(metric=METRIC[task], min=0.2, max=0.9, max_regression=0.05),
        Threshold(metric=METRIC[task], min=0.1, max_regression=0.01, slice_by=("city",), confident=True),
        Threshold(metric="profit", min=-0.5, max_regression=0.3, confident=True),
    )
    usual = {
        "thresholds": thresholds,
        "slices": SLICES,
        "min_slice_examples": 8,
        "metrics": ("support.own_metrics.profit",),
        "confidence": ConfidenceConfig(replicates=20),
    }
    return EvaluateConfig(**(usual | changes))


def both(folder: Path, case: Case, caplog: pytest.LogCaptureFixture) -> Outcome:
    """Evaluates with and without Beam and compares."""
    with caplog.at_level(logging.WARNING, "lockgate"):
        ours = outcome(folder, case, "auto")
    assert not [record.message for record in caplog.records if "runs on Beam" in record.message]
    stock = outcome(folder, case, "beam")
    assert_equal(ours, stock)
    return stock


def assert_scikit(results: Outcome, case: Case) -> None:
    """Every metric of both models, on all rows and on each city, is what scikit-learn gives."""
    cities = {row["city"] for row in case.rows if row["city"] is not None}
    for city in (None, *cities):
        rows = [row for row in case.rows if city in (None, row["city"])]
        if len(rows) < case.evaluate.min_slice_examples:
            continue
        label, weight = (np.array([row[name] for row in rows]) for name in ("y", "w"))
        for model in ("candidate", "baseline"):
            answers = np.array([row[model] for row in rows], np.float32).astype(float)
            prediction = {"binary": answers[:, -1], "multiclass": answers, "regression": answers[:, 0]}[case.task]
            found = {
                key["name"]: float(value["doubleValue"])
                for key, value in _of(results, city, model)
                if "doubleValue" in value
            }
            for name, wanted in expected(case.task, label, prediction, weight).items():
                assert found[name] == pytest.approx(wanted, rel=1e-6, abs=1e-6, nan_ok=True), (city, model, name)


def _of(results: Outcome, city: str | None, model: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The keys and values of one model on a slice."""
    name = None if city is None else base64.b64encode(city.encode()).decode()
    wanted = [] if city is None else [{"column": "city", "bytesValue": name}]
    [values] = [
        values for text, values in results.metrics.items() if json.loads(text).get("singleSliceKeys", []) == wanted
    ]
    keyed = [(json.loads(text), value) for text, value in values.items()]
    return [(key, value) for key, value in keyed if key.get("modelName") == model and not key.get("isDiff")]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_with_a_champion_slices_and_weights(task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tree = TreeConfig(depth=3, leaf=4, rows=120)
    case = Case(task, table(task, 120, 3), evaluate(task), tree=tree, training=table(task, 130, 9))
    results = both(tmp_path, case, caplog)
    assert_scikit(results, case)
    assert results.tree["skill"] is not None
    # Plots are those of all rows, of both models.
    [shown] = results.plots.values()
    keys = [each["key"] for each in shown["plotKeysAndValues"]]
    of_numbers = {"errors", "error_quantiles", "predicted_against_actual"}
    assert {each.get("name", "") for each in keys} == (of_numbers if task == "regression" else {""})
    assert {each["modelName"] for each in keys} == {"candidate", "baseline"}
    if task == "multiclass":
        [(_, value)] = [each for each in _of(results, None, "candidate") if each[0]["name"] == "confusion_matrix"]
        [matrix] = value["multiClassConfusionMatrixAtThresholds"]["matrices"]
        cells = {
            (each.get("actualClassId", 0), each.get("predictedClassId", 0)): each["numWeightedExamples"]
            for each in matrix["entries"]
        }
        wanted: dict[tuple[int, int], float] = {}
        for row in case.rows:
            place = int(row["y"]), int(np.argmax(row["candidate"]))
            wanted |= {place: wanted.get(place, 0.0) + row["w"]}
        assert cells == pytest.approx({place: weight for place, weight in wanted.items() if weight})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_alone_without_weights(task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = evaluate(task, slices=SLICES[:3], min_slice_examples=1)
    case = Case(task, table(task, 60, 4), config, weighted=False, champion=False, plots=task == "binary")
    both(tmp_path, case, caplog)


def test_numbers_that_are_none_and_labels_without_a_logarithm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = [dict(row) for row in table("regression", 24, 5)]
    rows[1] |= {"candidate": [math.nan], "w": 1.0, "city": "Ulm"}
    rows[2] |= {"y": math.nan, "w": 0.0}
    rows[3] |= {"candidate": [math.inf], "w": 1.0, "city": "Bonn"}
    rows[4] |= {"y": -1.0, "w": 1.0, "city": "Bonn"}
    rows[5] |= {"candidate": [math.nan], "w": 0.0, "city": "Oslo"}
    case = Case("regression", rows, evaluate("regression", slices=(("city",),), min_slice_examples=1))
    both(tmp_path, case, caplog)


@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_split_and_one_of_one_row(rows: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    both(tmp_path, Case("binary", table("binary", rows, 6), evaluate("binary")), caplog)


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    task=st.sampled_from(list(METRIC)),
    rows=st.integers(2, 40),
    seed=st.integers(0, 2**32),
    slices=st.lists(st.sampled_from(SLICES), max_size=3, unique=True),
    smallest=st.integers(1, 12),
    weighted=st.booleans(),
    champion=st.booleans(),
    skill=st.booleans(),
)
def test_any_configuration(
    task: Task,
    rows: int,
    seed: int,
    slices: list[tuple[str, ...]],
    smallest: int,
    weighted: bool,
    champion: bool,
    skill: bool,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    thresholds = (Threshold(metric=METRIC[task], min=0.2, max=0.9, max_regression=0.05),)
    config = evaluate(task, thresholds=thresholds, slices=tuple(slices), min_slice_examples=smallest)
    case = Case(task, table(task, rows, seed), config, weighted, champion, skill)
    both(tmp_path_factory.mktemp("case"), case, caplog)

"""Models that are better or worse than a small tree: through the Evaluator's executor, beside NumPy and SciPy."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from support.evaluations import Case, Row, outcome

from components.artifacts.small_tree import SmallTree
from components.evaluator.config import TreeConfig
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.results.evaluation import evaluator_gate, read_verdict

pytestmark = pytest.mark.slow

ALWAYS = EvaluateConfig(thresholds=(Threshold(metric="log_loss", max=1e9),))
CITIES = ("Bonn", "Köln", "Ulm")
LIKELY = {"Bonn": 0.1, "Köln": 0.9, "Ulm": 0.5}


def table(rows: int, seed: int, certainty: float) -> list[Row]:
    """Rows whose city says most of the label; the candidate knows a share of what there is to know."""
    random = np.random.default_rng(seed)
    found: list[Row] = []
    for _ in range(rows):
        city = str(random.choice(CITIES))
        label = float(random.random() < LIKELY[city])
        knows = certainty * label + (1 - certainty) * 0.5
        found.append({"y": label, "w": 1.0, "city": city, "candidate": [1 - knows, knows], "baseline": [0.5, 0.5]})
    return found


def case(certainty: float, **tree: object) -> Case:
    settings = TreeConfig.model_validate({"depth": 2} | tree)
    training = table(300, 1, 0.5)
    return Case("binary", table(150, 2, certainty), ALWAYS, True, False, False, tree=settings, training=training)


def test_a_model_that_is_worse_is_refused_and_told_by_how_much(tmp_path: Path) -> None:
    todo = case(0.05, severity="block")
    found = SmallTree.model_validate_json(json.dumps(outcome(tmp_path, todo, "auto").tree))
    shares = {city: np.mean([row["y"] for row in todo.training if row["city"] == city]) for city in CITIES}
    total = np.mean([row["y"] for row in todo.training])
    counts = {city: sum(row["city"] == city for row in todo.training) for city in CITIES}
    tree = {city: (shares[city] * counts[city] + total) / (counts[city] + 1) for city in CITIES}
    y = np.array([row["y"] for row in todo.rows])
    model = -np.log(np.where(y == 1, [r["candidate"][1] for r in todo.rows], [r["candidate"][0] for r in todo.rows]))
    p = np.array([tree[str(row["city"])] for row in todo.rows])
    other = -np.log(np.where(y == 1, p, 1 - p))
    low = stats.ttest_rel(other, model).confidence_interval(0.9).low
    assert found.loss == pytest.approx(model.mean(), rel=1e-6)
    assert found.tree_loss == pytest.approx(other.mean(), rel=1e-6)
    assert found.skill == pytest.approx(1 - model.mean() / other.mean(), rel=1e-5)
    assert found.bound == pytest.approx(low / other.mean(), rel=1e-3)
    assert (found.rows, found.leaves, list(found.columns)) == (300, 3, ["city"])
    assert found.refuses
    folder = tmp_path / "auto"
    assert sorted(path.name for path in (folder / "blessing").iterdir()) == ["NOT_BLESSED"]
    verdict = read_verdict(str(folder / "evaluation"), blessed=False)
    [refusal] = verdict.failures
    assert refusal.startswith(f"worse than a small tree: log_loss is {model.mean():.4g}, and {other.mean():.4g} by a ")
    assert "depth 2 with 3 leaves by city" in refusal
    assert "next: see how features reads city" in refusal
    assert verdict.failed == {"tree_skill_bound"}
    assert verdict.metrics["tree_skill"] == found.skill


def test_where_it_only_warns_the_model_passes_with_a_warning(tmp_path: Path) -> None:
    outcome(tmp_path, case(0.05), "auto")
    folder = tmp_path / "auto"
    assert sorted(path.name for path in (folder / "blessing").iterdir()) == ["BLESSED"]
    verdict = read_verdict(str(folder / "evaluation"), blessed=True)
    assert verdict.failures == ()
    gate = evaluator_gate(verdict)
    assert gate.passed
    assert "; warning: worse than a small tree: log_loss is" in gate.reason


def test_a_model_that_knows_more_passes_without_a_word(tmp_path: Path) -> None:
    outcome(tmp_path, case(0.9, severity="block"), "auto")
    verdict = read_verdict(str(tmp_path / "auto/evaluation"), blessed=True)
    assert verdict.failures == ()
    assert verdict.tree is not None
    assert verdict.tree.proven
    assert "warning" not in evaluator_gate(verdict).reason


def test_a_model_as_good_as_the_tree_has_proven_nothing(tmp_path: Path) -> None:
    todo = case(0.5)
    rows = [{**row, "candidate": [1 - LIKELY[str(row["city"])], LIKELY[str(row["city"])]]} for row in todo.rows]
    outcome(tmp_path, dataclasses.replace(todo, rows=rows), "auto")
    verdict = read_verdict(str(tmp_path / "auto/evaluation"), blessed=True)
    assert verdict.tree is not None
    assert "no better than a small tree beyond chance" in verdict.tree.finding()


@pytest.mark.parametrize("engine", ["auto", "beam"])
def test_without_training_rows_nothing_is_compared_and_nothing_refused(tmp_path: Path, engine: str) -> None:
    todo = dataclasses.replace(case(0.05, severity="block"), training=())
    outcome(tmp_path, todo, engine)
    verdict = read_verdict(str(tmp_path / engine / "evaluation"), blessed=True)
    assert verdict.failures == ()
    assert sorted(path.name for path in (tmp_path / engine / "blessing").iterdir()) == ["BLESSED"]
    reason = "not compared with a small tree: no training row has a label and a weight"
    assert f"; warning: {reason}" in evaluator_gate(verdict).reason
    assert "tree_skill" not in verdict.metrics


def test_a_sample_of_the_training_rows_is_the_same_each_time(tmp_path: Path) -> None:
    todo = case(0.5, rows=100)
    once = outcome(tmp_path / "once", todo, "auto").tree
    assert once["rows"] == 100
    assert outcome(tmp_path / "again", todo, "auto").tree == once

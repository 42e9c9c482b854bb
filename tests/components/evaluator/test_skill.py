"""Whether a model beats the answer without features: through TensorFlow Model Analysis, beside NumPy and SciPy."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from scipy import stats
from tensorflow_model_analysis.proto import config_pb2

from components.artifacts.golden import TrivialAnswer
from components.evaluator.config import SkillConfig
from components.evaluator.failures import holds
from components.evaluator.skill import with_skill
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.nodes.evaluation import eval_config
from pipeline.results.evaluation import EvaluatorVerdict, evaluator_gate, read_verdict
from preprocessing.config import FeaturesConfig, Label, Task
from preprocessing.number_config import NumericFeature

pytestmark = pytest.mark.slow

Rows = list[tuple[Any, Any, float]]
METRIC: dict[Task, str] = {"binary": "log_loss", "multiclass": "log_loss", "regression": "rmse"}


def judged(folder: Path, task: Task, rows: Rows, trivial: TrivialAnswer, **settings: Any) -> EvaluatorVerdict:
    """The verdict on (label, prediction, weight); the other threshold always holds."""
    evaluate = EvaluateConfig(thresholds=(Threshold(metric=METRIC[task], max=1e9),))
    features = FeaturesConfig(label=Label(column="y", task=task), numeric=(NumericFeature(columns=("x",)),))
    config = with_skill(eval_config(evaluate, features), SkillConfig(**settings), task, trivial)
    del config.model_specs[1:]
    config.model_specs[0].CopyFrom(
        config_pb2.ModelSpec(label_key="y", prediction_key="prediction", example_weight_key="w")
    )
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=False, rubber_stamp=True)
    tfma.analyze_raw_data(pd.DataFrame(rows, columns=["y", "prediction", "w"]), config, output_path=str(folder))
    return read_verdict(str(folder), holds(tfma.load_validation_result(str(folder))))


def binary_rows(seed: int, rows: int, signal: float) -> Rows:
    """Labels of which a third are positive, and probabilities that know about them or only pretend to."""
    random = np.random.default_rng(seed)
    labels = random.random(rows) < 1 / 3
    logits = math.log(0.5) + signal * (labels - 1 / 3) + 0.3 * random.normal(size=rows)
    positive = 1 / (1 + np.exp(-logits))
    return [(int(y), [1 - p, p], 1.0) for y, p in zip(labels, positive, strict=True)]


THIRD = TrivialAnswer(answer=(2 / 3, 1 / 3), error="log_loss")


def test_a_model_that_knows_something_passes_with_the_numbers_of_a_paired_test(tmp_path: Path) -> None:
    rows = binary_rows(1, 80, 1.5)
    verdict = judged(tmp_path, "binary", rows, THIRD)
    assert verdict.blessed
    assert verdict.failures == ()
    y = np.array([row[0] for row in rows])
    p = np.array([row[1][1] for row in rows])
    model, without = -np.log(np.where(y, p, 1 - p)), -np.log(np.where(y, 1 / 3, 2 / 3))
    low = stats.ttest_rel(without, model).confidence_interval(0.9).low
    assert verdict.skill is not None
    assert verdict.skill.skill == pytest.approx(1 - model.mean() / without.mean(), rel=1e-5)
    assert verdict.skill.bound == pytest.approx(low / without.mean(), rel=1e-3)
    assert verdict.metrics["skill"] == verdict.skill.skill
    assert verdict.skill.loss == pytest.approx(verdict.metrics["log_loss"], rel=1e-6)
    assert verdict.metrics["skill_bound"] == verdict.skill.bound
    assert not {"skill_loss", "skill_trivial_loss"} & set(verdict.metrics)


def test_a_model_that_gives_the_shares_is_refused_and_told_by_what(tmp_path: Path) -> None:
    rows: Rows = [(int(number % 3 == 0), [2 / 3, 1 / 3], 1.0) for number in range(90)]
    verdict = judged(tmp_path, "binary", rows, THIRD)
    assert not verdict.blessed
    [refusal] = verdict.failures
    entropy = -math.log(1 / 3) / 3 - 2 * math.log(2 / 3) / 3
    assert f"log_loss is {entropy:.4g}, and {entropy:.4g} by always answering with the training split's" in refusal
    assert "with 0.95 confidence at least" in refusal
    assert "evaluate.skill" in refusal


def test_a_gain_within_chance_is_refused_and_where_that_only_warns_said(tmp_path: Path) -> None:
    refused = judged(tmp_path, "binary", binary_rows(0, 40, 0.3), THIRD)
    assert refused.skill is not None
    assert refused.skill.bound < 0 < refused.skill.skill  # better in these rows, not beyond doubt
    assert not refused.blessed
    gate = evaluator_gate(dataclasses.replace(refused, blessed=True, failures=()))
    assert gate.passed
    assert "warning: no better than without features: log_loss is" in gate.reason


def test_only_a_severity_of_block_has_a_threshold() -> None:
    def thresholds(**settings: Any) -> int:
        evaluate = EvaluateConfig(thresholds=(Threshold(metric="auc", min=0.5),))
        features = FeaturesConfig(label=Label(column="y", task="binary"), numeric=(NumericFeature(columns=("x",)),))
        config = with_skill(eval_config(evaluate, features), SkillConfig(**settings), "binary", THIRD)
        return sum(len(metric.per_slice_thresholds) for metric in config.metrics_specs[0].metrics)

    assert thresholds() == 2
    assert thresholds(severity="warn") == 1


def test_classes_with_weights_of_rows_and_of_classes(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    y = random.integers(3, size=60)
    p = random.dirichlet([2, 2, 2], 60) * 0.7 + 0.3 * np.eye(3)[y]
    w, per_class, shares = random.exponential(size=60), np.array([1.0, 2.0, 5.0]), np.array([0.2, 0.3, 0.5])
    trivial = TrivialAnswer(answer=tuple(shares), class_weights=tuple(per_class), error="log_loss")
    rows: Rows = [(int(a), b.tolist(), float(c)) for a, b, c in zip(y, p, w, strict=True)]
    verdict = judged(tmp_path, "multiclass", rows, trivial)
    both = w * per_class[y]
    gain = np.average(np.log(p[np.arange(60), y]) - np.log(shares[y]), weights=both)
    assert verdict.skill is not None
    assert verdict.skill.skill == pytest.approx(gain / np.average(-np.log(shares[y]), weights=both), rel=1e-5)


def test_a_logarithmic_regression_is_judged_on_its_logarithm(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    logs = random.normal(3, 1, 50)
    predictions = np.exp(logs + random.normal(0, 0.5, 50))
    trivial = TrivialAnswer(answer=(20.0,), transform="log", error="squared")
    rows: Rows = [(float(a), float(b), 1.0) for a, b in zip(np.exp(logs), predictions, strict=True)]
    verdict = judged(tmp_path, "regression", rows, trivial)
    errors, without = (np.log(predictions) - logs) ** 2, (math.log(20) - logs) ** 2
    assert verdict.blessed
    assert verdict.skill is not None
    assert verdict.skill.skill == pytest.approx(1 - errors.mean() / without.mean(), rel=1e-4)
    assert verdict.skill.finding().startswith(
        f"no better than without features: rmse of log(label) is {math.sqrt(errors.mean()):.4g}, "
        f"and {math.sqrt(without.mean()):.4g} by always answering 20"
    )


def test_a_prediction_that_is_not_a_number_is_no_skill(tmp_path: Path) -> None:
    rows: Rows = [(float(i), [float(i)], 1.0) for i in range(20)] + [(1.0, [math.nan], 1.0)]
    verdict = judged(tmp_path, "regression", rows, TrivialAnswer(answer=(9.5,), error="squared"))
    assert not verdict.blessed
    [said] = [failure for failure in verdict.failures if failure.startswith("skill is undefined: ")]
    assert ": a prediction is not a number; " in said

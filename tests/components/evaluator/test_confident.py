"""Thresholds that the confidence interval has to keep, and metrics of a user's own, through the executor."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from support.evaluations import Case, Row, execution, run
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2, validation_result_pb2

from components.evaluator.columns import Columns
from components.evaluator.confidence import HELD, Asked, Intervals, Own, add_intervals, add_own
from components.evaluator.config import ConfidenceConfig, MetricSettings
from components.evaluator.names import CANDIDATE
from components.evaluator.own_metric import tried, value_of
from pipeline.config.evaluate import EvaluateConfig, Threshold
from pipeline.failures.mistakes import explain
from pipeline.nodes.evaluation import eval_config
from pipeline.results.confident import Confidence, _Measured
from pipeline.results.evaluation import EvaluatorVerdict, read_slices, read_verdict
from preprocessing.config import FeaturesConfig, Label, Task
from preprocessing.errors import UserError
from preprocessing.number_config import NumericFeature

ROWS = 60


def table() -> list[Row]:
    """Errors of about 1; the champion's are nearly the same."""
    random = np.random.default_rng(5)
    errors = random.normal(size=ROWS)
    return [
        {
            "y": 9.0,
            "w": 1.0,
            "candidate": [9 + float(error)],
            "baseline": [9 + float(error) * 0.98],
            "city": "Ulm" if number < 4 else "Bonn",
        }
        for number, error in enumerate(errors)
    ]


def absolute(rows: list[Row], column: str, city: str = "") -> np.ndarray:
    """The absolute errors, the answers being float32."""
    return np.array([abs(np.float32(row[column][0]) - 9.0) for row in rows if city in ("", row["city"])], float)


def verdict(folder: Path, rows: list[Row], engine: str = "auto", **settings: Any) -> EvaluatorVerdict:
    config = EvaluateConfig.model_validate_json(json.dumps(settings))
    case = Case("regression", rows, config, weighted=False, skill=False)
    todo = execution(folder, case, engine)
    run(todo)
    blessed = todo.outputs["blessing"][0].get_int_custom_property("blessed") == 1
    return read_verdict(todo.outputs["evaluation"][0].uri, blessed)


@pytest.mark.slow
def test_the_end_of_the_interval_has_to_hold_and_the_message_says_where_it_is(tmp_path: Path) -> None:
    rows = table()
    errors, of_champion = absolute(rows, "candidate"), absolute(rows, "baseline")
    mae, change = errors.mean(), errors - of_champion
    wide = stats.t.ppf(0.975, ROWS - 1) * errors.std(ddof=1) / math.sqrt(ROWS) / mae
    low, high = mae * math.exp(-wide), mae * math.exp(wide)
    worst = stats.ttest_1samp(change, 0).confidence_interval(0.95).high
    refused = verdict(
        tmp_path / "refused",
        rows,
        slices=[["city"]],
        metrics=["support.own_metrics.profit"],
        thresholds=[
            {"metric": "mae", "max": (mae + high) / 2, "max_regression": worst * 0.99, "confident": True},
            {"metric": "rmse", "max": 9.0, "slice_by": ["city"], "confident": True},
            {"metric": "profit", "min": 3.0, "confident": True},
        ],
    )
    assert not refused.blessed
    assert refused.intervals["mae"] == pytest.approx((low, high), rel=1e-3)
    assert refused.failed == {"mae", "profit"}
    assert not {"mae_upper", "mae_lower"} & refused.metrics.keys()
    assert refused.metrics["profit"] == 2.0  # every row is positive, and taken
    of_mae = f"mae is {mae:.4g}, but may be {high:.4g} (95 % interval {low:.4g} to {high:.4g}, {ROWS} rows)"
    assert f"{of_mae}, expected at most {(mae + high) / 2:g} (confident)" in refused.failures
    [of_change] = [line for line in refused.failures if "change against the champion" in line]
    value, end = map(float, re.findall(r"(?:mae is|may be) (\S+) ", of_change))
    assert (value, end) == pytest.approx((change.mean(), worst), rel=2e-3)
    [few] = [line for line in refused.failures if "Ulm" in line]
    of_few = f"{np.sqrt((absolute(rows, 'candidate', 'Ulm') ** 2).mean()):.4g}"
    assert few == (
        f"rmse on city=Ulm is {of_few} without a confidence interval (4 rows are too few?), "
        "expected at most 9 (confident)"
    )
    assert len(refused.failures) == 4


@pytest.mark.slow
def test_an_interval_that_keeps_the_threshold_and_a_change_judged_in_pairs(tmp_path: Path) -> None:
    rows = table()
    errors = absolute(rows, "candidate")
    # Not in pairs the change would vary ten times as much as this.
    allowed = 0.1 * stats.t.ppf(0.975, ROWS - 1) * errors.std() * math.sqrt(2 / ROWS) + 0.02 * errors.mean()
    thresholds = [{"metric": "mae", "max": 2.0, "max_regression": allowed, "confident": True}]
    held = verdict(tmp_path, rows, thresholds=thresholds, slices=[["city"]])
    assert held.failures == ()
    assert held.blessed
    [*_, (_, numbers)] = read_slices(str(tmp_path / "auto/evaluation"), CANDIDATE)
    assert "mae" in numbers
    assert "mae_upper" not in numbers


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["auto", "beam"])
def test_a_metric_of_ones_own_that_fails_is_named(engine: str, tmp_path: Path) -> None:
    thresholds = [{"metric": "mae", "max": 9.0}]
    with pytest.raises(Exception, match="raises") as raised:
        verdict(tmp_path, table(), engine, thresholds=thresholds, metrics=["support.own_metrics.raises"])
    message = explain(raised.value)
    assert message is not None
    assert "support.own_metrics.raises raised ZeroDivisionError: nothing to divide by on 60 rows" in message
    assert "next: return nan where" in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raises", "raised ZeroDivisionError"),
        ("says", "returned 'a lot' on 4 rows, expected a float"),
        ("per_row", "returned an array of shape [4] on 4 rows"),
        ("NOT_A_FUNCTION", "expected a function"),
        ("absent", "can't be imported: AttributeError"),
    ],
)
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_is_no_metric_is_found_on_four_rows(name: str, words: str, task: Task) -> None:
    with pytest.raises(UserError) as raised:
        tried(f"support.own_metrics.{name}", task)
    assert words in str(raised.value)
    assert f"support.own_metrics.{name}" in str(raised.value)


def test_a_metric_of_ones_own_can_not_change_the_rows() -> None:
    rows = np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([1.0, 3.0])
    assert value_of("support.own_metrics.spoils", *rows) == 2.5
    assert value_of("support.own_metrics.spoils", *rows) == 2.5


def test_what_a_threshold_says_in_words() -> None:
    assert Threshold(metric="mae", max=2, confident=True).in_words() == "at most 2 (confident)"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("_held_rows", "begin with _"),
        ("confusion_matrix", "already"),
        ("tree_skill_bound", "already"),
        ("skill", "already"),
        ("auc", "already"),
        ("mae_lower", "an end of the interval of mae"),
        ("profit_upper", "an end of the interval of profit"),
    ],
)
def test_a_name_in_results_is_of_one_metric(name: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EvaluateConfig(
            thresholds=(Threshold(metric="mae", max=1),), metrics=(f"mine.{name}", "support.own_metrics.profit")
        )


def test_a_metric_of_ones_own_is_not_asked_about_no_rows() -> None:
    spec, none = config_pb2.MetricsSpec(), np.zeros(0)
    add_own(spec, "support.own_metrics.raises")
    [metric] = spec.metrics
    arguments = json.loads(f"{{{metric.config}}}")
    held, own = Own(**arguments).computations(
        eval_config=config_pb2.EvalConfig(), model_names=["candidate"], sub_keys=[None]
    )
    [key] = held.keys
    # All rows of a slice may have weight 0.
    assert [*own.result({key: [Columns(none, none, none)]}).values()] == [pytest.approx(math.nan, nan_ok=True)]


def test_the_area_of_many_classes_says_that_answers_may_be_too_many() -> None:
    measured = {("macro_auc", False): _Measured(0.9, None), ("example_count", False): _Measured(2e6, None)}
    confidence = Confidence(0.95, {"macro_auc_lower": "macro_auc"}, {frozenset(): measured})
    failure = validation_result_pb2.ValidationFailure(
        metric_key=metrics_for_slice_pb2.MetricKey(name="macro_auc_lower")
    )
    words = "0.9 without a confidence interval (2,000,000 rows are too few, or their answers too many?)"
    assert confidence.shown({}, failure) == words


@pytest.mark.parametrize(
    ("paired", "own", "models"),
    [((), (), 1), (("accuracy",), (), 1), (("macro_f1",), (), 2), ((), ("support.own_metrics.profit",), 2)],
)
def test_the_champions_answers_are_held_only_where_they_are_needed(
    paired: tuple[str, ...], own: tuple[str, ...], models: int
) -> None:
    spec = config_pb2.MetricsSpec()
    add_intervals(spec, Asked(MetricSettings(task="multiclass"), ConfidenceConfig(), paired, own))
    arguments = json.loads(f"{{{spec.metrics[0].config}}}")
    both = [config_pb2.ModelSpec(name="candidate"), config_pb2.ModelSpec(name="champion", is_baseline=True)]
    config = config_pb2.EvalConfig(model_specs=both)
    computations = Intervals(**arguments).computations(
        eval_config=config, model_names=["candidate", "champion"], sub_keys=[None]
    )
    [held] = [each for each in computations if each.keys[0].name == HELD]
    assert len(held.combiner.models) == models


def test_min_and_max_leave_no_direction_to_a_metric_of_ones_own() -> None:
    threshold = Threshold(metric="profit", min=1, max=2, max_regression=1)
    with pytest.raises(ValidationError, match="which direction of profit is worse"):
        EvaluateConfig(thresholds=(threshold,), metrics=("support.own_metrics.profit",))


@pytest.mark.parametrize(("bound", "end"), [({"min": 1}, "profit_lower"), ({"max": 1}, "profit_upper")])
def test_what_is_asked_of_a_metric_of_ones_own_says_which_direction_is_worse(bound: dict[str, Any], end: str) -> None:
    threshold = Threshold(metric="profit", max_regression=0.5, confident=True, **bound)
    evaluate = EvaluateConfig(thresholds=(threshold,), metrics=("support.own_metrics.profit",))
    features = FeaturesConfig(label=Label(column="y", task="regression"), numeric=(NumericFeature(columns=("x",)),))
    [spec] = eval_config(evaluate, features).metrics_specs
    [(name, judged)] = [
        (json.loads(f"{{{metric.config}}}")["name"], metric.per_slice_thresholds[0].threshold)
        for metric in spec.metrics
        if metric.per_slice_thresholds
    ]
    assert name == end
    assert judged.change_threshold.absolute.value == (0.5 if "max" in bound else -0.5)

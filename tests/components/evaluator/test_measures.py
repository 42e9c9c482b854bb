"""Each metric beside scikit-learn: weights, ties, rare and absent classes, and rows that have no answer."""

import math
from typing import Any

import numpy as np
import pytest
from support.scikit import expected

from components.evaluator import confusion
from components.evaluator.catalog import CATALOG, find, names
from components.evaluator.columns import CellSums, Columns, RowSums
from components.evaluator.config import MetricParameters, MetricSettings
from components.evaluator.measures import MATRIX, Measure, RowSource, class_measures, measures
from components.evaluator.tally import EMPTY, Tally
from preprocessing.config import Task


def computed(measure: Measure, columns: Columns) -> float:
    """The metric of rows that are added up at once."""
    if isinstance(measure.source, RowSource):
        return measure.finish({name: float(each.sum()) for name, each in measure.source.summands(columns).items()})
    cells = measure.source.cells(columns)
    tally, rows = Tally.of(cells), np.arange(len(columns.label))
    tally.add(cells, rows, np.zeros_like(rows))
    return measure.finish(tally.table(0))


def all_measures(settings: MetricSettings, classes: int = 0) -> dict[str, Measure]:
    found = measures(settings)
    for k in range(classes):
        found |= class_measures(k, f"class {k}")
    return found


def rows(task: Task, seed: int, *, count: int = 300, rare: float = 0.5, classes: int = 4, digits: int = 7) -> Columns:
    """Random rows with weights, some of them 0; predictions are float32, with ties where they have few digits."""
    random = np.random.default_rng(seed)
    weight = random.choice([0.0, 0.5, 1.0, 2.25], count) * random.random(count)
    if task == "regression":
        label = np.round(random.gamma(2.0, 10.0, count)) - 1 * (seed % 2)
        prediction = np.abs(label * (1 + random.normal(0, 0.2, count))).astype(np.float32).astype(float)
        return Columns(label, np.round(prediction, digits), weight)
    if task == "binary":
        label = (random.random(count) < rare).astype(float)
        prediction = np.clip(random.beta(2, 3, count) * 0.7 + 0.3 * label, 0, 1)
        return Columns(label, np.round(prediction, digits).astype(np.float32).astype(float), weight)
    label = random.integers(classes - 1, size=count).astype(float)  # the last class is no label
    drawn = random.dirichlet(np.ones(classes), count) + 0.5 * np.eye(classes)[label.astype(int)]
    prediction = np.round(drawn / drawn.sum(axis=1, keepdims=True), digits)
    return Columns(label, prediction.astype(np.float32).astype(float), weight)


def assert_all(task: Task, columns: Columns, settings: MetricSettings, **known: Any) -> None:
    classes = columns.prediction.shape[1] if task == "multiclass" else 0
    wanted = expected(task, *columns, **known)
    found = {name: computed(each, columns) for name, each in all_measures(settings, classes).items()}
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), name


@pytest.mark.parametrize("task", list(CATALOG))
@pytest.mark.parametrize(
    "shape",
    [{}, {"digits": 1}, {"rare": 0.03}, {"rare": 0.97, "digits": 2}, {"count": 7}, {"count": 2}, {"rare": 0.0}],
    ids=str,
)
def test_beside_scikit_learn(task: Task, shape: dict[str, Any]) -> None:
    for seed in range(3):
        assert_all(task, rows(task, seed, **shape), MetricSettings(task=task))


def test_other_settings() -> None:
    parameters = MetricParameters(
        precision=0.6, recall=0.3, calibration_bins=4, top_k=3, quantiles=(0.25,), within_percent=25.0
    )
    known = {"precision": 0.6, "recall": 0.3, "bins": 4, "top_k": 3, "quantiles": (0.25,), "percent": 25.0}
    for task in CATALOG:
        settings = MetricSettings(task=task, decision_threshold=0.4 if task == "binary" else 0.5, parameters=parameters)
        assert_all(task, rows(task, 4), settings, threshold=settings.decision_threshold, **known)


def test_a_median_between_two_rows_is_their_mean() -> None:
    columns = Columns(np.zeros(4), np.array([1.0, -2.0, 4.0, -8.0]), np.ones(4))
    assert computed(measures(MetricSettings(task="regression"))["median_absolute_error"], columns) == 3.0


@pytest.mark.parametrize("task", list(CATALOG))
def test_a_prediction_that_is_not_a_number_takes_the_value_from_every_metric(task: Task) -> None:
    columns = rows(task, 5)
    columns.prediction[np.flatnonzero(columns.weight)[3]] = math.nan
    classes = 4 if task == "multiclass" else 0
    found = {name: computed(each, columns) for name, each in all_measures(MetricSettings(task=task), classes).items()}
    left = {name for name, value in found.items() if not math.isnan(value)}
    assert left == ({"accuracy"} if task == "multiclass" else set())
    # Unless it has no weight.
    nonsense = np.isnan(columns.prediction.reshape(300, -1)).any(axis=1)
    assert_all(task, columns._replace(weight=np.where(nonsense, 0.0, columns.weight)), MetricSettings(task=task))


@pytest.mark.parametrize("task", list(CATALOG))
def test_no_rows_have_no_value(task: Task) -> None:
    for name, measure in all_measures(MetricSettings(task=task), 2).items():
        if task == "multiclass" or not find("multiclass", name) or name in names(task, MetricParameters()):
            sums: Any = {} if isinstance(measure.source, RowSource) else EMPTY
            assert math.isnan(measure.finish(sums)), name


def test_an_unknown_class_is_never_right_and_no_class_of_its_own() -> None:
    label = np.array([0.0, 1.0, -1.0, -1.0])
    prediction = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    columns = Columns(label, prediction, np.array([1.0, 1.0, 1.0, 2.0]))
    found = {name: computed(each, columns) for name, each in all_measures(MetricSettings(task="multiclass"), 2).items()}
    assert found["accuracy"] == pytest.approx(2 / 5)
    assert found["precision of class 0"] == pytest.approx(1 / 2)
    assert found["precision of class 1"] == pytest.approx(1 / 3)
    assert found["recall of class 1"] == 1.0
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 4) / 2)
    assert found["weighted_f1"] == pytest.approx((2 / 3 + 2 / 4) / 2)
    assert found["top_k_accuracy"] == pytest.approx(2 / 5)
    cells = MATRIX.cells(columns)
    tally = Tally.of(cells)
    tally.add(cells, np.arange(4), np.zeros(4, np.int64))
    label_of, answer, weight = confusion.cells(tally.table(0))
    assert list(zip(label_of.tolist(), answer.tolist(), weight.tolist(), strict=True)) == [
        (-1, 0, 1.0), (-1, 1, 2.0), (0, 0, 1.0), (1, 1, 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(("label", "r2"), [([5.0, 5.0, 5.0], math.nan), ([1e9, 1e9 + 1e5, 1e9 - 1e5], 1.0)])
def test_r2_needs_labels_that_vary(label: list[float], r2: float) -> None:
    columns = Columns(np.array(label), np.array(label), np.ones(3))
    assert computed(measures(MetricSettings(task="regression"))["r2"], columns) == pytest.approx(r2, nan_ok=True)


def test_a_constant_answer_has_no_correlation() -> None:
    columns = Columns(np.array([0.0, 1.0]), np.array([0.2, 0.2]), np.ones(2))
    assert computed(measures(MetricSettings(task="binary"))["mcc"], columns) == 0.0
    one_class = columns._replace(label=np.zeros(2))
    assert math.isnan(computed(measures(MetricSettings(task="binary"))["mcc"], one_class))


def test_the_decision_threshold_is_compared_as_the_served_label_is() -> None:
    # float32(0.3) is a little above 0.3.
    columns = Columns(np.array([1.0]), np.array([np.float64(np.float32(0.3))]), np.ones(1))
    settings = MetricSettings(task="binary", decision_threshold=0.3)
    assert computed(measures(settings)["recall"], columns) == 0.0


@pytest.mark.parametrize("task", list(CATALOG))
def test_beams_accumulators_merge_in_any_order(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.evaluator.columns.BATCH", 7)
    columns = rows(task, 6, count=60, digits=2)
    for name, measure in measures(MetricSettings(task=task)).items():
        key: Any = name
        source = measure.source
        combiner = (
            RowSums(key, source.summands, None) if isinstance(source, RowSource) else CellSums(key, source.cells, None)
        )
        monkeypatch.setattr(type(combiner), "_row", lambda _, element: element)
        prediction = columns.prediction.reshape(60, -1)
        parts = []
        for part in np.array_split(np.random.default_rng(7).permutation(60), 4):
            accumulator: Any = combiner.create_accumulator()
            for row in part:
                row_of: Any = (columns.label[row], prediction[row], columns.weight[row])
                accumulator = combiner.add_input(accumulator, row_of)
            parts.append(accumulator)
        wanted = computed(measure, columns)
        for first, second, third, fourth in ((0, 1, 2, 3), (2, 0, 3, 1)):
            halves = (
                combiner.merge_accumulators([parts[one], parts[other]])
                for one, other in ((first, second), (third, fourth))
            )
            merged = combiner.merge_accumulators([next(halves), combiner.create_accumulator(), next(halves)])
            [sums] = combiner.extract_output(merged).values()
            assert measure.finish(sums) == pytest.approx(wanted, rel=1e-12, nan_ok=True), name


def test_the_catalog_has_what_is_computed() -> None:
    for task in CATALOG:
        computed_names = set(measures(MetricSettings(task=task)))
        assert set(names(task, MetricParameters())) == computed_names | {m.name for m in CATALOG[task] if m.of_class}

"""Trees grown by our loop and answered by TensorFlow, beside scikit-learn's own estimators."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from components.trainer.boosting.forest import as_weights
from components.trainer.boosting.growth import Growth
from components.trainer.boosting.table import UNKNOWN, Columns, Table, codes_of
from models.config import GbtParams
from models.gbt import filled_model
from models.heads import Head
from preprocessing.features import ModelInput

Array = np.ndarray[Any, Any]
FLOAT = np.finfo(np.float32)
ROWS = 400
HEADS = {"binary": Head("binary", 2), "multiclass": Head("multiclass", 3), "squared": Head("regression", 0)}
HEADS["absolute"] = HEADS["squared"]
PARAMS = GbtParams(trees=9, learning_rate=0.3, leaves=7, depth=4, leaf_rows=5, leaf_l2=0.5, features_per_split=1.0)


def table(seed: int = 3) -> tuple[Array, Array, Array]:
    """Three numbers, one of them sometimes missing and one of few values around 0; ids of a category; a score."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(ROWS, 3)).astype(np.float32)
    # Between -1 and 1 lies 0, between 0 and the smallest numbers lie thresholds that a flush to 0 would move.
    numbers[:, 1] = random.choice(np.array([-1, 1, 0, 2e-45, -2e-45, 1e-38], np.float32), ROWS)
    numbers[random.random(ROWS) < 0.2, 2] = np.nan
    ids = random.integers(0, 6, ROWS)
    score = numbers[:, 0] + 2 * np.sign(numbers[:, 1]) + np.where(np.isnan(numbers[:, 2]), 1.0, numbers[:, 2] ** 2)
    score = score + np.array([0, 3, -2, 1, 5, -4])[ids] + random.normal(0, 0.3, ROWS)
    return numbers, ids, score


def labels_of(loss: str, score: Array) -> Array:
    if loss == "binary":
        return (score > 1).astype(np.float64)
    return np.digitize(score, [0, 3]).astype(np.float64) if loss == "multiclass" else score.astype(np.float64)


INPUTS = (ModelInput("numbers", "dense", 3), ModelInput("kind", "categorical", 8))


def grown(
    loss: str, weights: Array | None = None, params: GbtParams = PARAMS, **options: Any
) -> tuple[Growth, Columns]:
    numbers, ids, score = table()
    columns = Columns(INPUTS, (codes_of(ids, 8),))
    matrix = np.column_stack([numbers.astype(np.float64), ids])
    growth = Growth(
        params,
        loss,
        HEADS[loss].units,
        columns,
        Table(matrix, labels_of(loss, score), weights),
        None,
        seed=1,
        **options,
    )
    for _ in range(params.trees):
        growth.grow()
    return growth, columns


def peer(loss: str) -> Any:
    options = {
        "max_iter": PARAMS.trees,
        "learning_rate": PARAMS.learning_rate,
        "max_leaf_nodes": PARAMS.leaves,
        "max_depth": PARAMS.depth,
        "min_samples_leaf": PARAMS.leaf_rows,
        "l2_regularization": PARAMS.leaf_l2,
        "categorical_features": [3],
        "early_stopping": False,
    }
    if loss in ("binary", "multiclass"):
        return HistGradientBoostingClassifier(**options)
    return HistGradientBoostingRegressor(loss=f"{loss}_error", **options)


def answers(model: Any, numbers: Array, ids: Array) -> Array:
    batch = {"numbers": tf.constant(numbers, tf.float32), "kind": tf.constant(ids[:, None], tf.int64)}
    # In a graph, whose threads flush the smallest numbers to 0.
    return np.asarray(tf.function(model)(batch), np.float64)


def hard_rows(growth: Growth) -> tuple[Array, Array]:
    """Numbers at and beside every threshold, and those that machines treat in ways of their own; unseen ids."""
    random = np.random.default_rng(5)
    probes = []
    for feature in range(3):
        nodes = np.concatenate([tree.nodes for tree in growth.trees])
        asking = (nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0) & (nodes["feature_idx"] == feature)
        at = nodes["num_threshold"][asking].astype(np.float32)
        beside = [np.nextafter(at, np.float32(side)) for side in (-np.inf, np.inf)]
        tiny = FLOAT.smallest_subnormal
        special = [
            0,
            -0.0,
            tiny,
            -tiny,
            3 * tiny,
            FLOAT.tiny,
            -FLOAT.tiny,
            FLOAT.max,
            FLOAT.min,
            np.inf,
            -np.inf,
            np.nan,
        ]
        probes.append(np.concatenate([at, *beside, np.array(special, np.float32)]))
    numbers = np.column_stack([random.choice(each, 4000) for each in probes]).astype(np.float32)
    for feature, each in enumerate(probes):
        numbers[: len(each), feature] = each
    return numbers, random.integers(0, 8, 4000)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", HEADS)
def test_the_forest_answers_what_scikit_learn_answers(loss: str, weighted: bool) -> None:
    weights = np.random.default_rng(8).integers(1, 4, ROWS).astype(np.float64) if weighted else None
    growth, columns = grown(loss, weights)
    numbers, ids, score = table()
    estimator = peer(loss).fit(np.column_stack([numbers, ids]), labels_of(loss, score), sample_weight=weights)
    numbers, ids = hard_rows(growth)
    rows = np.column_stack([numbers.astype(np.float64), ids])
    got = answers(filled_model(INPUTS, HEADS[loss], as_weights(growth.trees, growth.base, columns)), numbers, ids)
    if loss == "multiclass":
        shares = np.exp(got - got.max(axis=1, keepdims=True))
        np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), estimator.predict_proba(rows), rtol=1e-5)
        return
    expected = estimator.decision_function(rows) if loss == "binary" else estimator.predict(rows)
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-6, atol=1e-7)
    assert len(np.unique(expected)) > 50


def test_hard_rows_are_at_a_threshold_of_zero_and_at_one_below_what_is_flushed() -> None:
    nodes = np.concatenate([tree.nodes for tree in grown("squared")[0].trees])
    thresholds = nodes["num_threshold"][(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == 1)]
    assert (np.abs(thresholds) < FLOAT.tiny).any()


def test_sums_of_many_trees_are_exact_to_float32_and_batches_are_alike() -> None:
    growth, columns = grown("squared", params=PARAMS.model_copy(update={"trees": 300, "learning_rate": 0.05}))
    numbers, ids, _ = table()
    model = filled_model(INPUTS, HEADS["squared"], as_weights(growth.trees, growth.base, columns))
    got = answers(model, numbers, ids)
    np.testing.assert_array_equal(got, growth.raw.astype(np.float32))
    np.testing.assert_array_equal(answers(model, numbers[7:8], ids[7:8]), got[7:8])


def test_the_rarest_of_many_ids_share_a_code() -> None:
    # Id 5 never, ids 0 to 4 once, all others twice: 295 that occur, 255 codes.
    ids = np.concatenate([np.arange(6, 296), np.arange(6, 296), np.arange(5)])
    codes = codes_of(ids, 300)
    assert codes[5] == codes[299] == UNKNOWN
    assert set(codes[:5]) == {254}
    assert sorted(codes[6:260]) == list(range(254))
    assert set(codes[260:296]) == {254}


def test_an_id_of_many_is_asked_for_by_its_code() -> None:
    # 14 rows of each of the first, 12 of the last ones, which share a code.
    ids = np.concatenate([np.repeat(np.arange(254), 14), np.repeat(np.arange(254, 300), 12)])
    label = np.where(ids % 2 == 0, 1.0, -1.0)
    inputs = (ModelInput("kind", "categorical", 1000),)
    columns = Columns(inputs, (codes_of(ids, 1000),))
    matrix = columns.codes[0][ids][:, None].astype(np.float64)
    params = GbtParams(learning_rate=1.0, leaf_rows=1, features_per_split=1.0)
    growth = Growth(params, "squared", 1, columns, Table(matrix, label, None), None, seed=1)
    growth.grow()
    model = filled_model(inputs, HEADS["squared"], as_weights(growth.trees, growth.base, columns))
    got = np.asarray(model({"kind": tf.constant(ids[:, None])}))[:, 0]
    np.testing.assert_allclose(got[ids < 254], label[ids < 254], atol=0.2)
    assert len(set(got[ids >= 254])) == 1
    np.testing.assert_allclose(got, growth.raw[:, 0], rtol=1e-6)

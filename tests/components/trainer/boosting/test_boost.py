"""Whole trainings of the family `gbt`: stopped, killed, exported, watched, refused."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    roc_auc_score,
)
from support.killed_training import killed_in_epoch
from tensorflow.core.protobuf import saved_model_pb2

from components.artifacts.budget import BUDGET_FILE
from components.artifacts.model import SAVED_MODEL, TRAINING_FOLDER
from components.trainer import golden
from components.trainer.signatures import ServingModule
from components.trainer.training import train
from preprocessing.errors import UserError
from preprocessing.features import LABEL, WEIGHT
from preprocessing.input_pipeline import dataset
from preprocessing.matrices import Matrices

pytestmark = pytest.mark.slow

Trained = Callable[..., Any]
ALLOWED = Path(__file__).parents[4] / "components/smoke_test/checks/allowed_ops.txt"
GBT = {"family": "gbt", "params": {"trees": 40, "learning_rate": 0.3, "leaf_rows": 5, "leaves": 8, "depth": 4}}
TASKS = pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])


def weights(trained: Any) -> list[Any]:
    return list(trained.model.get_weights())


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


def eval_numbers(trained: Any, task: str) -> dict[str, float]:
    """What scikit-learn's metrics say of the model's answers for the eval split."""
    [(inputs, targets)] = dataset(trained.task.files["eval"], trained.data.schema, batch_size=1000)
    raw = np.asarray(trained.model(inputs), np.float64)
    labels = targets[LABEL].numpy()[:, 0]
    weights = targets[WEIGHT].numpy()[:, 0] if WEIGHT in targets else None
    if task == "regression":
        labels = (labels.astype(np.float64) - trained.data.train.mean) / trained.data.train.std
        squared = mean_squared_error(labels, raw[:, 0])
        return {"loss": squared, "rmse": squared**0.5, "mae": mean_absolute_error(labels, raw[:, 0])}
    logits = np.concatenate([np.zeros_like(raw), raw], axis=1) if task == "binary" else raw
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = {
        "loss": log_loss(labels, shares, sample_weight=weights, labels=range(shares.shape[1])),
        "accuracy": accuracy_score(labels, shares.argmax(axis=1), sample_weight=weights),
    }
    return found | ({"auc": roc_auc_score(labels, raw[:, 0], sample_weight=weights)} if task == "binary" else {})


@TASKS
def test_the_best_epoch_is_kept_and_its_numbers_are_those_of_the_model(
    trained: Trained, epochs_logged: list[dict[str, float]], task: str
) -> None:
    done = trained(task, model=GBT, train={"epochs": 10, "tensorboard": True})
    losses = [epoch["val_loss"] for epoch in epochs_logged]
    assert len(losses) == done.state.epoch == 10
    assert done.state.best_epoch == 1 + int(np.argmin(losses))
    assert len(set(losses)) == 10
    # 4 trees an epoch, for each class.
    units = 3 if task == "multiclass" else 1
    assert done.model.get_layer("forest").size.trees == 4 * done.state.best_epoch * units
    logged = epochs_logged[done.state.best_epoch - 1]
    for name, value in eval_numbers(done, task).items():
        assert logged[f"val_{name}"] == pytest.approx(value, abs=1e-4), name
    assert {path.parent.name for path in done.task.log_dir.rglob("events.out.tfevents.*")} == {"train", "validation"}


@pytest.mark.parametrize(("monitor", "sign"), [("val_loss", -1), ("val_auc", 1)])
def test_early_stopping_waits_for_some_epochs(
    trained: Trained, epochs_logged: list[dict[str, float]], monitor: str, sign: int
) -> None:
    stopping = {"monitor": monitor, "patience": 2}
    done = trained(model=GBT, train={"epochs": 40, "early_stopping": stopping})
    values = [sign * epoch[monitor] for epoch in epochs_logged]
    best = int(np.argmax(values))
    assert len(values) == best + 3 < 40
    assert (done.state.best_epoch, done.state.stopped) == (best + 1, True)


def test_more_epochs_than_trees_still_grow_all_trees(trained: Trained) -> None:
    few = {**GBT, "params": GBT["params"] | {"trees": 6}}
    stopping = {"monitor": "val_loss", "patience": 2}
    done = trained("regression", run="many", model=few, train={"epochs": 40, "early_stopping": stopping})
    assert (done.state.epoch, len(set(done.state.values)), done.state.stopped) == (40, 6, False)
    assert_same(done, trained("regression", run="six", model=few, train={"epochs": 6, "early_stopping": stopping}))
    assert done.model.get_layer("forest").size.trees == 6


def without_positive_weights(rows: Any) -> Matrices:
    assert isinstance(rows, Matrices)
    weight = tf.cast(rows.targets[LABEL] == 0, tf.float32)
    return dataclasses.replace(rows, targets=rows.targets | {WEIGHT: weight})


def test_a_metric_that_nothing_is_judged_by_may_be_undefined(
    prepare: Callable[..., Any], epochs_logged: list[dict[str, float]]
) -> None:
    def ended(run: str, monitor: str) -> int:
        stopping = {"monitor": monitor, "patience": 5}
        prepared = prepare(run=run, model=GBT, train={"epochs": 3, "early_stopping": stopping})
        data = dataclasses.replace(prepared.data, eval_rows=without_positive_weights(prepared.data.eval_rows))
        return train(prepared.task, data)[1].epoch

    assert ended("loss", "val_loss") == 3
    assert [math.isnan(epoch["val_auc"]) for epoch in epochs_logged] == [True] * 3
    with pytest.raises(UserError, match="val_auc nan"):
        ended("auc", "val_auc")


@TASKS
def test_a_killed_training_ends_with_the_same_forest(
    trained: Trained, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    weights = "none" if task == "regression" else "balanced"
    options = {"model": GBT, "train": {"epochs": 5, "budget_minutes": 60, "class_weights": weights}}
    whole = trained(task, run="whole", **options)
    with killed_in_epoch(3):
        trained(task, run="killed", **options)
    assert "goes on" not in caplog.text
    again = trained(task, run="killed", **options)
    assert "training goes on after epoch 2, from " in caplog.text
    assert_same(again, whole)
    assert again.state == whole.state
    # One that has finished is loaded without a word, as an ensemble does with its members.
    caplog.clear()
    assert_same(trained(task, run="killed", **options), whole)
    assert "goes on" not in caplog.text
    # Nothing of it could run as code when it is read.
    assert {file.suffix for file in again.task.checkpoint_dir.rglob("*.*") if file.is_file()} == {".npz", ".json"}


def test_a_budget_ends_the_forest_within_an_epoch(trained: Trained, caplog: pytest.LogCaptureFixture) -> None:
    # Eight trees an epoch; over after the first one.
    options = {"model": GBT, "train": {"epochs": 5, "budget_minutes": 1e-9}}
    done = trained("multiclass", **options)
    assert (done.state.epoch, done.state.stopped, done.state.out_of_time) == (1, True, True)
    assert done.model.get_layer("forest").size.trees == 3
    report = json.loads((done.task.artifact_dir / TRAINING_FOLDER / BUDGET_FILE).read_text())
    assert (report["trees"], report["epochs"], report["value"]) == (3, 1, done.state.best)
    assert "in epoch 1 of 5 (3 trees)" in caplog.text
    again = trained("multiclass", **options)
    assert_same(again, done)
    assert again.state == done.state


@pytest.mark.parametrize(("task", "monitor"), [("binary", "val_auc_pr"), ("multiclass", "val_macro_f1")])
def test_what_is_only_measured_where_it_is_asked_for(
    trained: Trained, epochs_logged: list[dict[str, float]], task: str, monitor: str
) -> None:
    done = trained(task, model=GBT, train={"epochs": 2, "early_stopping": {"monitor": monitor}})
    [(inputs, targets)] = dataset(done.task.files["eval"], done.data.schema, batch_size=1000)
    raw, ids = np.asarray(done.model(inputs), np.float64), targets[LABEL].numpy()[:, 0]
    rows = targets[WEIGHT].numpy()[:, 0] if WEIGHT in targets else None
    if task == "binary":
        expected = average_precision_score(ids, raw[:, 0], sample_weight=rows)
    else:
        expected = f1_score(ids, raw.argmax(axis=1), average="macro", sample_weight=rows)
    assert done.state.best == pytest.approx(expected, abs=1e-5)
    assert done.state.best == pytest.approx(max(epoch[monitor] for epoch in epochs_logged), abs=1e-4)
    assert done.state.best_epoch == 1 + int(np.argmax(done.state.values))


def test_a_watched_training_pauses_and_goes_on(trained: Trained) -> None:
    options = {"model": GBT, "train": {"epochs": 5}}
    told: list[tuple[int, float]] = []

    def until(last: int) -> Callable[[int, float], bool]:
        def watch(epoch: int, value: float) -> bool:
            told.append((epoch, value))
            return epoch == last

        return watch

    paused = trained(run="paused", watch=until(2), **options)
    assert paused.state.epoch == 2
    ended = trained(run="paused", watch=until(0), **options)
    assert [epoch for epoch, _ in told] == [1, 2, 1, 2, 3, 4, 5]
    assert told[:2] == told[2:4]
    assert_same(ended, trained(run="whole", **options))


def test_weights_of_classes_and_absolute_errors_change_the_forest(trained: Trained) -> None:
    plain = trained(run="plain", model=GBT)
    balanced = trained(run="balanced", model=GBT, train={"class_weights": {"yes": 5.0}})
    # The second class counts five times: so do its odds before any tree is asked.
    before, after = (float(np.asarray(each.model.get_layer("forest").base)[0]) for each in (plain, balanced))
    assert after - before == pytest.approx(np.log(5), abs=1e-6)
    absolute = trained("regression", run="mae", model=GBT, train={"loss": "mae", "epochs": 10})
    squared = trained("regression", run="mse", model=GBT, train={"epochs": 10})
    assert eval_numbers(absolute, "regression")["mae"] == pytest.approx(absolute.state.best, abs=1e-5)
    assert eval_numbers(squared, "regression")["loss"] == pytest.approx(squared.state.best, abs=1e-5)


def test_rows_that_take_too_much_memory_are_refused(trained: Trained) -> None:
    with pytest.raises(UserError) as caught:
        trained(model=GBT, train={"memory_mb": 0})
    assert caught.value.field == ("train", "memory_mb")
    assert "split 'train'" in str(caught.value)


def test_many_trees_are_asked_in_parts(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    done = trained(model=GBT)
    module = ServingModule(done.model, done.data.transform, done.task.job.features, done.data.schema, done.data.train)
    [(inputs, _)] = dataset(done.task.files["test"], done.data.schema, batch_size=1000)

    def asked() -> tuple[Any, list[int]]:
        predictor, sizes = golden._Predictor(done.model, module, done.data, done.task), []
        predict = predictor._predict
        predictor._predict = lambda part: (sizes.append(len(next(iter(part.values())))), predict(part))[1]
        return predictor(inputs), sizes

    whole, sizes = asked()
    assert sizes == [30]
    monkeypatch.setattr("models.gbt._ROWS_TIMES_TREES", 13 * done.model.get_layer("forest").size.trees)
    parts, sizes = asked()
    assert sizes == [13, 13, 4]
    # The forest answers the same to the last bit, the shares made of it nearly.
    np.testing.assert_allclose(parts, whole, rtol=1e-6)


@TASKS
def test_the_export_answers_as_the_trainer_did_with_allowed_operations(
    export_of: Callable[..., Any], task: str
) -> None:
    done = export_of(task, GBT)
    folder = done.artifact / "Format-Serving"
    model = tf.saved_model.load(str(folder))
    serve = model.signatures["serving_default"]
    examples = done.world.serialized("test")
    name = "value" if task == "regression" else "probabilities"
    got = serve(examples=tf.constant(examples))[name].numpy()
    keys = model.signatures["transform_features"](examples=tf.constant(examples))["row_key_xf"].numpy()[:, 0].tolist()
    golden = np.load(done.artifact / "golden/predictions.npz")
    place = {key: row for row, key in enumerate(keys)}
    order = [place[key] for key in golden["row_key"].tolist()]
    np.testing.assert_allclose(got[order], golden[name], rtol=1e-6)
    for size in (0, 1, 7):
        # Whatever the batch: sums in float64, rounded once.
        np.testing.assert_allclose(serve(examples=tf.constant(examples[:size], tf.string))[name], got[:size], rtol=1e-6)
    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((folder / SAVED_MODEL).read_bytes())
    graph = proto.meta_graphs[0].graph_def
    used = {
        node.op for each in [graph, *graph.library.function] for node in getattr(each, "node", None) or each.node_def
    }
    inherited = {node.op for function in graph.library.function for node in function.node_def}
    allowed = {line for line in ALLOWED.read_text().splitlines() if not line.startswith("#")}
    assert (used | inherited) - allowed <= {"Placeholder", "NoOp", "MergeV2Checkpoints", "SaveV2", "RestoreV2"}
    with h5py.File(done.artifact / "training/model.weights.h5") as file:
        assert file["layers/forest/vars"]

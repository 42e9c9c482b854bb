"""The training loop: seeds, early stopping, best weights, going on after a kill, precision, devices."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, log_loss
from support.killed_training import killed_in_epoch

from components.artifacts.budget import BUDGET_FILE, BudgetReport
from components.artifacts.model import TRAINING_FOLDER
from components.trainer.checkpoint import Checkpoint
from components.trainer.data import training_batches
from preprocessing.errors import UserError

pytestmark = [
    pytest.mark.slow,
    # Keras says so when it does not know how many eval batches there are; a user could only wonder.
    pytest.mark.filterwarnings("error:Your input ran out of data"),
]

Prepare = Callable[..., Any]
DROPOUT = {"hidden": [8, 4], "dropout": 0.5, "batch_norm": True}
SEQUENTIAL = {"family": "mlp", "params": DROPOUT}
FUNCTIONAL = {"family": "wide_deep", "params": DROPOUT}
SUBCLASSED = {"family": "dcn", "params": DROPOUT}
MEMBERS = {"family": "tabm", "params": {"k": 3, "width": 8, "dropout": 0.5}}
TRICKS = {
    "schedule": {"name": "coslog4"},
    "rate_multipliers": {"embeddings": 0.5, "biases": 0.1},
    # Never over here: what is left of it travels with the state.
    "budget_minutes": 60,
    "early_stopping": {"monitor": "val_auc_pr", "patience": 9},
}


def assert_same(one: list[Any], other: list[Any]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def differ(one: list[Any], other: list[Any]) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("model", "train"),
    [
        (SEQUENTIAL, {"optimizer": "adamw", "weight_decay": 0.1} | TRICKS),
        # An epoch of 3 steps, a pass of 5 batches: the training goes on in the middle of a pass.
        (FUNCTIONAL, {"optimizer": "sgd", "steps_per_epoch": 3, "schedule": {"name": "cosine", "warmup_steps": 2}}),
        (SUBCLASSED, {"optimizer": "adamw", "mixed_precision": "float16", "weight_decay": 0.1}),
        (MEMBERS, {"early_stopping": {"monitor": "val_auc"}, "memory_mb": 0, "steps_per_epoch": 4}),
    ],
    ids=["sequential", "functional", "subclassed", "members-from-files"],
)
def test_a_killed_training_ends_with_the_same_weights(
    prepare: Prepare, model: dict[str, Any], train: dict[str, Any]
) -> None:
    options = {"model": model, "train": {"epochs": 4, "learning_rate": 0.01} | train}
    uninterrupted = prepare(run="whole", **options).fit()
    with killed_in_epoch(3):
        prepare(run="killed", **options).fit()
    again = prepare(run="killed", **options).fit()
    assert_same(again.weights, uninterrupted.weights)
    # Not only those of the best epoch, which may lie before the kill.
    for each in (uninterrupted, again):
        assert Checkpoint(each.task.checkpoint_dir).restore(each.model).epoch == 4
    assert_same(again.model.variables, uninterrupted.model.variables)  # dropout's random states included
    assert_same(again.model.optimizer.variables, uninterrupted.model.optimizer.variables)
    steps = options["train"].get("steps_per_epoch", 5)
    assert int(again.model.optimizer.iterations) == 4 * steps


def test_steps_at_a_time_are_no_more_than_asked_for(prepare: Prepare) -> None:
    # 22 at a time; with 50 an epoch would have run 150 of them.
    prepared = prepare(train={"epochs": 2, "steps_per_epoch": 110, "learning_rate": 1e-5}).fit()
    assert prepared.model.steps_per_execution == 22
    checkpoint = Checkpoint(prepared.task.checkpoint_dir)
    assert checkpoint.restore(prepared.model).epoch == 2
    assert int(prepared.model.optimizer.iterations) == 220


def test_a_training_that_was_killed_after_its_end_is_not_repeated_but_by_another_job(
    prepare: Prepare, epochs_logged: list[dict[str, float]]
) -> None:
    first = prepare(train={"epochs": 1}).fit()
    again = prepare(train={"epochs": 1}).fit()
    assert len(epochs_logged) == 1
    assert_same(again.weights, first.weights)
    other = prepare(train={"epochs": 1, "learning_rate": 0.002}).fit()
    assert len(epochs_logged) == 2
    assert differ(other.weights, first.weights)


def test_the_seed_decides_on_weights_and_order(prepare: Prepare) -> None:
    def first_keys(prepared: Any) -> list[Any]:
        return [inputs["fixed_number_xf"] for inputs, _, _ in training_batches(prepared.task, prepared.data, 0).take(2)]

    once, again, other = prepare(run="a"), prepare(run="b"), prepare(run="c", seed=2)
    assert_same(again.weights, once.weights)
    assert_same(first_keys(again), first_keys(once))
    assert differ(other.weights, once.weights)
    assert differ(first_keys(other), first_keys(once))


def best_by_hand(values: list[float], patience: int, min_delta: float, better: Callable[[float, float], float]) -> int:
    """The epoch (from 1) that none of the `patience` epochs after it improves on."""
    best, best_epoch, waited = values[0], 1, 0
    for epoch, value in enumerate(values[1:], start=2):
        if better(value, best) > min_delta:
            best, best_epoch, waited = value, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return best_epoch
    raise AssertionError(f"never without improvement for {patience} epochs: {values}")


@pytest.mark.parametrize(
    ("monitor", "min_delta", "rate", "better"),
    [
        ("val_loss", 0.0, 0.3, lambda new, best: best - new),  # a rate so large that the eval split soon gets worse
        ("val_loss", 0.2, 0.005, lambda new, best: best - new),  # one so small that it gets better by little
        ("val_auc", 0.0, 0.3, lambda new, best: new - best),
    ],
)
def test_early_stopping_waits_and_restores_the_best_weights(
    prepare: Prepare,
    epochs_logged: list[dict[str, float]],
    monitor: str,
    min_delta: float,
    rate: float,
    better: Callable[[float, float], float],
) -> None:
    stopping = {"monitor": monitor, "patience": 2, "min_delta": min_delta}
    prepared = prepare(train={"epochs": 60, "learning_rate": rate, "early_stopping": stopping}).fit()
    values = [logs[monitor] for logs in epochs_logged]
    best_epoch = best_by_hand(values, 2, min_delta, better)
    assert len(values) == best_epoch + 2 < 60
    assert not min_delta or values[-1] < values[best_epoch - 1]  # better, but not by min_delta
    restored = prepared.model.evaluate(prepared.data.eval_batches, return_dict=True, verbose=0)
    assert restored[monitor.removeprefix("val_")] == pytest.approx(values[best_epoch - 1], abs=1e-4)


@pytest.mark.parametrize(
    ("task", "monitor"),
    [
        ("binary", "val_log_loss"),
        ("binary", "val_auc_pr"),
        ("multiclass", "val_log_loss"),
        ("multiclass", "val_macro_f1"),
    ],
)
def test_what_is_only_measured_where_it_is_asked_for(
    prepare: Prepare, epochs_logged: list[dict[str, float]], task: str, monitor: str
) -> None:
    train = {"epochs": 1, "label_smoothing": 0.3, "early_stopping": {"monitor": monitor}}
    prepared = prepare(task, train=train).fit()
    [[(inputs, labels, weights)], [logs]] = [list(prepared.data.eval_batches), epochs_logged]
    logits, shares = np.asarray(prepared.model(inputs, training=False)), np.asarray(labels)
    if task == "binary":
        logits, shares = np.hstack([0 * logits, logits]), np.hstack([1 - shares, shares])
    ids, rows = shares.argmax(axis=1), np.ravel(weights)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = {
        "val_log_loss": lambda: log_loss(ids, probabilities, sample_weight=rows),
        "val_auc_pr": lambda: average_precision_score(ids, probabilities[:, 1], sample_weight=rows),
        "val_macro_f1": lambda: f1_score(ids, logits.argmax(axis=1), average="macro", sample_weight=rows),
    }[monitor]()
    # Keras interpolates between the points of the precision-recall curve, scikit-learn does not.
    assert logs[monitor] == pytest.approx(expected, abs=0.04 if monitor == "val_auc_pr" else 1e-4)
    # The loss is smoothed, and nothing else is measured.
    assert logs["val_loss"] != pytest.approx(logs[monitor], abs=1e-3)
    assert not {"val_log_loss", "val_auc_pr", "val_macro_f1"} & (logs.keys() - {monitor})


def budget_of(prepared: Any) -> BudgetReport:
    file = prepared.task.artifact_dir / TRAINING_FOLDER / BUDGET_FILE
    return BudgetReport.model_validate_json(file.read_text())


def test_a_budget_ends_the_training_within_an_epoch_and_says_what_it_cost(
    prepare: Prepare, epochs_logged: list[dict[str, float]], caplog: pytest.LogCaptureFixture
) -> None:
    # 150 steps are run fifty at a time: after each the clock is looked at.
    train = {"epochs": 3, "steps_per_epoch": 150, "learning_rate": 1e-4}
    prepared = prepare(run="cut", train=train | {"budget_minutes": 1e-9}).fit()
    assert int(prepared.model.optimizer.iterations) == 50
    checkpoint = Checkpoint(prepared.task.checkpoint_dir)
    state = checkpoint.restore(prepared.model)
    assert (state.epoch, state.best_epoch, state.stopped, state.out_of_time) == (1, 1, True, True)
    [logs] = epochs_logged
    report = budget_of(prepared)
    assert (report.epochs, report.most_epochs, report.out_of_time, report.trees) == (1, 3, True, None)
    assert (report.monitor, report.value, report.best) == ("val_loss", state.best, state.best)
    assert logs["val_loss"] == pytest.approx(report.value, abs=1e-4)
    assert "train.budget_minutes: 1e-09 min ended the training in epoch 1 of 3" in caplog.text
    # Again, as after a kill behind the last epoch: nothing is left to train.
    again = prepare(run="cut", train=train | {"budget_minutes": 1e-9}).fit()
    assert_same(again.weights, prepared.weights)
    assert len(epochs_logged) == 1


def test_a_budget_that_is_enough_changes_nothing(prepare: Prepare, caplog: pytest.LogCaptureFixture) -> None:
    plain = prepare(run="plain").fit()
    prepared = prepare(run="budget", train={"budget_minutes": 60}).fit()
    assert_same(prepared.weights, plain.weights)
    report = budget_of(prepared)
    assert (report.epochs, report.out_of_time) == (2, False)
    assert "of 60 min were enough" in report.in_words()
    assert "budget_minutes" not in caplog.text
    assert not (plain.task.artifact_dir / TRAINING_FOLDER / BUDGET_FILE).exists()


def test_without_early_stopping_all_epochs_run_and_the_best_is_kept(
    prepare: Prepare, epochs_logged: list[dict[str, float]]
) -> None:
    prepared = prepare(train={"epochs": 8, "learning_rate": 0.5}).fit()
    losses = [logs["val_loss"] for logs in epochs_logged]
    assert len(losses) == 8
    assert min(losses) < losses[-1]  # or the test would prove nothing
    restored = prepared.model.evaluate(prepared.data.eval_batches, return_dict=True, verbose=0)
    assert restored["loss"] == pytest.approx(min(losses), abs=1e-4)


def test_training_learns(prepare: Prepare) -> None:
    before = prepare("regression", train={"epochs": 15, "learning_rate": 0.02})
    loss = before.model.evaluate(before.data.eval_batches, return_dict=True, verbose=0)["loss"]
    after = before.fit().model.evaluate(before.data.eval_batches, return_dict=True, verbose=0)["loss"]
    assert after < 0.6 * loss


def test_clip_norm_bounds_the_step(prepare: Prepare) -> None:
    train = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 1.0, "epochs": 1, "steps_per_epoch": 1}
    prepared = prepare(train=train | {"clip_norm": 0.001})
    before = prepared.weights
    after = prepared.fit().weights
    step = np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)])
    assert np.linalg.norm(step) == pytest.approx(0.001, rel=1e-2)  # the gradient is far longer


def test_a_loss_that_is_no_number_is_the_users_to_fix(prepare: Prepare) -> None:
    train = {"optimizer": "sgd", "learning_rate": 1e30, "epochs": 3}
    prepared = prepare("regression", train=train)
    with pytest.raises(UserError, match="the loss is not a number any more") as error:
        prepared.fit()
    assert "learning_rate" in error.value.hint
    assert not prepared.task.checkpoint_dir.exists()


def test_mixed_precision_stays_with_its_model(prepare: Prepare) -> None:
    prepared = prepare(run="mixed", model=SUBCLASSED, train={"mixed_precision": "bfloat16", "epochs": 1}).fit()
    assert prepared.model.dtype_policy.compute_dtype == "bfloat16"
    assert {weight.dtype.name for weight in prepared.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    plain = prepare(run="plain", model=SUBCLASSED)
    assert {layer.dtype_policy.name for layer in plain.model._flatten_layers()} == {"float32"}


def test_mirrored_on_one_device_says_so_and_goes_on_after_a_kill(
    prepare: Prepare, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"model": SEQUENTIAL, "train": {"epochs": 2}}
    plain = prepare(run="plain", **options).fit()
    options["train"]["distribution"] = "mirrored"
    with killed_in_epoch(2):
        prepare(run="killed", **options).fit()
    assert "mirrored found one device only" in caplog.text
    for a, b in zip(prepare(run="killed", **options).fit().weights, plain.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)

"""Early stopping's bookkeeping, and the options of `train:`, without TensorFlow's help."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.trainer.budget import Budget
from components.trainer.checkpoint import Checkpoint, TrainingState
from components.trainer.config import MONITORS, TrainConfig
from components.trainer.optimizer import group_of
from preprocessing.config import Task


def test_a_state_counts_epochs_since_the_best() -> None:
    state = TrainingState()
    for epoch, (value, improved) in enumerate([(3.0, True), (2.0, True), (2.5, False), (2.1, False)], start=1):
        state.record(epoch, value, improved)
    assert state == TrainingState(epoch=4, best=2.0, best_epoch=2, waited=2, stopped=False, values=[3.0, 2.0, 2.5, 2.1])
    state.record(5, 1.0, True)
    assert (state.best_epoch, state.waited) == (5, 0)


def test_epochs_of_a_release_without_logs_stay_unknown(tmp_path: Path) -> None:
    old = {"epoch": 3, "best": 0.5, "best_epoch": 2, "values": [0.9, 0.5, 0.6]}
    (tmp_path / "state.json").write_text(json.dumps(old))
    state = Checkpoint(tmp_path).state_in(tmp_path)
    state.record(4, 0.4, improved=True)
    state.logs.append({"val_loss": 0.4})
    assert state.logs == [{}, {}, {}, {"val_loss": 0.4}]
    # One of that training's next process has both kinds of epochs.
    (tmp_path / "state.json").write_text(json.dumps(old | {"logs": [{"val_loss": 0.6}]}))
    assert Checkpoint(tmp_path).state_in(tmp_path).logs == [{}, {}, {"val_loss": 0.6}]


@pytest.mark.parametrize(
    ("epoch", "stopped", "finished"), [(0, False, False), (4, False, False), (5, False, True), (2, True, True)]
)
def test_when_nothing_is_left_to_train(epoch: int, stopped: bool, finished: bool) -> None:
    assert TrainingState(epoch=epoch, stopped=stopped).finished(TrainConfig(epochs=5)) is finished


@pytest.mark.parametrize(
    "section",
    [
        {"batch_size": 0},
        {"epochs": 0},
        {"learning_rate": 0},
        {"optimizer": "adamax"},
        {"clip_norm": 0},
        {"momentum": 1},
        {"label_smoothing": 1},
        {"class_weights": {"a": 0}},
        {"class_weights": "balance"},
        {"schedule": {"name": "constant", "final_fraction": 0.1}},
        {"schedule": {"name": "coslog4", "final_fraction": 0.1}},
        {"schedule": {"name": "exponential", "decay_rate": 1.5}},
        {"early_stopping": {"patience": 0}},
        {"early_stopping": {"monitor": "loss"}},
        {"rate_multipliers": {"biases": 0}},
        {"rate_multipliers": {"norms": 1}},
        {"budget_minutes": 0},
        {"mixed_precision": "float64"},
        {"distribution": "tpu"},
        {"learning_rat": 0.1},
    ],
)
def test_options_that_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainConfig.model_validate_json(json.dumps(section))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_a_training_may_be_stopped_by(task: Task) -> None:
    higher = {name for name in MONITORS[task] if judged_by(name)[1]}
    assert higher == {name for name in MONITORS[task] if not re.search("loss|rmse|mae", name)}
    assert "val_loss" in MONITORS[task]


def judged_by(monitor: str) -> tuple[str, bool]:
    return TrainConfig.model_validate({"early_stopping": {"monitor": monitor}}).judged_by()


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("kernel", "weights"),
        ("bias", "biases"),
        ("head_bias", "biases"),
        ("beta", "biases"),
        ("gamma", "norms"),
        ("embeddings", "embeddings"),
        ("town_table", "weights"),
    ],
)
def test_what_a_variable_is(name: str, group: str) -> None:
    assert group_of(name) == group


def test_a_budget_goes_on_from_what_was_spent_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("components.trainer.budget.time.monotonic", lambda: now)
    state = TrainingState(epoch=3, values=[3.0, 2.0, 1.0], seconds=50.0)
    budget = Budget(TrainConfig(epochs=5, budget_minutes=1), state)
    now += 9
    assert not budget.over()
    budget.note()
    assert (state.seconds, state.stopped, state.out_of_time) == (59.0, False, False)
    # To measure an epoch took 2 seconds, which an epoch that ends now will take again.
    budget.measured(2)
    budget.measured(1)
    assert budget.over()
    now += 1
    budget.note()
    assert (state.seconds, state.stopped, state.out_of_time) == (60.0, True, True)


def test_a_training_that_has_ended_is_not_out_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("components.trainer.budget.time.monotonic", lambda: now)
    for state in (TrainingState(epoch=5), TrainingState(epoch=2, stopped=True)):
        budget = Budget(TrainConfig(epochs=5, budget_minutes=1), state)
        now += 100
        budget.note()
        assert (state.out_of_time, state.seconds) == (False, 100.0)
    unbounded = Budget(TrainConfig(epochs=5), TrainingState(seconds=1e9))
    assert not unbounded.over()

"""Early stopping's bookkeeping, and the options of `train:`, without TensorFlow's help."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.trainer.build import by_xla
from components.trainer.checkpoint import TrainingState
from components.trainer.config import TrainConfig


def test_a_state_counts_epochs_since_the_best() -> None:
    state = TrainingState()
    for epoch, (value, improved) in enumerate([(3.0, True), (2.0, True), (2.5, False), (2.1, False)], start=1):
        state.record(epoch, value, improved)
    assert state == TrainingState(epoch=4, best=2.0, best_epoch=2, waited=2, stopped=False)
    state.record(5, 1.0, True)
    assert (state.best_epoch, state.waited) == (5, 0)


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
        {"schedule": {"name": "exponential", "decay_rate": 1.5}},
        {"early_stopping": {"patience": 0}},
        {"early_stopping": {"monitor": "loss"}},
        {"mixed_precision": "float64"},
        {"distribution": "tpu"},
        {"distribution": "mirrored", "xla": "always"},
        {"learning_rat": 0.1},
    ],
)
def test_options_that_are_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TrainConfig.model_validate_json(json.dumps(section))


@pytest.mark.parametrize(
    ("train", "steps", "own", "expected"),
    [
        ({"epochs": 10}, 300, False, True),
        ({"epochs": 10}, 299, False, False),
        ({"epochs": 1}, 10**6, True, False),
        ({"epochs": 10, "distribution": "mirrored"}, 10**6, False, False),
        ({"epochs": 1, "xla": "always"}, 1, True, True),
        ({"epochs": 10, "xla": "never"}, 10**6, False, False),
    ],
)
def test_xla_compiles_what_is_worth_it(train: dict[str, Any], steps: int, own: bool, expected: bool) -> None:
    assert by_xla(TrainConfig(**train), steps, own=own) is expected

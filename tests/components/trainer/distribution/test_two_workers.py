"""Two processes that train together: one is killed, the next run goes on, and the end is that of one process.

The next run is as on two machines: a Trainer on each, which TF_CONFIG tells of the other.
"""

import contextlib
import dataclasses
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.forked_workers import TOGETHER, running
from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer.checkpoint import Checkpoint, TrainingState
from components.trainer.data import load_data
from components.trainer.distribution import together
from components.trainer.distribution.cluster import Worker, on_this_machine
from components.trainer.distribution.messages import Alive
from components.trainer.distribution.together import train_together
from components.trainer.run_fn import run_fn
from components.trainer.task import TrainingTask
from components.trainer.training import train
from preprocessing.errors import UserError

pytestmark = pytest.mark.slow

# A dictionary of inputs, an embedding, batch normalisation, a penalty; rows have weights.
MODEL = {
    "family": "wide_deep",
    "params": {"hidden": [8], "batch_norm": True, "one_hot_max": 2, "l2": 0.001},
}
TRAIN = {
    "epochs": 9,
    "early_stopping": {"monitor": "val_auc", "patience": 2, "min_delta": 0.03},
    "class_weights": "balanced",
    "clip_norm": 0.5,
    "tensorboard": True,
}
TWO = {"distribution": "multi_worker", "workers": 2, "worker_timeout_seconds": 240}


_ELSEWHERE = """
import json, sys
from tfx.components.trainer.fn_args_utils import FnArgs
from components.trainer.run_fn import run_fn
run_fn(FnArgs(**json.loads(sys.argv[1])))
"""


class _Listener(logging.Handler):
    """Hears all that the trainer logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listens within the block."""
        logger = logging.getLogger("lockgate")
        level = logger.level
        logger.addHandler(self)
        logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            logger.removeHandler(self)
            logger.setLevel(level)


class _Killer(_Listener):
    """Kills worker 1 with SIGKILL in the third epoch: the second one is stored."""

    def __init__(self) -> None:
        super().__init__()
        self._worker = 0

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        message = self.lines[-1]
        if started := re.search(r"worker 1 of 2 is process (\d+)", message):
            self._worker = int(started[1])
        if "epoch 3/" in message and self._worker:
            os.kill(self._worker, signal.SIGKILL)
            self._worker = 0


class _Two(NamedTuple):
    """What became of the two trainings."""

    error: UserError
    killed_after: int
    lines: list[str]
    log: list[str]
    state: TrainingState
    task: TrainingTask
    model: keras.Model
    one: TrainingState
    one_model: keras.Model
    artifact: Path
    waited: bool


@pytest.fixture(scope="module")
def two(
    fn_args_of: Callable[..., Any], worker_command: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> _Two:
    folder = tmp_path_factory.mktemp("two")
    examples = _even(Path(fn_args_of("binary", folder).train_files[0]).parent.parent, folder / "examples")
    options = {"model": MODEL, "examples": examples}
    task = TrainingTask.parse(fn_args_of("binary", folder / "one", **options, train=TRAIN), folder / "scratch")
    one_model, one = train(task, load_data(task))

    args = fn_args_of("binary", folder / "two", **options, train=TRAIN | TWO)
    task = TrainingTask.parse(args, folder / "scratch")
    killer = _Killer()
    with killer.listening(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(together, "_COMMAND", running(worker_command, TOGETHER))
        with pytest.raises(UserError) as caught:
            train_together(task)
        checkpoint, lines = Checkpoint(task.checkpoint_dir), len(killer.lines)
        killed_after = checkpoint.state_in(checkpoint.newest() or Path()).epoch
        # Now as on two machines, which TF_CONFIG names; this one is worker 0's.
        machines = TRAIN | {"distribution": "multi_worker", "worker_timeout_seconds": 200}
        args_there = fn_args_of("binary", folder / "two", **options, train=machines)
        with on_this_machine(2) as (here, there):
            other = _run_fn_elsewhere(args_there, there)
            patch.setenv("TF_CONFIG", here.tf_config)
            assert train_together(TrainingTask.parse(args_there, folder / "scratch")), "worker 0 is here"
    state = checkpoint.state_in(checkpoint.newest() or Path())
    model, _ = train(task, load_data(task))
    waits = other.poll() is None
    # As after a kill in the export: nothing is left to train.
    run_fn(args)
    assert other.wait(120) == 0
    return _Two(
        error=caught.value,
        killed_after=killed_after,
        lines=killer.lines[:lines],
        log=killer.lines[lines:],
        state=state,
        task=task,
        model=model,
        one=one,
        one_model=one_model,
        artifact=task.artifact_dir,
        waited=waits,
    )


def _run_fn_elsewhere(args: FnArgs, worker: Worker) -> "subprocess.Popen[bytes]":
    """The whole Trainer of another machine."""
    environment = os.environ | {"TF_CONFIG": worker.tf_config, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    told = json.dumps({name: value for name, value in vars(args).items() if value is not None})
    return subprocess.Popen([sys.executable, "-c", _ELSEWHERE, told], env=environment)


def _even(examples: Path, folder: Path) -> Path:
    """The table without one row with a label of the 137 to train on, whose batches two can't divide."""
    zipped = tf.io.TFRecordOptions(compression_type="GZIP")
    for path in sorted(examples.rglob("*.gz")):
        copy = folder / path.relative_to(examples)
        copy.parent.mkdir(parents=True, exist_ok=True)
        rows = list(tf.data.TFRecordDataset(str(path), compression_type="GZIP").as_numpy_iterator())
        with tf.io.TFRecordWriter(str(copy), zipped) as writer:
            for row in rows[1:] if path.parent.name == "Split-train" and "00000-of" in path.name else rows:
                writer.write(row)
    return folder


def test_a_killed_worker_ends_the_training_with_a_clear_line(two: _Two) -> None:
    assert "worker 1 of 2 ended (SIGKILL)" in two.error.message
    assert "1 other worker stopped" in two.error.message
    assert two.error.hint.endswith(f"goes on after epoch-{two.killed_after:06d}")


_SILENT = """
import os, signal, sys
sys.stdin.readline()
print(sys.argv[1], flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


def test_workers_that_stand_still_end_the_training(
    fn_args_of: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "_COMMAND", (sys.executable, "-I", "-S", "-c", _SILENT, Alive().model_dump_json()))
    task = TrainingTask.parse(fn_args_of("binary", tmp_path, train=TRAIN | TWO), tmp_path / "scratch")
    # The configuration allows no less than ten seconds.
    patience = task.job.train.model_copy(update={"worker_timeout_seconds": 1})
    task = dataclasses.replace(task, job=task.job.model_copy(update={"train": patience}))
    listener = _Listener()
    with listener.listening(), pytest.raises(UserError) as caught:
        train_together(task)
    assert caught.value.message == "training: worker 0 of 2, worker 1 of 2 said nothing for 1 s; all were stopped"
    assert caught.value.field == ("train", "worker_timeout_seconds")
    assert caught.value.hint.endswith("A new run goes on after the last epoch")
    processes = re.findall(r"is process (\d+)", "\n".join(listener.lines))
    assert len(processes) == 2
    assert not [each for each in processes if Path("/proc", each).exists()], "SIGTERM does not end such a process"


def test_the_next_run_goes_on_after_the_last_epoch(two: _Two) -> None:
    assert two.killed_after == 2
    assert any(f"goes on after epoch {two.killed_after}" in line for line in two.log)
    assert not any("epoch 2/" in line for line in two.log)
    assert any("epoch 4/" in line for line in two.log)


def test_losses_metrics_and_the_early_stop_are_those_of_one_process(two: _Two) -> None:
    assert two.one.stopped
    assert 3 < two.one.epoch < TRAIN["epochs"]
    assert (two.state.stopped, two.state.epoch, two.state.best_epoch) == (True, two.one.epoch, two.one.best_epoch)
    assert len(two.state.logs) == two.one.epoch
    for pair, alone in zip(two.state.logs, two.one.logs, strict=True):
        assert pair.keys() == alone.keys() >= {"loss", "accuracy", "auc", "val_loss", "val_accuracy", "val_auc"}
        assert pair == pytest.approx(alone, abs=1e-6)


def test_weights_are_those_of_one_process(two: _Two) -> None:
    weights = zip(two.model.get_weights(), two.one_model.get_weights(), strict=True)
    for of_two, alone in weights:
        np.testing.assert_allclose(of_two, alone, rtol=0, atol=1e-6)


def test_worker_0_alone_leaves_a_model(two: _Two) -> None:
    assert two.waited, "TFX would call a step without a model failed"
    assert (two.artifact / "Format-Serving" / "saved_model.pb").is_file()
    assert sorted(path.name for path in two.artifact.parent.iterdir()) == ["1"]
    assert not two.task.checkpoint_dir.parent.exists(), "the workers' folders are gone"
    assert len(list(two.task.log_dir.rglob("events.out*"))) >= 2

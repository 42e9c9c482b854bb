"""The state of an unfinished training on disk: complete after every epoch, never half written."""

import json
import os
import posixpath
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import tensorflow as tf

from components.trainer import remote
from components.trainer.config import TrainConfig


@dataclass
class TrainingState:
    """Where a training stands.

    Attributes:
      epoch: finished epochs.
      values: the monitored value of each.
      best: the best monitored value, and the epoch (from 1) that reached it.
      waited: epochs since then.
      stopped: early stopping or a budget has ended it.
      seconds: what the training took up to the last epoch, in all of its processes.
      out_of_time: its budget has ended it.
      logs: what each epoch came to, for curves of all of them; empty for one of which that is not known.
    """

    epoch: int = 0
    best: float = 0.0
    best_epoch: int = 0
    waited: int = 0
    stopped: bool = False
    values: list[float] = field(default_factory=list)
    seconds: float = field(default=0.0, compare=False)
    out_of_time: bool = False
    logs: list[dict[str, float]] = field(default_factory=list, compare=False)

    def record(self, epoch: int, value: float, improved: bool) -> None:
        """Takes note of a finished epoch."""
        self.epoch = epoch
        self.values.append(value)
        self.waited = 0 if improved else self.waited + 1
        if improved:
            self.best, self.best_epoch = value, epoch

    def repeat(self) -> None:
        """Takes note of an epoch that had nothing to do: it counts neither as a gain nor as a wait for one."""
        self.epoch += 1
        self.values.append(self.values[-1])
        self.logs.append({})

    def finished(self, config: TrainConfig) -> bool:
        """Whether there is nothing left to train."""
        return self.stopped or self.epoch >= config.epochs


class Checkpoint:
    """Progress of one training and what it needs to go on, in a folder of its own.

    Each epoch writes a numbered sub-folder under a temporary name and renames it, so that the newest one is
    always whole; the older one is removed after that. Where the folder goes with its machine, a mirror at a URL
    or on another disk follows it: there a sub-folder is whole once it holds the state, which is copied last.
    """

    _WEIGHTS = "last.weights.h5"
    _BEST = "best.weights.h5"
    _STATE = "state.json"
    _RANDOM = "random.json"

    def __init__(self, folder: Path, mirror: str | None = None) -> None:
        """`mirror` is the URL or the path of the folder's copy; None keeps none."""
        self.folder = folder
        self._mirror = mirror

    def restore(self, model: keras.Model) -> TrainingState:
        """Loads the newest state into a compiled model with a built optimizer; a fresh state when there is none.

        Raises:
          tensorflow.errors.OpError: the mirror can't be read.
        """
        newest = self.newest()
        if newest is None:
            return TrainingState()
        model.load_weights(newest / self._WEIGHTS)
        for variable, value in zip(_random_states(model), json.loads((newest / self._RANDOM).read_text()), strict=True):
            variable.assign(value)
        return self.state_in(newest)

    def newest(self) -> Path | None:
        """The newest sub-folder, from the mirror where this machine has none; None for a new training.

        Raises:
          tensorflow.errors.OpError: the mirror can't be read.
        """
        if self._mirror is not None and self._newest() is None:
            self._fetch(self._mirror)
        return self._newest()

    def state_in(self, newest: Path) -> TrainingState:
        """The progress that a sub-folder holds.

        One of an earlier release has no `logs` for its first epochs: they stay unknown, and the others in their places.
        """
        state = TrainingState(**json.loads((newest / self._STATE).read_text()))
        state.logs[:0] = [{}] * (state.epoch - len(state.logs))
        return state

    def save(self, model: keras.Model, state: TrainingState, improved: bool) -> None:
        """Writes weights, optimizer, random states and progress after an epoch.

        Raises:
          OSError, tensorflow.errors.OpError: as `write`.
        """

        def fill(folder: Path, previous: Path | None) -> None:
            model.save_weights(folder / self._WEIGHTS)
            best = folder if improved or previous is None else previous
            shutil.copyfile(best / (self._WEIGHTS if best is folder else self._BEST), folder / self._BEST)
            random = [keras.ops.convert_to_numpy(variable).tolist() for variable in _random_states(model)]
            (folder / self._RANDOM).write_text(json.dumps(random))

        self.write(state, fill)

    def write(self, state: TrainingState, fill: Callable[[Path, Path | None], None]) -> None:
        """Writes the sub-folder of an epoch.

        Args:
          state: where the training stands.
          fill: writes what else belongs to it into a folder, given the sub-folder of the epoch before.

        Raises:
          OSError: the disk is full, or the folder can't be written.
          tensorflow.errors.OpError: the mirror can't be written.
        """
        previous = self._newest()
        temporary = self.folder / f".writing-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        fill(temporary, previous)
        (temporary / self._STATE).write_text(json.dumps(asdict(state)))
        newest = temporary.rename(self.folder / f"epoch-{state.epoch:06d}")
        if previous is not None:
            shutil.rmtree(previous)
        if self._mirror is not None:
            self._send(newest, self._mirror)

    def load_best(self, model: keras.Model) -> None:
        """Loads the weights of the best epoch."""
        newest = self._newest()
        if newest is not None:
            model.load_weights(newest / self._BEST)

    def remove(self) -> None:
        """Forgets this training, and those that were given up: a run has its root for itself."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        if self._mirror is not None:
            remote.remove(posixpath.dirname(self._mirror))

    def _send(self, newest: Path, mirror: str) -> None:
        remote.upload(newest, posixpath.join(mirror, newest.name), last=self._STATE)
        for name in remote.folders(mirror):
            if name != newest.name:
                remote.remove(posixpath.join(mirror, name))

    def _fetch(self, mirror: str) -> None:
        whole = [
            name for name in remote.folders(mirror) if tf.io.gfile.exists(posixpath.join(mirror, name, self._STATE))
        ]
        if not whole:
            return
        newest = max(whole)
        temporary = self.folder / f".fetching-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        remote.download(posixpath.join(mirror, newest), temporary)
        temporary.rename(self.folder / newest)

    def _newest(self) -> Path | None:
        return max(self.folder.glob("epoch-*"), default=None)


def _random_states(model: keras.Model) -> list[keras.Variable]:
    """The states of dropout and its like, which `save_weights` leaves out."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]

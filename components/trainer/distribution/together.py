"""The workers of a training, started, listened to and ended; whoever starts them makes the model of what is stored."""

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import tensorflow as tf

from components.progress import COMPONENT
from components.trainer.checkpoint import Checkpoint
from components.trainer.distribution.cluster import VARIABLE, Worker, on_this_machine
from components.trainer.distribution.messages import MESSAGE, Alive, Ended, Order, Said
from components.trainer.task import TrainingTask
from preprocessing.errors import UserError
from preprocessing.text import counted, listed

logger = logging.getLogger("lockgate")

_COMMAND = (sys.executable, "-m", "components.trainer.distribution.worker")
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_SAY_WHY = 5.0
"""A worker that lost another one often says so before the end of that one is seen."""
_SECONDS_TO_END = 60.0


def train_together(task: TrainingTask) -> bool:
    """Has the workers of this machine train, with those of others.

    Args:
      task: the training; its state is that of worker 0 afterwards, and finished.

    Returns:
      Whether this machine has worker 0, and makes the model of it.

    Raises:
      UserError: a worker has ended or hangs, or the training can't be done; a new run goes on after the last epoch.
    """
    config = task.job.train
    with ExitStack() as stack:
        if config.workers is not None:
            workers = stack.enter_context(on_this_machine(config.workers))
        else:
            workers = [_of_environment()]
        if _finished(task):
            return workers[0].rank == 0
        processes = stack.enter_context(_Processes(workers, task))
        processes.run(config.worker_timeout_seconds)
    return workers[0].rank == 0


def wait_for_export(task: TrainingTask) -> None:
    """Waits until worker 0 has exported: TFX takes a step that leaves no model for failed, on every machine.

    Raises:
      UserError: there is none after `train.worker_timeout_seconds`.
    """
    path = task.exported_file
    until = time.monotonic() + task.job.train.worker_timeout_seconds
    while not tf.io.gfile.exists(path):
        if time.monotonic() > until:
            raise UserError(
                f"worker 0 has exported no model to {path}",
                hint="look into its log, or raise train.worker_timeout_seconds",
            )
        time.sleep(1)


def _of_environment() -> Worker:
    worker = Worker.from_environment()
    if worker is None:
        raise UserError(
            f"multi_worker has no workers: {VARIABLE} names no other machine",
            field=("train", "workers"),
            hint="set it for processes on this machine, or run on worker pools (Vertex: trainer.replicas)",
        )
    return worker


def _finished(task: TrainingTask) -> bool:
    # Killed in the export: nothing is left to train. Where others can't see that, they would wait.
    if task.job.train.workers is None:
        return False
    checkpoint = Checkpoint(task.checkpoint_dir, task.checkpoint_mirror)
    newest = checkpoint.newest()
    return newest is not None and checkpoint.state_in(newest).finished(task.job.train)


class _Process:
    """One worker's process, and what it said last."""

    def __init__(
        self, order: Order, environment: dict[str, str], said: "queue.Queue[tuple[_Process, str | None]]"
    ) -> None:
        self.worker = order.worker
        self.ended: Ended | None = None
        self.code: int | None = None
        self.joined = False
        self.heard = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env=environment
        )
        threading.Thread(target=self._listen, args=(said,), daemon=True).start()
        if self._process.stdin is None:
            raise RuntimeError("the worker has no stdin")
        try:
            self._process.stdin.write(f"{order.model_dump_json()}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; its listener says so

    def _listen(self, said: "queue.Queue[tuple[_Process, str | None]]") -> None:
        for line in self._process.stdout or ():
            said.put((self, line))
        self.code = self._process.wait()
        said.put((self, None))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def name(self) -> str:
        return f"worker {self.worker.rank} of {self.worker.of}"

    def how(self) -> str:
        """How its process ended, in words."""
        code = self.code or 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def wait(self) -> None:
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.stop()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class _Processes:
    """The workers that this process starts. A context manager: none is running afterwards."""

    def __init__(self, workers: Sequence[Worker], task: TrainingTask) -> None:
        self._said: queue.Queue[tuple[_Process, str | None]] = queue.Queue()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._task = task
        self._all = list[_Process]()
        for worker in workers:
            order = Order(worker=worker, task=task, speaks=worker is workers[0])
            process = _Process(order, environment, self._said)
            logger.info("train: %s is process %d", process.name, process.pid)
            self._all.append(process)

    def run(self, patience: int) -> None:
        """Listens until all have trained to the end.

        Args:
          patience: seconds that each may say nothing.

        Raises:
          UserError: one has ended before, says that something is wrong, or says nothing.
        """
        while any(each.ended is None for each in self._all):
            now = time.monotonic()
            silent = [each for each in self._all if each.ended is None and now - each.heard > patience]
            if silent:
                raise self._silence(silent, patience)
            failed = self._hear(_SECONDS_BETWEEN_LOOKS)
            if failed is not None:
                raise self._failure(failed)
        for each in self._all:
            each.wait()

    def _hear(self, seconds: float) -> _Process | None:
        """Takes note of one line; returns the process where it is of one that can't go on."""
        try:
            process, line = self._said.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            return process if process.ended is None else None
        process.heard = time.monotonic()
        message = MESSAGE.validate_json(line)
        if isinstance(message, Ended):
            process.ended = message
            return process if message.how != "trained" else None
        if isinstance(message, Said):
            extra = {COMPONENT: message.component} if message.component else {}
            logging.getLogger(message.logger).log(message.level, "%s", message.text, extra=extra)
        elif isinstance(message, Alive):
            process.joined = True
        return None

    def _failure(self, first: _Process) -> Exception:
        """What to tell of a training that one worker has ended, or has lost another one in."""
        failed = [first]
        until = time.monotonic() + _SECONDS_TO_SAY_WHY
        while not _explains(failed[-1]) and len(failed) < len(self._all) and time.monotonic() < until:
            other = self._hear(_SECONDS_BETWEEN_LOOKS)
            if other is not None and other not in failed:
                failed.append(other)
        culprit = next((each for each in failed if _explains(each)), first)
        ended = culprit.ended
        if ended is not None and ended.how == "mistake":
            return ended.mistake()
        if ended is not None and ended.how == "bug":
            return RuntimeError(f"{culprit.name}:\n{ended.message}")
        how = f"ended ({culprit.how()})" if ended is None else f"lost another worker: {ended.message}"
        return UserError(
            f"training: {culprit.name} {how}; {_stopped(len(self._all) - 1)}",
            hint=f"was there enough memory on its machine? A new run {self._goes_on()}",
        )

    def _silence(self, silent: Sequence[_Process], patience: int) -> UserError:
        names = listed([each.name for each in silent])
        waited = "" if all(each.joined for each in silent) else " before all had joined: can they reach each other?"
        return UserError(
            f"training: {names} said nothing for {patience} s{waited}; all were stopped",
            field=("train", "worker_timeout_seconds"),
            hint=f"raise it if a step, or the measuring of the eval split, takes longer. A new run {self._goes_on()}",
        )

    def _goes_on(self) -> str:
        newest = Checkpoint(self._task.checkpoint_dir).newest()
        return "goes on after the last epoch" if newest is None else f"goes on after {newest.name}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._all:
            each.stop()


def _explains(process: _Process) -> bool:
    """Whether its end has a reason of its own: TensorFlow aborts a worker that has lost another one."""
    if process.ended is not None:
        return process.ended.how != "lost"
    return process.code != -signal.SIGABRT


def _stopped(others: int) -> str:
    return f"{counted(others, 'other worker')} stopped" if others else "this machine's part has ended"

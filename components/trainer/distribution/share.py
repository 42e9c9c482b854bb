"""One worker's part of a training: the same `fit` as for one process, under MultiWorkerMirroredStrategy."""

import dataclasses
import logging
import shutil

import keras
import tensorflow as tf

from components.trainer.build import build
from components.trainer.checkpoint import Checkpoint
from components.trainer.data import TrainingData, load_data, training_batches
from components.trainer.distribution import keras_private
from components.trainer.distribution.agreement import told_by_all
from components.trainer.distribution.cluster import Worker
from components.trainer.fit import fit
from components.trainer.task import TrainingTask
from preprocessing.errors import UserError

logger = logging.getLogger("lockgate")


def join(worker: Worker) -> tf.distribute.MultiWorkerMirroredStrategy:
    """Waits until all workers are there. Before anything else is asked of TensorFlow; TF_CONFIG is in the environment.

    Raises:
      UserError: fewer GPUs than workers that share them.
      tensorflow.errors.OpError: another worker has ended, or a port is taken.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and worker.beside > 1:
        if len(gpus) < worker.beside:
            raise UserError(
                f"this machine has {len(gpus)} GPU, and each worker needs its own",
                field=("train", "workers"),
                received=worker.beside,
                hint="set train.distribution to none for one GPU, or to mirrored for all of this machine",
            )
        tf.config.set_visible_devices(gpus[worker.rank :: worker.beside], "GPU")
    return tf.distribute.MultiWorkerMirroredStrategy()


def train_share(worker: Worker, task: TrainingTask, strategy: tf.distribute.MultiWorkerMirroredStrategy) -> None:
    """Trains with the others to the end; the state of worker 0's training is the result.

    Args:
      worker: this one.
      task: the training.
      strategy: what `join` gave.

    Raises:
      UserError: as `fit`, or the batches can't be divided evenly.
      tensorflow.errors.OpError: another worker has ended.
    """
    data = load_data(task, strategy.num_replicas_in_sync)
    _check(task, data)
    with strategy.scope():
        model = build(task, data)
        _together(model)
        # Keras looks at one batch to make the variables of its metrics.
        keras_private.let_fit(model, next(iter(training_batches(task, data, first_batch=0))))
        fit(model, data, _going_on(worker, task))


def _check(task: TrainingTask, data: TrainingData) -> None:
    size, shares = task.job.train.batch_size, data.shares
    if size % shares:
        raise UserError(
            f"can't be divided evenly among {shares} replicas (workers times their GPUs)",
            field=("train", "batch_size"),
            received=size,
            hint=f"use {size + -size % shares}",
        )
    if data.batches_per_pass == 0:
        raise UserError(
            f"{task.named('train')} has {data.train.labelled} rows with a label, fewer than there are replicas",
            field=("train", "distribution"),
            received="multi_worker",
            hint="set it to none",
        )


def _together(model: keras.Model) -> None:
    """Batch normalisation over the whole batch, as one process has it, not over each worker's part."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _going_on(worker: Worker, task: TrainingTask) -> TrainingTask:
    """The training with a folder of this worker's own for its state, which begins as worker 0's: see `fit`.

    Where the workers see different states of worker 0, because their machines share no place for it, all begin anew.
    """
    first = Checkpoint(task.checkpoint_dir, task.checkpoint_mirror)
    newest = first.newest()
    epochs = told_by_all(0.0 if newest is None else float(first.state_in(newest).epoch))
    if len(set(epochs)) > 1:
        logger.warning(
            "training begins anew: its workers found the states of epochs %s; they need a place that all of them see",
            ", ".join(f"{epoch:.0f}" for epoch in epochs),
        )
        first.remove()
        newest = None
    if worker.rank == 0:
        return task
    folder = task.checkpoint_dir / f"worker-{worker.rank}"
    shutil.rmtree(folder, ignore_errors=True)
    own = dataclasses.replace(
        task,
        # The state lies two folders above the Model artifact.
        serving_dir=folder / "Trainer" / "model" / "serving",
        log_dir=folder / "logs",
        remote=None,
        checkpoints=None,
    )
    if newest is not None:
        shutil.copytree(newest, own.checkpoint_dir / newest.name)
    return own

"""The steps of a cross-validation that train: each fold, and the model that is exported in the end.

They are the Trainer's own training, with other rows: nothing here fits or exports in a way of its own.
"""

import dataclasses
import posixpath
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.artifacts.cross_validation import (
    FOLD_FILE,
    FOLDS_FILE,
    HELD_OUT_FILE,
    FoldReport,
    FoldReports,
    member_file,
)
from components.artifacts.golden import prediction_name
from components.artifacts.model import TRAINING_FOLDER, WEIGHTS_FILE
from components.trainer.average import average
from components.trainer.checkpoint import Checkpoint, TrainingState
from components.trainer.data import TrainingData
from components.trainer.export import export
from components.trainer.remote import upload
from components.trainer.signatures import inverse, serving_outputs
from components.trainer.task import TrainingTask
from components.trainer.training import train as trained
from components.trainer.training import weights_size, with_weights
from models.gbt import rows_at_once
from preprocessing.features import LABEL, WEIGHT
from preprocessing.input_pipeline import dataset

_BATCH = 1024


def train(task: TrainingTask, data: TrainingData) -> None:
    """Trains one fold and leaves its weights, its report, and its predictions of the rows that it holds out.

    Raises:
      UserError: the loss is no longer a number.
      OSError: the disk is full, or the folder can't be written.
      tensorflow.errors.OpError: the URL can't be written.
    """
    model, state = trained(task, data)
    # TFX's Trainer looks for the folder of a model that is served; nothing else looks there for one that is not.
    folder = task.serving_dir
    folder.mkdir(parents=True, exist_ok=True)
    model.save_weights(folder / WEIGHTS_FILE)
    with (folder / HELD_OUT_FILE).open("wb") as file:
        np.savez(file, **_held_out(model, task, data))
    (folder / FOLD_FILE).write_text(_report(task, data, model, state).model_dump_json(indent=1), encoding="utf-8")
    if task.remote is not None:
        upload(task.log_dir, task.remote.logs)
        upload(task.artifact_dir, task.remote.model, last=posixpath.join(folder.name, FOLD_FILE))
    Checkpoint(task.checkpoint_dir, task.checkpoint_mirror).remove()


def refit(task: TrainingTask, data: TrainingData) -> None:
    """Trains on all rows of the folds, for as many epochs as they found best, and exports.

    Raises:
      UserError, OSError, tensorflow.errors.OpError: as `train`.
    """
    model, _ = trained(task, data, epochs=_reports(task).epochs())
    export(model, data, task)


def export_together(task: TrainingTask, data: TrainingData) -> None:
    """Exports the models of all folds as one; nothing is trained.

    Raises:
      OSError, tensorflow.errors.OpError: as `train`.
    """
    reports = _reports(task).folds
    members = [
        with_weights(
            task, on_scale_of(report, data), posixpath.join(_folder(task), member_file(report.fold)), report.size
        )
        for report in reports
    ]
    scales = [(report.mean, report.std) for report in reports]
    model = average(members, scales, (data.train.mean, data.train.std), task.job.features.label.task, data.schema)
    export(model, data, task, members=len(members))


def on_scale_of(report: FoldReport, data: TrainingData) -> TrainingData:
    """The data as a fold's model is to see it: some families keep their answers within the range of the labels."""
    return dataclasses.replace(data, train=dataclasses.replace(data.train, mean=report.mean, std=report.std))


def _held_out(model: keras.Model, task: TrainingTask, data: TrainingData) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of `components.artifacts.cross_validation.HELD_OUT`."""
    label = task.job.features.label
    name = prediction_name(label.task)

    def predict(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        return serving_outputs(model(inputs, training=False), label, data.schema.classes, data.train)[name]

    traced = tf.function(predict, reduce_retracing=True)
    labels, predictions, weights = [], [], []
    for inputs, targets in dataset(data.eval_rows, data.schema, batch_size=rows_at_once(model, _BATCH)):
        raw = tf.cast(targets[LABEL][:, 0], tf.float64)
        labels.append((inverse(label)(raw) if label.task == "regression" else raw).numpy())
        predictions.append(traced(inputs).numpy())
        weights.append(targets[WEIGHT][:, 0].numpy() if WEIGHT in targets else np.ones(len(raw)))
    return {
        "label": np.concatenate(labels),
        "prediction": np.concatenate(predictions),
        "weight": np.concatenate(weights).astype(np.float64),
    }


def _report(task: TrainingTask, data: TrainingData, model: keras.Model, state: TrainingState) -> FoldReport:
    return FoldReport(
        fold=task.job.folds.fold if task.job.folds is not None else 0,
        train_rows=data.train.labelled,
        held_out_rows=data.eval_labelled,
        epochs=state.epoch,
        best_epoch=state.best_epoch,
        monitor=task.job.train.judged_by()[0],
        best=state.best,
        mean=data.train.mean,
        std=data.train.std,
        size=weights_size(task, model),
    )


def _folder(task: TrainingTask) -> str:
    if task.folds_dir is None:
        raise ValueError("the Trainer was not given what the folds came to")
    return posixpath.join(task.folds_dir, TRAINING_FOLDER)


def _reports(task: TrainingTask) -> FoldReports:
    with tf.io.gfile.GFile(posixpath.join(_folder(task), FOLDS_FILE)) as file:
        return FoldReports.model_validate_json(file.read())

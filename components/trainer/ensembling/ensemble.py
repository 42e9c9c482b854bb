"""The training of the family `ensemble`: members, weights, one model of them, and a student where one is wanted."""

import dataclasses
import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from components.artifacts.ensemble import ENSEMBLE_FILE, EnsembleReport, MemberReport
from components.artifacts.model import TRAINING_FOLDER
from components.progress import Progress
from components.trainer.checkpoint import TrainingState
from components.trainer.data import SOFT, TrainingData
from components.trainer.ensembling.answers import Judge, as_averaged, outputs
from components.trainer.ensembling.members import Trained, members_of, student_of, train_beside, train_here
from components.trainer.ensembling.selection import greedy
from components.trainer.task import TrainingTask
from models.config import EnsembleParams
from models.ensemble import ensemble
from preprocessing.errors import UserError
from preprocessing.features import LABEL
from preprocessing.matrices import Matrices


def train_ensemble(task: TrainingTask, data: TrainingData, params: EnsembleParams) -> tuple[keras.Model, TrainingState]:
    """Trains all members, averages those that are worth it, and trains a student if one is wanted.

    A training that was killed goes on: members that have finished are loaded, the others go on after their last epoch.
    What it came to is left in the Model artifact, see `components.artifacts.ensemble`.

    Args:
      task: the training; rows are held out for it.
      data: what it is trained on.
      params: the family's options.

    Returns:
      The model that is exported, and the state of a training of one epoch: an average has no other ones.

    Raises:
      UserError: a member can't be trained, or a student where rows are read from files.
    """
    inners = members_of(task, params)
    if params.distill:
        _in_memory(task, data)
    if params.parallel > 1:
        train_beside(inners, params.parallel, task.step)
    progress = Progress(task.step, "members", len(inners))
    members = []
    for number, inner in enumerate(inners):
        progress.reach(number, inner.name, keep=True)
        members.append(train_here(inner, data))
    judge = Judge.of(task, data)
    model, report = _averaged(task, data, params, members, judge)
    if params.distill:
        student = train_here(student_of(task, params), _softened(task, data, model, params.soft))
        own = judge.metrics(outputs(student.model, data.eval_rows, data.schema))
        report = report.model_copy(update={"student": _reported(student, 1.0, own), "soft": params.soft})
        model = student.model
    _leave(report, task)
    progress.reach(len(members))
    progress.say(report.line())
    best = (report.student or report).metrics.get(judge.monitor, math.nan)
    return model, TrainingState(epoch=1, best=best, best_epoch=1, values=[best])


def _averaged(
    task: TrainingTask, data: TrainingData, params: EnsembleParams, members: Sequence[Trained], judge: Judge
) -> tuple[keras.Model, EnsembleReport]:
    """One model of the members that are worth it, and what it and each of them is worth."""
    monitor, higher = task.job.train.judged_by()
    kind = task.job.features.label.task
    raw = [outputs(each.model, data.eval_rows, data.schema) for each in members]
    weights = [1 / len(members)] * len(members)
    if params.weights == "greedy":
        weights = greedy([as_averaged(kind, each) for each in raw], judge, params.rounds, higher=higher)
    kept = [(each.model, weight) for each, weight in zip(members, weights, strict=True) if weight]
    model = ensemble([each for each, _ in kept], [weight for _, weight in kept], kind, data.schema.inputs)
    reports = (
        _reported(each, weight, judge.metrics(own)) for each, weight, own in zip(members, weights, raw, strict=True)
    )
    return model, EnsembleReport(
        members=tuple(reports),
        monitor=monitor,
        higher_is_better=higher,
        metrics=_numbers(judge.metrics(outputs(model, data.eval_rows, data.schema))),
    )


def _leave(report: EnsembleReport, task: TrainingTask) -> None:
    folder = task.artifact_dir / TRAINING_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ENSEMBLE_FILE).write_text(report.model_dump_json(indent=1), encoding="utf-8")


def _reported(trained: Trained, weight: float, metrics: dict[str, float]) -> MemberReport:
    return MemberReport(
        name=trained.name,
        family=trained.family,
        weight=weight,
        epochs=trained.state.epoch,
        best_epoch=trained.state.best_epoch,
        metrics=_numbers(metrics),
        budget=trained.budget,
    )


def _numbers(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}


def _in_memory(task: TrainingTask, data: TrainingData) -> Matrices:
    if isinstance(data.train_rows, Matrices):
        return data.train_rows
    raise UserError(
        "split 'train' takes more than this, and a student learns from an answer that is kept for each of its rows",
        field=("train", "memory_mb"),
        received=task.job.train.memory_mb,
        hint="raise it, or remove model.params.distill",
    )


def _softened(task: TrainingTask, data: TrainingData, teacher: keras.Model, soft: float) -> TrainingData:
    """The data with what a student learns of each training row: so much of the teacher's answer, and of the label.

    That is Hinton et al. 2015 (arXiv 1503.02531) at temperature 1: cross-entropy is linear in what it compares with, so
    that the mixture has one loss that is the mixture of both. Of numbers it is the mixture on the scale that models
    learn on, whose squared error differs from the mixture of both errors by nothing that depends on the student.
    """
    rows, label = _in_memory(task, data), task.job.features.label
    answers = as_averaged(label.task, outputs(teacher, rows, data.schema))
    true = rows.targets[LABEL].numpy()[:, 0]
    hard = (
        np.eye(len(data.schema.classes))[true]
        if label.task == "multiclass"
        else ((true.astype(np.float64) - data.train.mean) / data.train.std)[:, np.newaxis]
    )
    learned = tf.constant(soft * answers + (1 - soft) * hard, tf.float32)
    return dataclasses.replace(data, train_rows=dataclasses.replace(rows, targets=rows.targets | {SOFT: learned}))

"""The Trainer's entry point: parse, data, train, export. TFX calls it by its dotted path."""

import os
import tempfile
from pathlib import Path

import keras
from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer import folds
from components.trainer.data import load_data
from components.trainer.distribution.together import train_together, wait_for_export
from components.trainer.export import export
from components.trainer.task import TrainingTask
from components.trainer.training import train
from models.config import EnsembleModel


def run_fn(fn_args: FnArgs) -> None:
    """Trains one model and exports it; in a cross-validation, does one step of it.

    Raises:
      UserError: the data or the configuration can't be trained on; the message says why.
    """
    # Keras numbers layers over the whole process: an export's names must not depend on the folds before it.
    keras.backend.clear_session()
    with tempfile.TemporaryDirectory(prefix="lockgate-trainer-") as scratch:
        task = TrainingTask.parse(fn_args, Path(scratch))
        if isinstance(task.job.model, EnsembleModel) and task.job.model.params.parallel > 1:
            # Before anything is computed: TensorFlow would take all of a GPU's memory, and leave its processes none.
            os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        if task.job.train.distribution == "multi_worker":
            # Before there is anything on this machine's GPUs, which its workers train on.
            os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
            if not train_together(task):
                wait_for_export(task)
                return
        data = load_data(task)
        if not task.exports:
            folds.train(task, data)
        elif task.job.folds is None:
            model, _ = train(task, data)
            export(model, data, task)
        elif task.job.folds.work == "refit":
            folds.refit(task, data)
        else:
            folds.export_together(task, data)

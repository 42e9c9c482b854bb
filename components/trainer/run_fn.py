"""The Trainer's entry point: parse, data, build, fit, export. TFX calls it by its dotted path."""

import tempfile
from pathlib import Path

from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer import folds
from components.trainer.build import build
from components.trainer.data import load_data
from components.trainer.export import export
from components.trainer.fit import fit
from components.trainer.task import TrainingTask


def run_fn(fn_args: FnArgs) -> None:
    """Trains one model and exports it; in a cross-validation, does one step of it.

    Raises:
      UserError: the data or the configuration can't be trained on; the message says why.
    """
    with tempfile.TemporaryDirectory(prefix="lockgate-trainer-") as scratch:
        task = TrainingTask.parse(fn_args, Path(scratch))
        data = load_data(task)
        if not task.exports:
            folds.train(task, data)
        elif task.job.folds is None:
            model = build(task, data)
            fit(model, data, task)
            export(model, data, task)
        elif task.job.folds.work == "refit":
            folds.refit(task, data)
        else:
            folds.export_together(task, data)

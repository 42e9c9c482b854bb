"""The one export path: SavedModel, the trainer's golden predictions, and the weights for a warm start."""

import logging
import shutil

import keras
import tensorflow as tf

from components.artifacts.golden import FOLDER as GOLDEN_FOLDER
from components.artifacts.interval import FILE as RESIDUALS
from components.artifacts.model import SAVED_MODEL
from components.trainer import golden, warm_start
from components.trainer.canonical import make_canonical
from components.trainer.checkpoint import Checkpoint
from components.trainer.data import TrainingData
from components.trainer.remote import upload
from components.trainer.signatures import ServingModule
from components.trainer.task import Remote, TrainingTask

logger = logging.getLogger("lockgate")


def export(model: keras.Model, data: TrainingData, task: TrainingTask, members: int = 1) -> None:
    """Writes everything that outlives the training into the Model artifact.

    `Format-Serving/` is the SavedModel, with a regression's residuals; `golden/` holds the trainer's predictions and
    the contract, for the smoke test; `training/` the weights. The SavedModel is written under a temporary name and
    renamed. Where the artifact is a URL, all of it and TensorBoard's logs are copied there, and `saved_model.pb` is the
    last file.

    Args:
      model: the trained model.
      data: what it was trained on.
      task: the training.
      members: how many models it averages.

    Raises:
      OSError: the disk is full, or the folder can't be written.
      tensorflow.errors.OpError: the URL can't be written.
    """
    module = ServingModule(model, data.transform, task.job.features, data.schema, data.train)
    residuals = golden.write(task.artifact_dir / GOLDEN_FOLDER, model, module, data, task)
    warm_start.save(model, task.artifact_dir, warm_start.architecture(task.job.model, data.schema, members))
    temporary = task.serving_dir.with_name(f".{task.serving_dir.name}-writing")
    shutil.rmtree(temporary, ignore_errors=True)
    tf.saved_model.save(module, str(temporary), signatures=module.signatures())
    make_canonical(temporary)
    if residuals is not None:
        (temporary / RESIDUALS).parent.mkdir(exist_ok=True)
        (temporary / RESIDUALS).write_text(residuals.model_dump_json() + "\n", encoding="utf-8")
    shutil.rmtree(task.serving_dir, ignore_errors=True)
    temporary.rename(task.serving_dir)
    if task.remote is not None:
        _upload(task, task.remote)
    Checkpoint(task.checkpoint_dir, task.checkpoint_mirror).remove()


def _upload(task: TrainingTask, remote: Remote) -> None:
    upload(task.log_dir, remote.logs)
    upload(task.artifact_dir, remote.model, last=f"{task.serving_dir.name}/{SAVED_MODEL}")
    logger.info("train: the model was copied to %s", remote.model)

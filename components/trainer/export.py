"""The one export path: SavedModel, the trainer's golden predictions, and the weights for a warm start."""

import shutil

import keras
import tensorflow as tf

from components.trainer import golden, warm_start
from components.trainer.checkpoint import Checkpoint
from components.trainer.data import TrainingData
from components.trainer.signatures import ServingModule
from components.trainer.task import TrainingTask

GOLDEN_FOLDER = "golden"


def export(model: keras.Model, data: TrainingData, task: TrainingTask) -> None:
    """Writes everything that outlives the training into the Model artifact.

    `Format-Serving/` is the SavedModel; `golden/` holds the trainer's own predictions and the contract, for the
    smoke test; `training/` the weights. The SavedModel is written under a temporary name and renamed.

    Raises:
      OSError: the disk is full, or the folder can't be written.
    """
    module = ServingModule(model, data.transform, task.job.features, data.schema, data.train)
    golden.write(task.artifact_dir / GOLDEN_FOLDER, model, module, data, task)
    warm_start.save(model, task.artifact_dir, warm_start.architecture(task.job.model, data.schema))
    temporary = task.serving_dir.with_name(f".{task.serving_dir.name}-writing")
    shutil.rmtree(temporary, ignore_errors=True)
    tf.saved_model.save(module, str(temporary), signatures=module.signatures())
    shutil.rmtree(task.serving_dir, ignore_errors=True)
    temporary.rename(task.serving_dir)
    Checkpoint(task.checkpoint_dir).remove()

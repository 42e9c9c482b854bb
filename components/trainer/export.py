"""The one export path: SavedModel, the trainer's golden predictions, and the weights for a warm start."""

import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.trainer import warm_start
from components.trainer.checkpoint import Checkpoint
from components.trainer.data import TrainingData
from components.trainer.signatures import ServingModule, serving_outputs
from components.trainer.task import TrainingTask
from preprocessing.features import ROW_KEY
from preprocessing.input_pipeline import dataset

GOLDEN_FOLDER = "golden"
_GOLDEN_ROWS = 200_000
_BATCH = 1024


def export(model: keras.Model, data: TrainingData, task: TrainingTask) -> None:
    """Writes everything that outlives the training into the Model artifact.

    `Format-Serving/` is the SavedModel; `golden/` holds the trainer's own predictions and the contract, for the
    smoke test; `training/` the weights. The SavedModel is written under a temporary name and renamed.

    Raises:
      OSError: the disk is full, or the folder can't be written.
    """
    module = ServingModule(model, data.transform, task.job.features, data.schema, data.train)
    _write_golden(task.artifact_dir / GOLDEN_FOLDER, model, module, data, task)
    warm_start.save(model, task.artifact_dir, warm_start.architecture(task.job.model, data.schema))
    temporary = task.serving_dir.with_name(f".{task.serving_dir.name}-writing")
    shutil.rmtree(temporary, ignore_errors=True)
    tf.saved_model.save(module, str(temporary), signatures=module.signatures())
    shutil.rmtree(task.serving_dir, ignore_errors=True)
    temporary.rename(task.serving_dir)
    Checkpoint(task.checkpoint_dir).remove()


def _write_golden(
    folder: Path, model: keras.Model, module: ServingModule, data: TrainingData, task: TrainingTask
) -> None:
    """Stores the in-memory model's predictions by row key, and what every signature must promise."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "predictions.npz", **golden_predictions(model, data, task))
    label = task.job.features.label
    contract = {
        "task": label.task,
        "classes": list(data.schema.classes) or None,
        "row_key": ROW_KEY,
        "label": label.column,
        "weight": task.job.features.weight,
        "inputs": {each.column: {"argument": each.argument, "dtype": each.dtype.name} for each in module.inputs},
        "columns": {column: spec.dtype.name for column, spec in module.evaluation_spec.items()},
    }
    (folder / "contract.json").write_text(json.dumps(contract, indent=1, ensure_ascii=False))


def golden_predictions(model: keras.Model, data: TrainingData, task: TrainingTask) -> dict[str, np.ndarray[Any, Any]]:
    """The in-memory model's predictions for the golden split's transformed rows.

    Returns:
      `row_key` int64 [rows], and `probabilities` float32 [rows, classes] or `value` float32 [rows].
    """
    label = task.job.features.label
    answers: list[dict[str, Any]] = []
    keys = []
    rows = 0
    # The inputs come from Transform's output, the answers of the export from raw examples: when both agree, the
    # exported preprocessing is the one that the model was trained on.
    predict = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    for inputs, targets in dataset(task.files[task.job.golden_split], data.schema, batch_size=_BATCH):
        answers.append(serving_outputs(predict(inputs), label, data.schema.classes, data.train))
        keys.append(targets[ROW_KEY].numpy()[:, 0])
        rows += len(keys[-1])
        if rows >= _GOLDEN_ROWS:
            break
    name = "value" if label.task == "regression" else "probabilities"
    return {"row_key": np.concatenate(keys), name: np.concatenate([answer[name].numpy() for answer in answers])}

"""What the smoke test compares the export with: the trainer's own predictions, and what the export promises."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.trainer.data import TrainingData
from components.trainer.importance import Array, Inputs, Sample, importance
from components.trainer.signatures import ServingModule, inverse, serving_outputs
from components.trainer.task import TrainingTask
from preprocessing.features import ROW_KEY, source_columns
from preprocessing.input_pipeline import dataset

_ROWS = 200_000
_BATCH = 1024
_SHUFFLED_ROWS = 2048
"""How many rows the importances are measured on: enough for a sampling error of a few percent, and one forward pass
of a moment for each column."""


def write(folder: Path, model: keras.Model, module: ServingModule, data: TrainingData, task: TrainingTask) -> None:
    """Stores the in-memory model's predictions by row key, and what every signature must promise.

    `predictions.npz` holds `row_key` int64 [rows] and `probabilities` float32 [rows, classes] or `value` float32
    [rows]; `contract.json` is read by the smoke test and the Evaluator.

    Raises:
      OSError: the disk is full, or the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    predictor = _Predictor(model, module, data, task)
    sample = Sample(_SHUFFLED_ROWS, task.job.seed)
    keys, answers, rows = [], [], 0
    # The inputs come from Transform's output, the answers of the export from raw examples: when both agree, the
    # exported preprocessing is the one that the model was trained on.
    for inputs, targets in dataset(task.files[task.job.golden_split], data.schema, batch_size=_BATCH):
        answers.append(predictor(inputs))
        keys.append(targets[ROW_KEY].numpy()[:, 0])
        sample.add({name: tensor.numpy() for name, tensor in inputs.items()})
        rows += len(keys[-1])
        if rows >= _ROWS:
            break
    arrays = {"row_key": np.concatenate(keys), predictor.output: np.concatenate(answers)}
    np.savez(folder / "predictions.npz", **arrays)
    mattered = importance(predictor, sample.repeated(), source_columns(task.job.features), task.job.seed)
    contract = _contract(module, data, task) | {"importance": mattered}
    (folder / "contract.json").write_text(json.dumps(contract, indent=1, ensure_ascii=False, allow_nan=False))


def _contract(module: ServingModule, data: TrainingData, task: TrainingTask) -> dict[str, Any]:
    label = task.job.features.label
    limits = None
    if label.task == "regression":
        limits = inverse(label)(tf.constant([data.train.low, data.train.high], tf.float64)).numpy().tolist()
    return {
        "task": label.task,
        "classes": list(data.schema.classes) or None,
        "row_key": ROW_KEY,
        "label": label.column,
        "weight": task.job.features.weight,
        "range": limits,
        "inputs": {each.column: {"argument": each.argument, "dtype": each.dtype.name} for each in module.inputs},
        "transformed": {
            each.name: {
                "argument": each.argument,
                "dtype": each.spec.dtype.name,
                "shape": each.spec.shape.as_list()[1:],
            }
            for each in module.transformed
        },
        "columns": {column: spec.dtype.name for column, spec in module.evaluation_spec.items()},
    }


class _Predictor:
    """The in-memory model as a function of transformed rows.

    Attributes:
      output: `probabilities` or `value`.
    """

    def __init__(self, model: keras.Model, module: ServingModule, data: TrainingData, task: TrainingTask) -> None:
        label = task.job.features.label
        self.output = "value" if label.task == "regression" else "probabilities"

        def predict(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
            return serving_outputs(model(inputs, training=False), label, data.schema.classes, data.train)[self.output]

        # One trace for every batch size.
        specs = {each.name: tf.TensorSpec(each.spec.shape, each.spec.dtype) for each in module.transformed}
        self._predict = tf.function(predict, input_signature=[specs])

    def __call__(self, inputs: Inputs) -> Array:
        """The predictions, float32 of shape [rows, classes] or [rows]."""
        answer: Array = self._predict({name: tf.convert_to_tensor(values) for name, values in inputs.items()}).numpy()
        return answer

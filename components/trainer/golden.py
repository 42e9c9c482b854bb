"""What the smoke test compares the export with: the trainer's own predictions, and what the export promises."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.artifacts.golden import (
    CONTRACT_FILE,
    PREDICTIONS_FILE,
    ROW_KEYS,
    ContractInput,
    GoldenContract,
    TransformedInput,
    prediction_name,
)
from components.artifacts.interval import Residuals
from components.trainer.data import TrainingData
from components.trainer.importance import Array, Importance, Inputs, Sample, importance
from components.trainer.signatures import ServingModule, inverse, serving_outputs
from components.trainer.task import TrainingTask
from components.trainer.trivial import trivial_answer
from models.gbt import rows_at_once
from preprocessing.features import LABEL, ROW_KEY, source_columns
from preprocessing.input_pipeline import dataset

HELD_OUT = "test"
"""The split that no training reads, of a cross-validation's models neither."""
_ROWS = 200_000
_BATCH = 1024
_SHUFFLED_ROWS = 2048
"""How many rows the importances are measured on: enough for a sampling error of a few percent."""
_SHUFFLED_VALUES = 100 * _SHUFFLED_ROWS
"""With more columns than this is for, fewer rows are shuffled for each, several columns in one forward pass: else the
time would grow with the square of the columns."""
_FEWEST_SHUFFLED = 128


def write(
    folder: Path, model: keras.Model, module: ServingModule, data: TrainingData, task: TrainingTask
) -> Residuals | None:
    """Stores the in-memory model's predictions by row key, and what every signature must promise.

    See `components.artifacts.golden`; the smoke test reads both, the Evaluator the contract.

    Args:
      folder: `golden/` in the Model artifact.
      model: the trained model.
      module: its export.
      data: what it was trained on.
      task: the training.

    Returns:
      How far a regression's predictions are from the labels; None of a classification, and where these rows had a part
      in the training.

    Raises:
      OSError: the disk is full, or the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    predictor = _Predictor(model, module, data, task)
    sources = source_columns(task.job.features)
    shuffled = _shuffled_rows(len({column for columns in sources.values() for column in columns}))
    sample = Sample(shuffled, task.job.seed)
    keys, answers, labels, rows = [], [], [], 0
    # The inputs come from Transform's output, the answers of the export from raw examples: when both agree, the
    # exported preprocessing is the one that the model was trained on.
    for inputs, targets in dataset(task.golden, data.schema, batch_size=_BATCH):
        answers.append(predictor(inputs))
        keys.append(targets[ROW_KEY].numpy()[:, 0])
        labels.append(targets[LABEL].numpy()[:, 0])
        sample.add({name: tensor.numpy() for name, tensor in inputs.items()})
        rows += len(keys[-1])
        if rows >= _ROWS:
            break
    arrays = {ROW_KEYS: np.concatenate(keys), predictor.output: np.concatenate(answers)}
    np.savez(folder / PREDICTIONS_FILE, **arrays)
    at_once = _SHUFFLED_ROWS // shuffled
    mattered = importance(predictor, sample.repeated(), sources, task.job.seed, sample.copies, at_once)
    contract = _contract(module, data, task, mattered)
    (folder / CONTRACT_FILE).write_text(contract.to_json(), encoding="utf-8")
    label = task.job.features.label
    if label.task != "regression" or task.job.golden_split != HELD_OUT:
        return None
    return Residuals.of(np.concatenate(labels), arrays[predictor.output], label.transform, HELD_OUT)


def _shuffled_rows(columns: int) -> int:
    """On how many rows the importance of each of so many columns is measured."""
    return max(_FEWEST_SHUFFLED, min(_SHUFFLED_ROWS, _SHUFFLED_VALUES // max(columns, 1)))


def _contract(
    module: ServingModule, data: TrainingData, task: TrainingTask, mattered: Importance | None
) -> GoldenContract:
    label = task.job.features.label
    limits = None
    if label.task == "regression":
        limits = tuple(inverse(label)(tf.constant([data.train.low, data.train.high], tf.float64)).numpy().tolist())
    return GoldenContract(
        task=label.task,
        classes=data.schema.classes or None,
        decision_threshold=label.decision_threshold,
        row_key=ROW_KEY,
        label=label.column,
        weight=task.job.features.weight,
        range=limits,
        trivial=trivial_answer(task, data),
        inputs={
            each.column: ContractInput(argument=each.argument, dtype=each.dtype.name, several=each.several)
            for each in module.inputs
        },
        transformed={
            each.name: TransformedInput(
                argument=each.argument, dtype=each.spec.dtype.name, shape=tuple(each.spec.shape.as_list()[1:])
            )
            for each in module.transformed
        },
        columns={column: spec.dtype.name for column, spec in module.evaluation_spec.items()},
        missing_words={
            each.column: task.job.missing.of(each.column) for each in module.inputs if each.dtype == tf.string
        },
        importance=None if mattered is None else mattered.change,
        importance_error=None if mattered is None else mattered.error,
    )


class _Predictor:
    """The in-memory model as a function of transformed rows.

    Attributes:
      output: `probabilities` or `value`.
    """

    def __init__(self, model: keras.Model, module: ServingModule, data: TrainingData, task: TrainingTask) -> None:
        label = task.job.features.label
        self.output = prediction_name(label.task)

        def predict(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
            return serving_outputs(model(inputs, training=False), label, data.schema.classes, data.train)[self.output]

        # One trace for every batch size.
        specs = {each.name: tf.TensorSpec(each.spec.shape, each.spec.dtype) for each in module.transformed}
        self._predict = tf.function(predict, input_signature=[specs])
        self._most = rows_at_once(model, _SHUFFLED_ROWS)

    def __call__(self, inputs: Inputs) -> Array:
        """The predictions, float32 of shape [rows, classes] or [rows]."""
        rows = len(next(iter(inputs.values())))
        parts = [
            {name: tf.convert_to_tensor(values[at : at + self._most]) for name, values in inputs.items()}
            for at in range(0, rows, self._most)
        ]
        return np.concatenate([self._predict(part).numpy() for part in parts])

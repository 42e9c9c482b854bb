"""One training, whatever the family: by gradient descent, by boosting, or of several models."""

import keras

from components.trainer.build import build, model_head
from components.trainer.checkpoint import TrainingState
from components.trainer.data import TrainingData
from components.trainer.fit import Watch, fit
from components.trainer.task import TrainingTask
from models.config import BOOSTED, EnsembleModel
from models.gbt import ForestSize, size_of, sized_model


def train(
    task: TrainingTask, data: TrainingData, *, epochs: int | None = None, watch: Watch | None = None
) -> tuple[keras.Model, TrainingState]:
    """Trains a model.

    Args:
      task: the training.
      data: what it is trained on.
      epochs, watch: as for `components.trainer.fit.fit`.

    Returns:
      The model of the best epoch, and where the training has come to.

    Raises:
      UserError: the model can't be built, or the data can't be trained on.
    """
    if task.job.model.family == BOOSTED:
        # scikit-learn's inside must be of one version: that is nothing to the other families.
        from components.trainer.boosting.boost import boost

        return boost(task, data, epochs=epochs, watch=watch)
    if isinstance(task.job.model, EnsembleModel):
        # Its members come back here, each by itself.
        from components.trainer.ensembling.ensemble import train_ensemble

        return train_ensemble(task, data, task.job.model.params)
    model = build(task, data)
    return model, fit(model, data, task, epochs=epochs, watch=watch)


def weights_size(task: TrainingTask, model: keras.Model) -> dict[str, int]:
    """What has to be known beside the configuration to load a model's weights; nothing of most families."""
    return size_of(model) if task.job.model.family == BOOSTED else {}


def with_weights(task: TrainingTask, data: TrainingData, weights: str, size: dict[str, int]) -> keras.Model:
    """A model with weights that were stored.

    Args:
      task: the training.
      data: what the model takes.
      weights: their file.
      size: their `weights_size`.
    """
    if task.job.model.family == BOOSTED:
        model = sized_model(data.schema.inputs, model_head(task.job.features.label, data), ForestSize(**size))
    else:
        model = build(task, data)
    model.load_weights(weights)
    return model

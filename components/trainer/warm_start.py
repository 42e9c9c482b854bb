"""A training that begins where the champion ended."""

import json
import logging
import posixpath
from pathlib import Path

import keras
import tensorflow as tf

from components.artifacts.model import TRAINING_FOLDER, WEIGHTS_FILE
from models.config import ModelConfig
from preprocessing.input_pipeline import TransformedData

logger = logging.getLogger("lockgate")

_ARCHITECTURE = "architecture.json"


def architecture(model: ModelConfig, schema: TransformedData, members: int = 1) -> str:
    """What must be equal for weights to fit and to mean the same, as JSON.

    That is family, options, inputs with sizes, classes, and the meaning of the numbers: of two vocabularies of one
    size, id 3 may name different categories.

    Args:
      model: family and options.
      schema: inputs and classes.
      members: how many such models are averaged.
    """
    ensemble = {} if members == 1 else {"members": members}
    return json.dumps(
        {
            **ensemble,
            "model": model.model_dump(mode="json"),
            "inputs": [[each.name, each.kind, each.size] for each in schema.inputs],
            "classes": list(schema.classes),
            "meaning": schema.meaning,
        },
        indent=1,
    )


def save(model: keras.Model, artifact_dir: Path, description: str) -> None:
    """Stores the weights beside the SavedModel, for a later warm start."""
    folder = artifact_dir / TRAINING_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    model.save_weights(folder / WEIGHTS_FILE)
    (folder / _ARCHITECTURE).write_text(description)


def load(model: keras.Model, champion_dir: str, description: str) -> None:
    """Loads the champion's weights into an uncompiled model; warns and leaves it alone when they don't fit.

    Args:
      model: the new model.
      champion_dir: the champion's Model artifact, a path or a URL.
      description: the new model's `architecture`.
    """
    folder = posixpath.join(champion_dir, TRAINING_FOLDER)
    weights, stored = posixpath.join(folder, WEIGHTS_FILE), posixpath.join(folder, _ARCHITECTURE)
    if not (tf.io.gfile.exists(weights) and tf.io.gfile.exists(stored)):
        logger.warning("train.warm_start: the champion has no stored weights (%s); starting afresh", folder)
        return
    with tf.io.gfile.GFile(stored) as file:
        fits = file.read() == description
    if not fits:
        logger.warning(
            "train.warm_start: the champion has another architecture, other features, vocabularies or classes (%s); "
            "starting afresh",
            stored,
        )
        return
    model.load_weights(weights)
    logger.info("train.warm_start: began with the champion's weights from %s", folder)

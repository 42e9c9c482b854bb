"""A training run's artifacts, pushed and looked up by the executors themselves."""

import functools
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.types.artifact import Artifact

from components.champion.executor import Executor as LookupExecutor
from components.pusher.executor import Executor as PushExecutor
from components.trainer import warm_start

CONTRACT: dict[str, Any] = {
    "task": "binary",
    "label": "y",
    "weight": None,
    "classes": ["no", "yes"],
    "row_key": "row_key_xf",
    "inputs": {"age": {"argument": "age", "dtype": "int64"}},
    "columns": {"age": "int64", "y": "string"},
}
ARCHITECTURE = '{"model": "one layer"}'


class Linear(tf.Module):
    """y = weight * x, with a vocabulary file as an asset."""

    def __init__(self, weight: float, vocabulary: Path) -> None:
        super().__init__()
        self.weight = tf.Variable(weight)
        self.vocabulary = tf.saved_model.Asset(str(vocabulary))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def predict(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """The prediction of each row."""
        return {"value": self.weight * x}


@dataclass(frozen=True)
class Trained:
    """What a run made.

    Attributes:
      model: the Model artifact's folder.
      statistics: the ExampleStatistics artifact's folder.
    """

    model: Path
    statistics: Path

    @property
    def serving(self) -> Path:
        """The SavedModel."""
        return self.model / "Format-Serving"


def layer(weight: float) -> keras.Model:
    """The same as a Keras model, whose weights can be stored."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[weight]], np.float32)])
    return model


def trained(folder: Path, weight: float = 2.0) -> Trained:
    """Makes the artifacts as the Trainer and StatisticsGen leave them."""
    shutil.copytree(_made(weight), folder, dirs_exist_ok=True)
    return Trained(folder / "model", folder / "statistics")


@functools.cache
def _made(weight: float) -> Path:
    """The folder of the artifacts, exported once for all tests."""
    folder = Path(tempfile.mkdtemp(prefix="trained-"))
    run = Trained(folder / "model", folder / "statistics")
    (run.model / "golden").mkdir(parents=True)
    (run.model / "golden/contract.json").write_text(json.dumps(CONTRACT))
    (run.model / "golden/predictions.npz").write_bytes(b"of no use to a later run")
    warm_start.save(layer(weight), run.model, ARCHITECTURE)
    (folder / "vocabulary").write_text("a\nb\n")
    module = Linear(weight, folder / "vocabulary")
    tf.saved_model.save(module, str(run.serving), signatures={"serving_default": module.predict})
    for split, rows in (("train", 80), ("eval", 20)):
        statistics = statistics_pb2.DatasetFeatureStatisticsList()
        statistics.datasets.add(num_examples=rows)
        file = run.statistics / f"Split-{split}" / "FeatureStats.pb"
        file.parent.mkdir(parents=True)
        file.write_bytes(statistics.SerializeToString())
    return folder


def push(run: Trained, serving: str, archive: Path, *, statistics: bool = True) -> str:
    """Pushes and returns the version's folder.

    Args:
      run: what is pushed.
      serving: the serving folder.
      archive: a folder for the PushedModel artifact.
      statistics: whether the Pusher is given them: a cluster's is, the local one is not.
    """
    inputs = {"model": [_artifact(standard_artifacts.Model, run.model)]}
    if statistics:
        inputs["statistics"] = [_artifact(standard_artifacts.ExampleStatistics, run.statistics)]
    pushed = _artifact(standard_artifacts.PushedModel, archive)
    destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving))
    properties = {"push_destination": json_format.MessageToJson(destination, preserving_proto_field_name=True)}
    PushExecutor().Do(inputs, {"pushed_model": [pushed]}, properties)
    version: str = pushed.get_string_custom_property("pushed_destination")
    return version


@dataclass(frozen=True)
class Found:
    """The two outputs of a lookup."""

    model: Artifact
    statistics: Artifact

    @property
    def absent(self) -> tuple[bool, bool]:
        """Whether model and statistics were not found."""
        model, statistics = (each.get_int_custom_property("absent") == 1 for each in (self.model, self.statistics))
        return model, statistics


def look_up(source: str, folder: Path | str, **registry: str) -> Found:
    """Looks a champion up; the outputs' folders are below `folder`."""
    found = Found(
        _artifact(standard_artifacts.Model, f"{folder}/model"),
        _artifact(standard_artifacts.ExampleStatistics, f"{folder}/baseline_statistics"),
    )
    properties = {"source": source, "project": "", "region": "", "api_endpoint": "", "code_fingerprint": "f00"}
    LookupExecutor().Do(
        {}, {"model": [found.model], "baseline_statistics": [found.statistics]}, properties | dict(registry)
    )
    return found


def files_below(folder: Path) -> dict[str, bytes]:
    """The content of each file, by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _artifact(kind: type[Artifact], uri: Path | str) -> Artifact:
    artifact = kind()
    artifact.uri = str(uri)
    return artifact

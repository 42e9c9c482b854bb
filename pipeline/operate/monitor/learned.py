"""What the served version learned from: the statistics of its training split, and its predictions of the test split."""

import io
import json
import posixpath
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

from components.artifacts.golden import CONTRACT_FILE, FOLDER, PREDICTIONS_FILE, GoldenContract, prediction_name
from components.artifacts.pushed_version import CONTRACT, STATISTICS
from components.artifacts.pushed_version import FOLDER as CHAMPION
from components.champion.versions import newest_version
from components.data_gate.summary import Summary, from_statistics
from pipeline.config.loader import LoadedConfig
from pipeline.results.listing import read_json, run_folders
from pipeline.results.runs import RESULT_FILE
from pipeline.results.store import stored_run
from preprocessing.errors import UserError

_MANIFEST = posixpath.join(CHAMPION, "manifest.json")


@dataclass(frozen=True)
class Predictions:
    """What a model answered for its test split.

    Attributes:
      contract: what the export promises.
      values: float32 [rows, classes] probabilities, or [rows].
    """

    contract: GoldenContract
    values: NDArray[np.float32]

    def labels(self) -> list[str]:
        """The label of each row; of a classification."""
        classes, threshold = self.contract.classes or (), self.contract.decision_threshold
        if self.contract.task == "binary":
            return [classes[int(each > threshold)] for each in self.values[:, 1]]
        return [classes[each] for each in self.values.argmax(axis=1)]


@dataclass(frozen=True)
class Learned:
    """A served version and what it came from.

    Attributes:
      version: its number.
      run: that made it; "" where nobody knows.
      train: its training split.
      predictions: None where they are not on this machine.
      inputs: the columns that it reads; None where its contract is not here.
    """

    version: str
    run: str
    train: Summary
    predictions: Predictions | None
    inputs: tuple[str, ...] | None = None


def learned(loaded: LoadedConfig) -> Learned:
    """What the newest version in the push destination learned from.

    Raises:
      UserError: nothing was pushed, or the run that made it is not among those of the root.
      OSError, tensorflow.errors.OpError: the push destination can't be read.
    """
    folder = newest_version(loaded.config.push.destination(loaded.root()))
    if folder is None:
        raise UserError(f"no version of {loaded.config.name} was pushed", hint="lockgate run CONFIG pushes one")
    version = posixpath.basename(folder)
    run = _run_of(loaded, folder)
    nodes = stored_run(loaded.root(), run) if run else {}
    statistics = nodes["StatisticsGen"].output("statistics") if "StatisticsGen" in nodes else None
    model = nodes["Trainer"].output("model") if "Trainer" in nodes else None
    # A version of a cluster's run brings the statistics with it.
    files = [posixpath.join(folder, STATISTICS.version)]
    if statistics is not None:
        files.append(posixpath.join(statistics, STATISTICS.artifact))
    content = next((found for file in files if (found := _read(file)) is not None), None)
    if content is None:
        raise UserError(
            f"the statistics that version {version} learned from are not there: no run in {loaded.root()} pushed it, "
            "or its artifacts were removed",
            hint="use the root of the run that pushed it, or push again: lockgate run CONFIG",
        )
    train = from_statistics(statistics_pb2.DatasetFeatureStatisticsList.FromString(content))
    places = [posixpath.join(folder, CONTRACT.version)]
    if model is not None:
        places.append(posixpath.join(model, CONTRACT.artifact))
    contract = next((found for place in places if (found := _read(place)) is not None), None)
    inputs = None if contract is None else tuple(GoldenContract.model_validate_json(contract).inputs)
    return Learned(version, run, train, None if model is None else _predictions(str(model)), inputs)


def _run_of(loaded: LoadedConfig, version: str) -> str:
    """The run that made a version: as its manifest says, also after a rollback, or as the runs say."""
    manifest = _read(posixpath.join(version, _MANIFEST))
    if manifest is not None:
        try:
            return str(json.loads(manifest)["made_from"]["run"])
        except (ValueError, LookupError, TypeError):
            pass  # another program's, or damaged: `lockgate versions --verify` says so
    number = posixpath.basename(version)
    for folder in run_folders(loaded.root()):
        pushed = str(read_json(folder / RESULT_FILE).get("pushed") or "")
        if posixpath.basename(pushed.rstrip("/")) == number:
            return folder.name
    return ""


def _predictions(model: str) -> Predictions | None:
    contract, stored = (_read(posixpath.join(model, FOLDER, name)) for name in (CONTRACT_FILE, PREDICTIONS_FILE))
    if contract is None or stored is None:
        return None
    promised = GoldenContract.model_validate_json(contract)
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        return Predictions(promised, arrays[prediction_name(promised.task)])


def _read(path: str) -> bytes | None:
    if not fileio.exists(path):
        return None
    with fileio.open(path, "rb") as file:
        content: bytes = file.read()
        return content

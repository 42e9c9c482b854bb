"""Three small tables that went through tf.Transform, and ways to train on them for real."""

import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.forked_workers import forked_workers
from support.transforms import Table
from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer.build import build
from components.trainer.checkpoint import TrainingState
from components.trainer.config import FINGERPRINT_KEY, JOB_KEY, TrainerJob
from components.trainer.data import TrainingData, load_data
from components.trainer.fit import Watch, fit
from components.trainer.run_fn import run_fn
from components.trainer.task import TrainingTask
from components.trainer.training import train
from components.trainer.tuning import workers
from preprocessing.config import FeaturesConfig
from preprocessing.missing import MissingWords

Row = dict[str, Any]
ROWS = 200
SPLITS = {"train": slice(0, 140), "eval": slice(140, 170), "test": slice(170, 200)}

OWN = """
import os
import pathlib
import signal

import keras
import tensorflow as tf
import tensorflow_transform as tft
from preprocessing import raw_columns

def preprocessing_fn(inputs, custom_config):
    shop = raw_columns.single(inputs["shop"])
    ids = tft.compute_and_apply_vocabulary(shop, num_oov_buckets=1)
    # Two names that no Python parameter can have; shapes [batch] and [batch, 2].
    return {"shop_ids": ids, "class": tf.cast(ids, tf.float32), "self": tf.one_hot(ids, 2)}

def build_model(inputs, head, params):
    batch = {each.name: keras.Input((each.size if each.kind == "dense" else 1,), name=each.name) for each in inputs}
    dense = keras.layers.Concatenate()([batch[each.name] for each in inputs if each.kind == "dense"])
    return keras.Model(batch, head.layer()(keras.layers.Dense(params["units"], "relu")(dense)))

def killed_once(inputs, head, params):
    flag = pathlib.Path(params["flag"])
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return build_model(inputs, head, params)

def nothing(inputs, head, params):
    return None
"""

LABELS: dict[str, dict[str, Any]] = {
    "binary": {"label": {"column": "bought", "task": "binary"}, "weight": "weight"},
    "multiclass": {
        "label": {"column": "kind", "task": "multiclass", "classes": ["c", "a", "b"]},
        "preprocessing_fn": "own_code_of_trainer_tests.preprocessing_fn",
        "preprocessing_columns": ["shop"],
    },
    "regression": {"label": {"column": "price", "task": "regression", "transform": "log"}},
}
FEATURES: dict[str, Any] = {
    "numeric": [{"columns": ["size (cm)", "count", "fixed"]}],
    "categorical": [{"columns": ["colour"]}],
    "boolean": [{"columns": ["flag"]}],
    "datetime": [{"columns": ["day"], "parts": ["month"]}],
}
SPEC = {
    "size (cm)": tf.io.VarLenFeature(tf.float32),
    "count": tf.io.VarLenFeature(tf.int64),
    "fixed": tf.io.FixedLenFeature([1], tf.int64),
    "colour": tf.io.VarLenFeature(tf.string),
    "flag": tf.io.VarLenFeature(tf.string),
    "day": tf.io.VarLenFeature(tf.string),
    "shop": tf.io.VarLenFeature(tf.string),
    "bought": tf.io.VarLenFeature(tf.string),
    "kind": tf.io.VarLenFeature(tf.string),
    "price": tf.io.VarLenFeature(tf.float32),
    "weight": tf.io.VarLenFeature(tf.float32),
}


COLOURS = {"red": "colour", "green": "colour\n", "blue": "colour\r\n"}
"""What the table has for them: a vocabulary of lines would lose two of the three."""


def raw_rows() -> list[Row]:
    """Labels follow from the features, with noise; a few values, and three training labels, are missing."""
    random = np.random.default_rng(7)
    rows = []
    for number in range(ROWS):
        size, colour = float(random.normal(30, 5)), str(random.choice(["red", "green", "blue"], p=[0.5, 0.3, 0.2]))
        score = (size - 30) / 5 + {"red": 1, "green": 0, "blue": -1}[colour] + float(random.normal(0, 0.7))
        row: Row = {
            "size (cm)": None if number % 11 == 0 else size,
            "count": None if number % 13 == 0 else int(random.integers(0, 9)),
            "fixed": number,
            "colour": None if number % 17 == 0 else COLOURS[colour],
            "flag": str(random.choice(["yes", "no", "maybe"])),
            "day": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}",
            "shop": str(random.choice(["north", "south"])),
            "bought": "yes" if score > 0.9 else "no",
            "kind": "a" if score > 0.7 else "b" if score < -0.7 else "c",
            "price": float(np.exp(3 + score)),
            "weight": float(random.integers(1, 4)),
        }
        if number in (3, 50, 99):
            row |= {"bought": None, "kind": None, "price": None}
        rows.append(row)
    return rows


def as_example(row: Row) -> bytes:
    features = {}
    for name, value in row.items():
        if value is None:
            continue
        if SPEC[name].dtype == tf.string:
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif SPEC[name].dtype == tf.int64:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


class World(NamedTuple):
    """One table on disk, as the Trainer finds it.

    Attributes:
      features: the configuration.
      rows: the raw rows of each split.
      graph: the folder of the transform graph.
      examples: the folder of the transformed examples, with one folder for each split.
    """

    features: FeaturesConfig
    rows: dict[str, list[Row]]
    graph: Path
    examples: Path

    def serialized(self, split: str) -> list[bytes]:
        """The raw rows as tf.Examples, without label and weight."""
        left_out = {self.features.label.column, self.features.weight}
        return [as_example({k: v for k, v in row.items() if k not in left_out}) for row in self.rows[split]]


@pytest.fixture(scope="session")
def own_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("own_code")
    (folder / "own_code_of_trainer_tests.py").write_text(OWN)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))
    sys.modules.pop("own_code_of_trainer_tests", None)


def make_world(task: str, folder: Path) -> World:
    """Runs Transform's executor on the table: analysis of the training split, transformation of all."""
    section = FEATURES | LABELS[task]
    features = FeaturesConfig.model_validate_json(json.dumps(section))
    used = {*features.columns(), features.label.column, *([features.weight] if features.weight else [])}
    types = {name: spec.dtype for name, spec in SPEC.items() if name in used}
    rows = [{name: row[name] for name in types} for row in raw_rows()]
    splits = {split: rows[part] for split, part in SPLITS.items()}
    table = Table(folder, types, frozenset({"fixed"}))
    # Two files for a split.
    table.write({split: [part[: len(part) // 2], part[len(part) // 2 :]] for split, part in splits.items()})
    # Without Beam, which tests/components/transform compares with: seconds less.
    table.transform(folder / "transform", "auto", features, MissingWords())
    return World(features, splits, folder / "transform/graph", folder / "transform/transformed")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, own_code: None) -> Callable[[str], World]:  # noqa: ARG001
    """The table of a task, transformed at first use."""
    worlds: dict[str, World] = {}

    def get(task: str) -> World:
        if task not in worlds:
            worlds[task] = make_world(task, tmp_path_factory.mktemp(task))
        return worlds[task]

    return get


def make_fn_args(
    world: World,
    run: Path,
    *,
    model: dict[str, Any] | None = None,
    train: dict[str, Any] | None = None,
    seed: int = 1,
    base_model: Path | None = None,
    examples: Path | None = None,
    hyperparameters: dict[str, Any] | None = None,
) -> FnArgs:
    """What TFX would hand to `run_fn` in execution 1 of a pipeline whose root is `run`.

    `train` states only what differs from a short training without TensorBoard.
    """
    examples = examples or world.examples
    short = {"batch_size": 32, "epochs": 2, "early_stopping": None, "tensorboard": False}
    job = {
        "features": json.loads(world.features.to_json()),
        "model": model or {"family": "mlp", "params": {"hidden": [8]}},
        "train": short | (train or {}),
        "seed": seed,
        "deterministic": True,
        "golden_split": "test",
    }
    return FnArgs(
        train_files=[str(examples / "Split-train" / "*")],
        eval_files=[str(examples / "Split-eval" / "*"), str(examples / "Split-test" / "*")],
        transform_graph_path=str(world.graph),
        serving_model_dir=str(run / "Trainer" / "model" / "1" / "Format-Serving"),
        model_run_dir=str(run / "Trainer" / "model_run" / "1"),
        base_model=str(base_model / "Format-Serving") if base_model else None,
        hyperparameters=hyperparameters,
        custom_config={JOB_KEY: TrainerJob.from_json(json.dumps(job)).to_json(), FINGERPRINT_KEY: "code"},
    )


@pytest.fixture(scope="session")
def fn_args_of(world: Callable[[str], World]) -> Callable[..., FnArgs]:
    """`fn_args_of(task, run, **options of make_fn_args)`, for what lives longer than one test."""
    return lambda task, run, **options: make_fn_args(world(task), run, **options)


@dataclasses.dataclass
class Prepared:
    """A training before its first step."""

    task: TrainingTask
    data: TrainingData
    model: keras.Model

    def fit(self) -> "Prepared":
        """Trains, without exporting."""
        fit(self.model, self.data, self.task)
        return self

    @property
    def weights(self) -> list[np.ndarray[Any, Any]]:
        """All weights, batch normalisation's moving averages included."""
        return [np.asarray(weight) for weight in self.model.get_weights()]

    @property
    def optimizer(self) -> list[np.ndarray[Any, Any]]:
        """The optimizer's variables."""
        return [np.asarray(variable) for variable in self.model.optimizer.variables]


@pytest.fixture(scope="session")
def worker_command() -> Iterator[tuple[str, ...]]:
    """For `components.trainer.tuning.workers._COMMAND`: processes that need not import TensorFlow."""
    with forked_workers() as command:
        yield command


@pytest.fixture
def forked(worker_command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of trials and members are forks."""
    monkeypatch.setattr(workers, "_COMMAND", worker_command)


Prepare = Callable[..., Prepared]


@pytest.fixture(scope="session")
def read() -> Callable[[TrainingTask], TrainingData]:
    """The data of a training, read once for all that read the same: nobody changes them."""
    known: dict[str, TrainingData] = {}

    def get(training: TrainingTask) -> TrainingData:
        # All that decides on them; two worlds have two graphs.
        train = training.job.train
        said = (training.transform_graph, training.files, training.golden, train.batch_size, train.memory_mb)
        key = repr((*said, training.stops_early, training.exports))
        if key not in known:
            known[key] = load_data(training)
        return known[key]

    return get


@pytest.fixture
def prepare(world: Callable[[str], World], read: Callable[[TrainingTask], TrainingData], tmp_path: Path) -> Prepare:
    """`prepare(task, **options of make_fn_args)`: parse, data, build. `run` names a root of its own."""

    def make(task: str = "binary", run: str = "run", **options: Any) -> Prepared:
        training = TrainingTask.parse(make_fn_args(world(task), tmp_path / run, **options), tmp_path / "scratch")
        data = read(training)
        return Prepared(training, data, build(training, data))

    return make


class Trained(NamedTuple):
    """A training through the door of all families, without an export."""

    model: keras.Model
    state: TrainingState
    task: TrainingTask
    data: TrainingData


@pytest.fixture
def trained(
    world: Callable[[str], World], read: Callable[[TrainingTask], TrainingData], tmp_path: Path
) -> Callable[..., Trained]:
    """`trained(task, **options of make_fn_args)`: parse, data, train. `run` names a root of its own."""

    def make(task: str = "binary", run: str = "run", watch: Watch | None = None, **options: Any) -> Trained:
        training = TrainingTask.parse(make_fn_args(world(task), tmp_path / run, **options), tmp_path / "scratch")
        data = read(training)
        return Trained(*train(training, data, watch=watch), training, data)

    return make


@pytest.fixture(scope="session")
def export_of(
    world: Callable[[str], World], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, dict[str, Any]], "Exported"]:
    """`export_of(task, model)`: trained and exported by `run_fn`."""

    def make(task: str, model: dict[str, Any]) -> Exported:
        run = tmp_path_factory.mktemp(f"{task}_export")
        fn_args = make_fn_args(world(task), run, model=model, train={"epochs": 4})
        run_fn(fn_args)
        return Exported(world(task), run / "Trainer" / "model" / "1", fn_args)

    return make


class Exported(NamedTuple):
    """A whole training through `run_fn`, and the lines that it logged.

    Attributes:
      world: the table.
      artifact: the Model artifact's folder.
      fn_args: what `run_fn` was called with.
    """

    world: World
    artifact: Path
    fn_args: FnArgs


EXPORTS: dict[str, dict[str, Any]] = {
    "binary": {"train": {"tensorboard": True, "epochs": 3}},
    "multiclass": {"model": {"family": "wide_deep", "params": {"hidden": [8], "batch_norm": True, "dropout": 0.2}}},
    "regression": {"model": {"family": "dcn", "params": {"hidden": [8]}}, "train": {"mixed_precision": "bfloat16"}},
}


@pytest.fixture(scope="session")
def exported(world: Callable[[str], World], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """The model of a task, trained and exported by `run_fn` at first use."""
    done: dict[str, Exported] = {}

    def get(task: str) -> Exported:
        if task not in done:
            run = tmp_path_factory.mktemp(f"{task}_run")
            fn_args = make_fn_args(world(task), run, **EXPORTS[task])
            run_fn(fn_args)
            done[task] = Exported(world(task), run / "Trainer" / "model" / "1", fn_args)
        return done[task]

    return get


@pytest.fixture
def epochs_logged() -> Iterator[list[dict[str, float]]]:
    """The numbers of each finished epoch, as they are shown to the user."""
    finished: list[dict[str, float]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # Behind how many steps that is: the number of the epoch, and its numbers.
            words = ["epoch", *record.getMessage().partition("   epoch ")[2].split()]
            if len(words) > 2 and not words[2].startswith("step"):
                finished.append(dict(zip(words[2::2], map(float, words[3::2]), strict=True)))

    logger, listener = logging.getLogger("lockgate.progress"), Listener()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    yield finished
    logger.removeHandler(listener)
    logger.setLevel(level)

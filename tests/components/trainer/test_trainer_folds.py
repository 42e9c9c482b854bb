"""Folds trained for real, and the two models that come of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attr
import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from support.killed_training import killed_in_epoch
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import standard_artifacts

from components.artifacts.cross_validation import FoldReport, FoldReports, trained_on
from components.trainer.average import average
from components.trainer.build import model_head
from components.trainer.config import JOB_KEY, FoldsJob, TrainerJob
from components.trainer.data import load_data
from components.trainer.folds import on_scale_of
from components.trainer.gather import Executor as Gather
from components.trainer.run_fn import run_fn
from components.trainer.task import TrainingTask
from components.trainer.training import with_weights
from preprocessing.features import LABEL, WEIGHT, ModelInput
from preprocessing.input_pipeline import TransformedData, dataset

pytestmark = pytest.mark.slow

FOLDS = 2
EPOCHS = 4


def written(folder: Path, rows: list[bytes]) -> None:
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "transformed_examples-00000-of-00001.gz"), "GZIP") as writer:
        for row in rows:
            writer.write(row)


def records(folder: Path) -> list[bytes]:
    files = sorted(map(str, folder.glob("*.gz")))
    return [each.numpy() for each in tf.data.TFRecordDataset(files, compression_type="GZIP")]


class Folds:
    """The binary table of these tests in two folds of train and eval, with what is made of them."""

    def __init__(self, exported: Any, folder: Path, model: dict[str, Any]) -> None:
        self.done, self.folder, self.model = exported, folder, model
        self.examples = folder / "examples"
        rows = [row for split in ("train", "eval") for row in records(exported.world.examples / f"Split-{split}")]
        for number in range(1, FOLDS + 1):
            written(self.examples / f"Split-fold-{number}", rows[number - 1 :: FOLDS])
        self.test = records(exported.world.examples / "Split-test")
        written(self.examples / "Split-test", self.test)

    def fn_args(self, job: FoldsJob, run: str, others: list[str], base: Path | None = None) -> FnArgs:
        """What TFX would give the Trainer of one node."""
        told = TrainerJob.from_json(self.done.fn_args.custom_config[JOB_KEY])
        train = told.train.model_copy(update={"epochs": EPOCHS, "tensorboard": False})
        told = told.model_copy(update={"folds": job, "train": train})
        told = TrainerJob.from_json(json.dumps(json.loads(told.to_json()) | {"model": self.model}))
        return attr.evolve(
            self.done.fn_args,
            train_files=[str(self.examples / f"Split-{each}" / "*") for each in job.train],
            eval_files=[str(self.examples / f"Split-{each}" / "*") for each in others],
            serving_model_dir=str(self.folder / run / "model" / "1" / "Format-Serving"),
            model_run_dir=str(self.folder / run / "model_run" / "1"),
            base_model=None if base is None else str(base / "Format-Serving"),
            custom_config=self.done.fn_args.custom_config | {JOB_KEY: told.to_json()},
        )

    def fold(self, number: int) -> FnArgs:
        held_out = f"fold-{number}"
        others = trained_on(number, FOLDS, by_time=False)
        job = FoldsJob(work="fold", fold=number, train=others, held_out=(held_out,))
        return self.fn_args(job, f"Fold{number}", [held_out])

    def final(self, work: Any, run: str) -> FnArgs:
        job = FoldsJob(work=work, train=("fold-1", "fold-2"))
        return self.fn_args(job, run, ["test"], self.gathered)

    @property
    def gathered(self) -> Path:
        return self.folder / "gathered"

    def artifact(self, run: str) -> Path:
        return self.folder / run / "model" / "1"

    def report(self, number: int) -> FoldReport:
        return FoldReport.model_validate_json((self.artifact(f"Fold{number}") / "Format-Serving/fold.json").read_text())


# Families differ in how weights are kept: a Keras model's, and a forest's. A whole pipeline's folds are of `mlp`
# (tests/e2e/test_compiled_pipeline.py).
MODELS: dict[str, dict[str, Any]] = {
    "tabm": {"family": "tabm", "params": {"k": 3, "width": 8}},
    "gbt": {"family": "gbt", "params": {"trees": 20, "learning_rate": 0.2, "leaf_rows": 5, "leaves": 8}},
}


@pytest.fixture(scope="module", params=MODELS)
def folds(
    request: pytest.FixtureRequest, exported: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory
) -> Folds:
    """Both folds trained, and gathered."""
    made = Folds(exported("binary"), tmp_path_factory.mktemp("folds"), MODELS[request.param])
    models = {}
    for number in range(1, FOLDS + 1):
        run_fn(made.fold(number))
        models[f"fold_{number}"] = [standard_artifacts.Model()]
        models[f"fold_{number}"][0].uri = str(made.artifact(f"Fold{number}"))
    gathered = standard_artifacts.Model()
    gathered.uri = str(made.gathered)
    Gather().Do(models, {"model": [gathered]}, {"ensemble": 1})
    return made


def member(folds: Folds, number: int, scratch: Path) -> tuple[keras.Model, TrainingTask]:
    """A fold's model, from its weights."""
    task = TrainingTask.parse(folds.fold(number), scratch)
    weights = folds.artifact(f"Fold{number}") / "Format-Serving/model.weights.h5"
    return with_weights(task, load_data(task), str(weights), folds.report(number).size), task


def probability(model: keras.Model, inputs: dict[str, tf.Tensor]) -> np.ndarray[Any, Any]:
    """Of the positive class, worked out from the logit."""
    return 1 / (1 + np.exp(-np.asarray(model(inputs, training=False), np.float64)[:, 0]))


def weights(artifact: Path) -> list[np.ndarray[Any, Any]]:
    found = []
    with h5py.File(artifact / "training/model.weights.h5") as file:
        file.visititems(lambda _, item: found.append(np.asarray(item)) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.mark.parametrize("number", [1, 2])
def test_a_fold_leaves_its_predictions_of_the_rows_it_has_not_seen(folds: Folds, tmp_path: Path, number: int) -> None:
    model, task = member(folds, number, tmp_path)
    data = load_data(task)
    held_out = records(folds.examples / f"Split-fold-{number}")
    parsed = tf.io.parse_example(held_out, data.schema.spec)
    known = parsed[LABEL].numpy()[:, 0] >= 0
    left = np.load(folds.artifact(f"Fold{number}") / "Format-Serving/held_out.npz")
    assert left["label"].tolist() == parsed[LABEL].numpy()[known, 0].tolist()
    assert left["weight"].tolist() == parsed[WEIGHT].numpy()[known, 0].tolist()
    [(inputs, _)] = dataset(task.files["eval"], data.schema, batch_size=1000)
    expected = probability(model, inputs)
    assert left["prediction"][:, 1] == pytest.approx(expected, abs=1e-6)
    report = folds.report(number)
    assert (report.fold, report.held_out_rows, report.monitor) == (number, known.sum(), "val_loss")
    assert report.train_rows == 167 - known.sum()  # 170 rows of train and eval, three of them without a label
    assert 1 <= report.best_epoch <= report.epochs == EPOCHS
    # Nothing of it can be served (the folder is TFX's wish), and nothing of an unfinished training is left.
    files = {"fold.json", "held_out.npz", "model.weights.h5"}
    assert {each.name for each in folds.artifact(f"Fold{number}").rglob("*.*")} == files
    assert not list(folds.folder.rglob(".checkpoints*/*"))


def test_what_the_folds_came_to_is_gathered(folds: Folds) -> None:
    found = FoldReports.model_validate_json((folds.gathered / "training/folds.json").read_text())
    assert found.folds == (folds.report(1), folds.report(2))
    for number in (1, 2):
        source = folds.artifact(f"Fold{number}") / "Format-Serving"
        for name, copy in (("held_out.npz", f"fold-{number}.npz"), ("model.weights.h5", f"fold-{number}.weights.h5")):
            assert (folds.gathered / "training" / copy).read_bytes() == (source / name).read_bytes()


def test_the_refit_learns_from_all_rows_as_long_as_the_folds_found_best(
    folds: Folds, epochs_logged: list[dict[str, float]]
) -> None:
    best = max(folds.report(number).best_epoch for number in (1, 2))  # the upper median of two
    run_fn(folds.final("refit", "refit"))
    assert len(epochs_logged) == best
    assert all(not name.startswith("val_") for epoch in epochs_logged for name in epoch)
    artifact = folds.artifact("refit")
    assert (artifact / "Format-Serving/saved_model.pb").is_file()
    # The shares of the classes by weight, over the labelled rows of train and eval.
    rows = [row for split in ("train", "eval") for row in folds.done.world.rows[split] if row["bought"] is not None]
    total = sum(row["weight"] for row in rows)
    positive = sum(row["weight"] for row in rows if row["bought"] == "yes") / total
    contract = json.loads((artifact / "golden/contract.json").read_text())
    assert contract["trivial"]["answer"] == pytest.approx([1 - positive, positive])


def test_a_refit_that_is_killed_ends_with_the_same_weights_and_other_test_rows_change_none(folds: Folds) -> None:
    if folds.report(1).best_epoch < 2 and folds.report(2).best_epoch < 2:
        pytest.fail("the folds are best after one epoch: nothing to kill")
    if not folds.artifact("refit").exists():
        run_fn(folds.final("refit", "refit"))
    whole = weights(folds.artifact("refit"))
    with killed_in_epoch(2):
        run_fn(folds.final("refit", "killed"))
    split = folds.examples / "Split-test"
    for file in split.iterdir():
        file.unlink()
    split.rmdir()
    written(split, folds.test[::-1][:11])
    run_fn(folds.final("refit", "killed"))
    for before, after in zip(whole, weights(folds.artifact("killed")), strict=True):
        assert (before == after).all()


def test_the_ensemble_answers_the_mean_of_its_members(folds: Folds, tmp_path: Path) -> None:
    run_fn(folds.final("ensemble", "ensemble"))
    artifact = folds.artifact("ensemble")
    served = tf.saved_model.load(str(artifact / "Format-Serving")).signatures["serving_default"]
    got = served(examples=tf.constant(folds.done.world.serialized("test")))["probabilities"].numpy()
    schema = load_data(member(folds, 1, tmp_path)[1]).schema
    files = [str(each) for each in sorted((folds.done.world.examples / "Split-test").glob("*.gz"))]
    [(inputs, _)] = dataset(files, schema, batch_size=1000)
    each = [probability(member(folds, number, tmp_path)[0], inputs) for number in (1, 2)]
    assert got[:, 1] == pytest.approx(np.mean(each, axis=0), abs=1e-6)
    assert np.abs(each[0] - each[1]).max() > 1e-3
    # A later warm start takes a single model's weights only.
    assert json.loads((artifact / "training/architecture.json").read_text())["members"] == 2


def constant_model(outputs: list[float], name: str) -> keras.Model:
    """A model that answers the same to every row."""
    inputs = {"x": keras.Input((1,), name="x")}
    dense = keras.layers.Dense(len(outputs), kernel_initializer="zeros", name=name)
    model = keras.Model(inputs, dense(inputs["x"]))
    dense.set_weights([np.zeros((1, len(outputs))), np.asarray(outputs)])
    return model


SCHEMA = TransformedData((ModelInput("x", "dense", 1),), (), {}, False, "")
ROW = {"x": tf.constant([[1.0]])}


def test_probabilities_are_averaged_and_a_sure_member_overflows_nothing() -> None:
    logits = np.array([[2.0, 0.0, -1.0], [80.0, -80.0, 0.0]])
    members = [constant_model(list(each), f"m{number}") for number, each in enumerate(logits)]
    got = np.asarray(average(members, [(0, 1)] * 2, (0, 1), "multiclass", SCHEMA)(ROW))[0]
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = (shifted / shifted.sum(axis=1, keepdims=True)).mean(axis=0)
    softmax = np.exp(got - got.max()) / np.exp(got - got.max()).sum()
    assert softmax == pytest.approx(expected, abs=1e-6)

    binary = [constant_model([3.0], "p"), constant_model([-60.0], "q")]
    [[logit]] = np.asarray(average(binary, [(0, 1)] * 2, (0, 1), "binary", SCHEMA)(ROW))
    assert 1 / (1 + np.exp(-float(logit))) == pytest.approx(0.5 / (1 + np.exp(-3.0)), abs=1e-6)


def test_numbers_are_averaged_in_the_labels_own_units() -> None:
    members = [constant_model([1.0], "one"), constant_model([-2.0], "two")]
    scales, scale = [(10.0, 2.0), (20.0, 3.0)], (11.0, 4.0)
    # 10 + 1 * 2 = 12 and 20 - 2 * 3 = 14: the mean is 13, which is 0.5 of 4 above 11.
    assert np.asarray(average(members, scales, scale, "regression", SCHEMA)(ROW)) == pytest.approx(0.5)


def test_a_fold_keeps_within_the_labels_on_its_own_scale(prepare: Callable[..., Any]) -> None:
    prepared = prepare("regression", model={"family": "tabm", "params": {"k": 2, "width": 4}})
    summary = prepared.data.train
    report = FoldReport(
        fold=1,
        train_rows=70,
        held_out_rows=70,
        epochs=1,
        best_epoch=1,
        monitor="val_loss",
        best=0.5,
        mean=summary.mean + 2,
        std=3 * summary.std,
    )
    head = model_head(prepared.task.job.features.label, on_scale_of(report, prepared.data))
    expected = [(each - summary.mean - 2) / (3 * summary.std) for each in (summary.low, summary.high)]
    assert head.bounds == pytest.approx(expected)

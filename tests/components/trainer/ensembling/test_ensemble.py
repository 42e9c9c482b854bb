"""Whole trainings of the family `ensemble`: exported, killed, in processes, distilled, refused."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.killed_training import killed_in_epoch

from components.artifacts.ensemble import EnsembleReport
from components.trainer.checkpoint import Checkpoint
from components.trainer.data import training_batches
from components.trainer.ensembling import ensemble as ensembling
from components.trainer.ensembling.answers import Judge
from components.trainer.ensembling.members import members_of, train_here
from components.trainer.training import train
from preprocessing.errors import UserError
from preprocessing.features import LABEL, WEIGHT
from preprocessing.input_pipeline import dataset

pytestmark = pytest.mark.slow

Trained = Callable[..., Any]
GBT = {"family": "gbt", "params": {"trees": 12, "learning_rate": 0.3, "leaf_rows": 5, "leaves": 6, "depth": 3}}
MLP = {"family": "mlp", "params": {"hidden": [8], "dropout": 0.2}}
TASKS = pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])


def of(*members: Any, **params: Any) -> dict[str, Any]:
    return {"family": "ensemble", "params": {"members": list(members), **params}}


def report_of(artifact: Path) -> EnsembleReport:
    return EnsembleReport.model_validate_json((artifact / "training/ensemble.json").read_text())


def without_budgets(report: EnsembleReport) -> EnsembleReport:
    """Without what the training took."""
    members = tuple(each.model_copy(update={"budget": ""}) for each in report.members)
    return report.model_copy(update={"members": members})


def weights(model: Any) -> list[np.ndarray]:
    return [np.asarray(each) for each in model.get_weights()]


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


def shares(task: str, raw: np.ndarray) -> np.ndarray:
    """The probabilities of all classes behind a model's outputs, or the number itself."""
    if task == "regression":
        return raw
    logits = np.concatenate([np.zeros_like(raw), raw], axis=1) if task == "binary" else raw
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_the_export_answers_as_the_weighted_average_of_its_members_trained_alone(
    export_of: Callable[..., Any], trained: Trained
) -> None:
    done = export_of("regression", of(GBT, MLP))
    report = report_of(done.artifact)
    assert [each.name for each in report.members] == ["gbt", "mlp"]
    assert all(each.weight >= 1 / 20 for each in report.members)
    [gbt, mlp] = [
        trained("regression", run=f"{at}", model=each, seed=1 + at, train={"epochs": 4})
        for at, each in enumerate([GBT, MLP])
    ]
    [(inputs, _)] = dataset(gbt.task.files["test"], gbt.data.schema, batch_size=1000)
    parts = [np.asarray(each.model(inputs), np.float64) for each in (gbt, mlp)]
    average = sum(member.weight * part for member, part in zip(report.members, parts, strict=True))
    # The label is the logarithm, and standardised.
    expected = np.exp(average[:, 0] * gbt.data.train.std + gbt.data.train.mean)

    serve = tf.saved_model.load(str(done.artifact / "Format-Serving")).signatures
    examples = tf.constant(done.world.serialized("test"))
    keys = serve["transform_features"](examples=examples)["row_key_xf"].numpy()[:, 0].tolist()
    stored = np.load(done.artifact / "golden/predictions.npz")
    got = serve["serving_default"](examples=examples)["value"].numpy()
    np.testing.assert_allclose(got[[keys.index(key) for key in stored["row_key"].tolist()]], stored["value"], rtol=1e-5)
    np.testing.assert_allclose(stored["value"], expected, rtol=1e-5)


def test_a_killed_training_goes_on_with_the_member_that_was_killed(
    trained: Trained,
    prepare: Callable[..., Any],
    epochs_logged: list[dict[str, float]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopping = {"monitor": "val_loss", "patience": 2}
    train = {"epochs": 12, "early_stopping": stopping, "learning_rate": 0.05, "class_weights": "balanced"}
    options = {"model": of(MLP, "gbt", MLP), "train": train | {"tensorboard": True, "budget_minutes": 30}}
    whole = trained(run="whole", **options)
    report = report_of(whole.task.artifact_dir)
    assert [each.name for each in report.members] == ["mlp", "gbt", "mlp-2"]
    assert all(each.budget.endswith("of 30 min were enough") for each in report.members)
    assert [each.partition(": train.budget_minutes: ")[0] for each in report.budget().split("; ")] == [
        "mlp",
        "gbt",
        "mlp-2",
    ]
    epochs = [each.epochs for each in report.members]
    assert len(epochs_logged) == sum(epochs)
    # Each stopped by itself, and two of one family are not the same.
    assert all(each.epochs == min(12, each.best_epoch + 2) for each in report.members)
    assert report.members[0].metrics != report.members[2].metrics
    folders = {path.parent.parent.name for path in whole.task.log_dir.rglob("events.out.tfevents.*")}
    assert folders == {"mlp", "gbt", "mlp-2"}

    begun = prepare(run="killed", **options)
    train_here(members_of(begun.task, begun.task.job.model.params)[0], begun.data)
    epochs_logged.clear()
    with killed_in_epoch(3):  # of the second member, as the first one has finished
        trained(run="killed", **options)
    again = trained(run="killed", **options)
    assert "training goes on after epoch 2, from " in caplog.text
    assert len(epochs_logged) == epochs[1] + 1 + epochs[2]
    assert_same(again.model, whole.model)
    assert without_budgets(report_of(again.task.artifact_dir)) == without_budgets(report)
    # Nothing is left to train.
    assert_same(trained(run="killed", **options).model, whole.model)
    assert len(epochs_logged) == epochs[1] + 1 + epochs[2]


def test_members_in_processes_become_the_same_and_a_killed_process_costs_no_finished_one(
    trained: Trained,
    own_code: None,  # noqa: ARG001
    forked: None,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    flag = tmp_path / "was killed"
    deadly = {"family": "own_code_of_trainer_tests.killed_once", "params": {"units": 4, "flag": str(flag)}}
    options = {"model": of(GBT, MLP, deadly, parallel=2, weights="equal"), "train": {"epochs": 3}}
    with pytest.raises(UserError, match=r"the member killed_once could not be trained: .*SIGKILL") as caught:
        trained(run="beside", **options)
    assert caught.value.field == ("model", "params", "members", 2)
    assert "model.params.parallel: 1" in caught.value.hint
    beside = trained(run="beside", **options)
    options["model"]["params"].pop("parallel")
    assert_same(beside.model, trained(run="here", **options).model)


def test_members_are_trained_by_settings_of_their_own(
    trained: Trained,
    epochs_logged: list[dict[str, float]],
    forked: None,  # noqa: ARG001
) -> None:
    own = {
        "gbt": {"epochs": 3},
        "mlp": {"batch_size": 16, "epochs": 2, "learning_rate": 0.02, "schedule": {"name": "cosine"}},
        "student": {"epochs": 5, "batch_size": 70},
    }
    student = {"family": "mlp", "params": {"hidden": [4]}}
    model = of(GBT, MLP, MLP, distill=True, student=student)
    train = {"epochs": 4, "members": own}
    done = trained(model=model, train=train)
    report = report_of(done.task.artifact_dir)
    assert [each.epochs for each in report.members] == [3, 2, 4]
    assert report.student is not None
    assert report.student.epochs == 5
    # Each is the model that it would be alone, with its settings as those of all.
    seeds = {"mlp": 2, "mlp-2": 3}
    logs = iter(epochs_logged[3:])  # the trees' come first
    for name, settings in [("mlp", own["mlp"]), ("mlp-2", {})]:
        inside = [next(logs) for _ in range(settings.get("epochs", 4))]
        before = len(epochs_logged)
        trained(run=name, model=MLP, seed=seeds[name], train={"epochs": 4} | settings)
        assert epochs_logged[before:] == inside
    # In processes of their own too.
    beside = of(GBT, MLP, MLP, distill=True, student=student, parallel=2)
    assert_same(trained(run="beside", model=beside, train=train).model, done.model)


@TASKS
def test_answers_are_averaged_and_a_student_learns_them_mixed_with_labels(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    seen: dict[str, Any] = {}
    softened = ensembling._softened

    def kept(*arguments: Any) -> Any:
        seen["data"], seen["teacher"] = softened(*arguments), arguments[2]
        return seen["data"]

    monkeypatch.setattr(ensembling, "_softened", kept)
    student = {"family": "mlp", "params": {"hidden": [4]}}
    model = of(GBT, MLP, distill=True, student=student, soft=0.6, rounds=3)
    done, teacher = trained(task, model=model, train={"epochs": 3}), seen["teacher"]
    report, units = report_of(done.task.artifact_dir), 3 if task == "multiclass" else 1

    def answers(model: Any, inputs: Any) -> np.ndarray:
        return shares(task, np.asarray(model(inputs), np.float64))

    # The average's numbers on eval, by the arithmetic of this test.
    [(inputs, targets)] = dataset(done.task.files["eval"], done.data.schema, batch_size=1000)
    assert sorted(each.weight for each in report.members) in ([0.5, 0.5], pytest.approx([1 / 3, 2 / 3]))
    average = sum(
        each.weight * answers(model, inputs) for each, model in zip(report.members, teacher.members, strict=True)
    )
    np.testing.assert_allclose(answers(teacher, inputs), average, rtol=1e-5)
    label, rows = targets[LABEL].numpy()[:, 0], np.arange(len(average))
    if task == "regression":
        losses = (average[:, 0] - (label - done.data.train.mean) / done.data.train.std) ** 2
    else:
        losses = -np.log(average[rows, label])
    weights_of_rows = targets[WEIGHT].numpy()[:, 0] if WEIGHT in targets else None
    assert report.metrics["loss"] == pytest.approx(np.average(losses, weights=weights_of_rows), rel=1e-5)

    # The student is exported, and has learned both.
    assert [each.shape for each in weights(done.model)][-2:] == [(4, units), (units,)]
    inputs, learned, _ = next(iter(training_batches(done.task, seen["data"], first_batch=0)))
    _, hard, _ = next(iter(training_batches(done.task, done.data, first_batch=0)))
    soft = answers(teacher, inputs)[:, 1:] if task == "binary" else answers(teacher, inputs)
    np.testing.assert_allclose(learned, 0.6 * soft + 0.4 * hard.numpy(), rtol=1e-4, atol=1e-6)
    assert report.student is not None
    assert report.student.metrics["loss"] == pytest.approx(done.state.best)
    cost = report.student.metrics["loss"] - report.metrics["loss"]
    said = "worse" if cost > 0 else "better"
    assert report.line().endswith(f"{abs(cost):.4g} {said} than the ensemble that it learned from")


def test_members_are_kept_where_the_machine_is_not(
    prepare: Callable[..., Any], epochs_logged: list[dict[str, float]], tmp_path: Path
) -> None:
    prepared = prepare(model=of(MLP, GBT), train={"epochs": 1})
    task = dataclasses.replace(prepared.task, checkpoints=str(tmp_path / "kept"))
    first, _ = train(task, prepared.data)
    assert len(epochs_logged) == 2
    shutil.rmtree(task.checkpoint_dir)
    again, _ = train(task, prepared.data)
    assert len(epochs_logged) == 2
    assert_same(again, first)
    Checkpoint(task.checkpoint_dir, task.checkpoint_mirror).remove()
    assert not [each for each in (tmp_path / "kept").rglob("*") if each.is_file()]


def test_a_run_with_fewer_processes_goes_on_with_what_is_there(prepare: Callable[..., Any]) -> None:
    many, one, other = (
        prepare(model=model).task.checkpoint_dir
        for model in (of(MLP, GBT, parallel=2), of(MLP, GBT), of(MLP, GBT, rounds=5))
    )
    assert many == one != other


def test_a_student_that_reads_files_is_refused(trained: Trained) -> None:
    with pytest.raises(UserError) as caught:
        trained(model=of(MLP, MLP, distill=True), train={"memory_mb": 0})
    assert caught.value.field == ("train", "memory_mb")


def test_a_member_that_can_not_be_trained_is_named(trained: Trained) -> None:
    with pytest.raises(UserError, match=r"^train\.memory_mb: the training of gbt: ") as caught:
        trained(model=of(GBT, MLP), train={"memory_mb": 0})
    assert caught.value.hint


def test_weights_of_no_row_are_refused(prepare: Callable[..., Any]) -> None:
    prepared = prepare(model=of(MLP, MLP))
    rows = prepared.data.eval_rows
    none = dataclasses.replace(rows, targets=rows.targets | {WEIGHT: tf.zeros_like(rows.targets[WEIGHT])})
    with pytest.raises(UserError, match="weight 0"):
        Judge.of(prepared.task, dataclasses.replace(prepared.data, eval_rows=none))

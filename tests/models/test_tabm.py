"""The members of `tabm`: what each of them sees, how they are trained, and what they answer together."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.config import TabmModel, TabmParams
from models.heads import Head
from models.registry import build_model
from models.tabm import TabM
from preprocessing.features import ModelInput

Batch = dict[str, np.ndarray]
MakeBatch = Callable[[int], Batch]
Inputs = tuple[ModelInput, ...]
SMALL = TabmParams(k=4, blocks=2, width=6, dropout=0.0)
HEADS = {
    "binary": Head("binary", 2, (0.7,)),
    "multiclass": Head("multiclass", 3, (0.5, 0.0, -0.5)),
    "regression": Head("regression", 0),
}
tasks = pytest.mark.parametrize("task", HEADS)


def small(inputs: Inputs, head: Head, **params: object) -> TabM:
    model = build_model(TabmModel(family="tabm", params=SMALL.model_copy(update=params)), inputs, head)
    assert isinstance(model, TabM)
    return model


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


@tasks
def test_it_answers_the_mean_of_the_members(task: str, inputs: Inputs, make_batch: MakeBatch) -> None:
    model, batch = small(inputs, HEADS[task]), make_batch(9)
    members = np.asarray(model(batch, training=True), np.float64)
    units = HEADS[task].units
    assert members.shape == (9, 4, units)
    assert not np.allclose(members[:, 0], members[:, 1])  # they don't answer alike
    got = np.asarray(model(batch, training=False), np.float64)
    assert got.shape == (9, units)
    if task == "regression":
        np.testing.assert_allclose(got, members.mean(axis=1), rtol=1e-5, atol=1e-6)
    elif task == "binary":
        np.testing.assert_allclose(sigmoid(got), sigmoid(members).mean(axis=1), rtol=1e-5)
    else:
        np.testing.assert_allclose(softmax(got), softmax(members).mean(axis=1), rtol=1e-5)


def test_members_that_are_certain_leave_finite_answers(inputs: Inputs, make_batch: MakeBatch) -> None:
    model = small(inputs, HEADS["binary"])
    model.heads.bias.assign(np.full((4, 1), 1e4))
    assert np.isfinite(np.asarray(model(make_batch(3)))).all()


def test_a_member_begins_with_one_sign_for_all_that_an_input_is_encoded_by(inputs: Inputs) -> None:
    model = small(inputs, HEADS["binary"], k=64)
    scale = np.asarray(model.scales.scale)
    assert set(np.unique(scale)) == {-1.0, 1.0}
    # The price, a cycle of two numbers, one-hot colours, and shops as embeddings.
    assert model.encoder.widths == (1, 2, 3, 4)
    for columns in ([0], [1, 2], [3, 4, 5], [6, 7, 8, 9]):
        assert (scale[:, columns] == scale[:, columns[:1]]).all()
    assert (scale[:, 0] != scale[:, 1]).any()
    assert abs(scale[:, [0, 1, 3, 6]].mean()) < 0.3  # 256 draws: 4.8 standard deviations


def test_heads_begin_with_the_prior_and_differ(inputs: Inputs) -> None:
    model = small(inputs, HEADS["multiclass"])
    np.testing.assert_allclose(model.heads.bias, np.tile([0.5, 0.0, -0.5], (4, 1)))
    kernel = np.asarray(model.heads.kernel)
    assert np.abs(kernel).max() <= 6**-0.5
    assert not np.allclose(kernel[0], kernel[1])


LOSSES = {
    "binary": keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    "multiclass": keras.losses.CategoricalCrossentropy(from_logits=True),
    "regression": keras.losses.Huber(),
}


def labels(task: str, rows: int) -> np.ndarray:
    random = np.random.default_rng(1)
    if task == "regression":
        return random.normal(size=(rows, 1)).astype(np.float32)
    ids = random.integers(0, HEADS[task].classes, rows)
    return np.eye(3, dtype=np.float32)[ids] if task == "multiclass" else ids[:, None].astype(np.float32)


def row_losses(task: str, label: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """The loss of each row, float64 [rows], by the formula."""
    outputs = np.asarray(outputs, np.float64)
    if task == "regression":
        error = np.abs(outputs - label)[:, 0]
        return np.where(error <= 1, error**2 / 2, error - 0.5)
    if task == "binary":
        label, p = label[:, 0] * 0.9 + 0.05, sigmoid(outputs)[:, 0]
        return -(label * np.log(p) + (1 - label) * np.log(1 - p))
    return -(label * np.log(softmax(outputs))).sum(axis=1)


@tasks
def test_training_averages_the_losses_and_evaluation_measures_the_mean(
    task: str, inputs: Inputs, make_batch: MakeBatch
) -> None:
    model, batch, label = small(inputs, HEADS[task]), make_batch(8), labels(task, 8)
    weight = np.linspace(0, 2, 8, dtype=np.float32)[:, None]
    members = np.asarray(model(batch, training=True))
    mean = np.asarray(model(batch, training=False))
    metric = {
        "binary": keras.metrics.BinaryAccuracy("accuracy", threshold=0.0),
        "multiclass": keras.metrics.CategoricalAccuracy("accuracy"),
        "regression": keras.metrics.MeanAbsoluteError("mae"),
    }[task]
    # A rate of 0: the weights stay what they are.
    model.compile(keras.optimizers.SGD(0.0), LOSSES[task], weighted_metrics=[metric])
    batches = tf.data.Dataset.from_tensors((batch, label, weight))
    history = model.fit(batches, validation_data=batches, verbose=0).history

    by_member = [np.mean(row_losses(task, label, members[:, at]) * weight[:, 0]) for at in range(4)]
    assert history["loss"][0] == pytest.approx(np.mean(by_member), rel=1e-5)
    assert history["val_loss"][0] == pytest.approx(np.mean(row_losses(task, label, mean) * weight[:, 0]), rel=1e-5)
    assert history["loss"][0] != pytest.approx(history["val_loss"][0], rel=1e-5)
    if task == "regression":
        measured = np.abs(mean - label)[:, 0]
    elif task == "binary":
        measured = (mean[:, 0] > 0) == (label[:, 0] > 0.5)
    else:
        measured = mean.argmax(axis=1) == label.argmax(axis=1)
    expected = np.average(measured, weights=weight[:, 0])
    assert history[metric.name][0] == pytest.approx(expected, rel=1e-5)
    assert history[f"val_{metric.name}"][0] == pytest.approx(expected, rel=1e-5)


def test_a_step_moves_each_member_by_its_own_error(inputs: Inputs, make_batch: MakeBatch) -> None:
    # Members with opposite answers: their mean is right, each of them is wrong.
    model, batch = small(inputs, HEADS["regression"], k=2), make_batch(16)
    for each in (model.heads.kernel, *model.hidden.trainable_weights):
        each.assign(np.zeros(each.shape))
    model.heads.bias.assign([[5.0], [-5.0]])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(tf.data.Dataset.from_tensors((batch, np.zeros((16, 1), np.float32))), verbose=0)
    # The gradient of the mean of two squared errors is 2 * error / 2.
    np.testing.assert_allclose(model.heads.bias, [[4.5], [-4.5]], rtol=1e-5)


def test_a_regression_stays_within_the_range_of_its_labels(inputs: Inputs, make_batch: MakeBatch) -> None:
    head = Head("regression", 0, bounds=(-1.5, 2.0))
    for clamp, expected in ((True, (-1.5, 2.0)), (False, (-9.0, 9.0))):
        model = small(inputs, head, clamp=clamp)
        for each in (model.heads.kernel, *model.hidden.trainable_weights):
            each.assign(np.zeros(each.shape))
        for bias, limit in zip((-9.0, 9.0), expected, strict=True):
            model.heads.bias.assign(np.full((4, 1), bias))
            assert np.asarray(model(make_batch(2))).tolist() == [[limit]] * 2
            # While it trains, an answer out of the range has a gradient.
            assert np.asarray(model(make_batch(2), training=True)).tolist() == [[[bias]] * 4] * 2


def test_one_member_is_a_plain_network(inputs: Inputs, make_batch: MakeBatch) -> None:
    model, batch = small(inputs, HEADS["binary"], k=1), make_batch(5)
    np.testing.assert_allclose(model(batch), np.asarray(model(batch, training=True))[:, 0], rtol=1e-5, atol=1e-6)

"""The compiled model: loss, optimizer, first bias, warm start, own families."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from components.trainer.build import steps_per_execution
from preprocessing.errors import UserError
from preprocessing.input_pipeline import dataset

pytestmark = pytest.mark.slow

Prepare = Callable[..., Any]


def log_loss(labels: np.ndarray[Any, Any], logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Binary cross-entropy of each row."""
    probabilities = 1 / (1 + np.exp(-logits))
    rows: np.ndarray[Any, Any] = -(labels * np.log(probabilities) + (1 - labels) * np.log(1 - probabilities))
    return rows


def test_binary_loss_with_label_smoothing(prepare: Prepare) -> None:
    model = prepare(train={"label_smoothing": 0.2}).model
    labels, logits = np.array([[1.0], [0.0]]), np.array([[2.0], [-1.0]])
    # Smoothing by 0.2 makes 0.9 of 1, and 0.1 of 0.
    expected = log_loss(np.array([[0.9], [0.1]]), logits).mean()
    assert float(model.loss(labels, logits)) == pytest.approx(expected, rel=1e-5)


def test_multiclass_loss_with_label_smoothing(prepare: Prepare) -> None:
    model = prepare("multiclass", train={"label_smoothing": 0.3}).model
    logits = np.log([[0.2, 0.5, 0.3]])
    # 1 becomes 0.7 + 0.3 / 3, and 0 becomes 0.3 / 3.
    expected = -(0.1 * np.log(0.2) + 0.8 * np.log(0.5) + 0.1 * np.log(0.3))
    assert float(model.loss(np.array([[0.0, 1.0, 0.0]]), logits)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("auto", (0.25 + 9) / 2), ("mse", (0.25 + 9) / 2), ("mae", 1.75), ("huber", (0.125 + 2.5) / 2)],
)
def test_regression_losses(prepare: Prepare, name: str, expected: float) -> None:
    model = prepare("regression", train={"loss": name}).model
    assert float(model.loss(np.array([[0.0], [0.0]]), np.array([[0.5], [-3.0]]))) == pytest.approx(expected)


def test_weights_scale_each_rows_loss(prepare: Prepare) -> None:
    prepared = prepare()
    [(inputs, labels, weights)] = prepared.data.eval_batches
    logits = np.asarray(prepared.model(inputs, training=False))
    rows = log_loss(labels.numpy(), logits)
    by_hand = (rows * weights.numpy()).sum() / len(rows)
    got = prepared.model.evaluate(prepared.data.eval_batches, return_dict=True, verbose=0)
    assert got["loss"] == pytest.approx(by_hand, rel=1e-5)
    right = (logits > 0) == (labels.numpy() > 0)
    assert got["accuracy"] == pytest.approx((right * weights.numpy()).sum() / weights.numpy().sum(), rel=1e-5)


def test_a_row_of_weight_2_counts_as_two_rows(prepare: Prepare) -> None:
    """One step of plain gradient descent on [a, b, b] and on [a, b] with weights 2/3 and 4/3 of the mean."""
    prepared = prepare(train={"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.5})
    start = prepared.model.get_weights()
    [(inputs, labels, _)] = prepared.data.eval_batches

    def step(rows: list[int], weights: list[float]) -> list[np.ndarray[Any, Any]]:
        prepared.model.set_weights(start)
        batch = {name: tensor.numpy()[rows] for name, tensor in inputs.items()}
        prepared.model.train_on_batch(batch, labels.numpy()[rows], np.asarray(weights)[:, np.newaxis])
        return [np.asarray(weight) for weight in prepared.model.get_weights()]

    duplicated = step([0, 1, 1], [1, 1, 1])
    weighted = step([0, 1], [2 / 3, 4 / 3])
    for a, b in zip(duplicated, weighted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adam", "Adam"),
        ("adamw", "AdamW"),
        ("sgd", "SGD"),
        ("rmsprop", "RMSprop"),
        ("adagrad", "Adagrad"),
        ("lion", "Lion"),
    ],
)
def test_optimizers(prepare: Prepare, name: str, kind: str) -> None:
    train = {"optimizer": name, "learning_rate": 0.25, "momentum": 0.5, "clip_norm": 3.0}
    model = prepare(train=train).model
    optimizer = model.optimizer
    assert type(optimizer).__name__ == kind
    assert optimizer.global_clipnorm == 3.0
    assert float(optimizer.learning_rate) == pytest.approx(0.25)
    if name in ("sgd", "rmsprop"):
        assert optimizer.momentum == 0.5
    # Nothing pulls at a weight that has no gradient: no decay that the configuration does not name.
    before = model.get_weights()
    optimizer.apply([keras.ops.zeros(v.shape) for v in model.trainable_variables], model.trainable_variables)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


EMBEDDED = {"family": "mlp", "params": {"hidden": [4], "batch_norm": True, "one_hot_max": 1}}


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_shrinks_weights_but_no_biases_and_norms(prepare: Prepare, name: str) -> None:
    train = {"optimizer": name, "learning_rate": 0.5, "weight_decay": 0.1}
    model = prepare(train=train, model=EMBEDDED).model
    before = [np.ones(variable.shape) for variable in model.trainable_variables]
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones(variable.shape))
    model.optimizer.apply([keras.ops.zeros(v.shape) for v in model.trainable_variables], model.trainable_variables)
    factors = {}
    for variable, old in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_allclose(variable / old, np.ravel(variable)[0], rtol=1e-6)
        factors.setdefault(variable.name, set()).add(round(float(np.ravel(variable)[0]), 5))
    # 1 - rate * decay
    assert factors == {"kernel": {0.95}, "embeddings": {0.95}, "bias": {1.0}, "beta": {1.0}, "gamma": {1.0}}


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_embeddings_and_biases_have_their_own_rates(prepare: Prepare, name: str) -> None:
    train = {"optimizer": name, "momentum": 0.0, "learning_rate": 0.25}
    multipliers = {"embeddings": 2.0, "biases": 0.1}

    def steps(**options: Any) -> dict[str, set[float]]:
        model = prepare(train=train | options, model=EMBEDDED).model
        before = [np.array(variable, np.float64) for variable in model.trainable_variables]
        model.optimizer.apply([keras.ops.ones(v.shape) for v in model.trainable_variables], model.trainable_variables)
        found: dict[str, set[float]] = {}
        for variable, old in zip(model.trainable_variables, before, strict=True):
            found.setdefault(variable.name, set()).update(
                np.round(old - np.array(variable, np.float64), 4).ravel().tolist()
            )
        return found

    # A first step of Adam is as long as the rate, whatever the gradient; of SGD it is the rate times the gradient of 1.
    assert steps() == {key: {0.25} for key in ("kernel", "embeddings", "bias", "beta", "gamma")}
    expected = {"kernel": {0.25}, "embeddings": {0.5}, "bias": {0.025}, "beta": {0.025}, "gamma": {0.25}}
    assert steps(rate_multipliers=multipliers) == expected


def test_training_starts_at_the_class_frequencies(prepare: Prepare) -> None:
    binary = prepare("binary")
    [no, yes] = binary.data.train.counts
    bias = float(np.asarray(binary.model.get_layer("head").bias)[0])
    assert bias == pytest.approx(np.log((yes + 0.5) / (no + 0.5)), rel=1e-5)
    multiclass = prepare("multiclass")
    counts = np.asarray(multiclass.data.train.counts) + 0.5
    got = np.asarray(multiclass.model.get_layer("head").bias)
    np.testing.assert_allclose(got, np.log(counts / counts.sum()), rtol=1e-5)


def test_warm_start_begins_with_the_champions_weights(
    prepare: Prepare, exported: Callable[[str], Any], recwarn: pytest.WarningsRecorder
) -> None:
    champion = exported("binary")
    # Plain gradient descent has one variable, its step, which must not be the champion's.
    train = {"warm_start": True, "optimizer": "sgd", "momentum": 0.0, "schedule": {"name": "cosine"}}
    warm = prepare(seed=5, base_model=champion.artifact, train=train)
    assert not [each for each in recwarn if "variable" in str(each.message)]
    assert int(warm.model.optimizer.iterations) == 0
    # The champion's own answers to the test split, before the first step.
    golden = np.load(champion.artifact / "golden" / "predictions.npz")["probabilities"]
    [(inputs, _)] = dataset(warm.task.files["test"], warm.data.schema, batch_size=1000)
    logits = np.asarray(warm.model(inputs, training=False))[:, 0]
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), golden[:, 1], rtol=1e-4)
    assert any(not np.array_equal(a, b) for a, b in zip(warm.weights, prepare(seed=5).weights, strict=True))


@pytest.mark.parametrize("change", ["architecture", "weights"])
def test_a_champion_that_does_not_fit_is_left_alone(
    prepare: Prepare, exported: Callable[[str], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    champion = tmp_path / "champion"
    shutil.copytree(exported("binary").artifact / "training", champion / "training")
    if change == "architecture":
        path = champion / "training" / "architecture.json"
        path.write_text(path.read_text().replace('"family": "mlp"', '"family": "dcn"'))
    else:
        (champion / "training" / "model.weights.h5").unlink()
    warm = prepare(base_model=champion, train={"warm_start": True})
    assert "starting afresh" in caplog.text
    for a, b in zip(warm.weights, prepare().weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_own_family_by_dotted_path(prepare: Prepare) -> None:
    model = {"family": "own_code_of_trainer_tests.build_model", "params": {"units": 5}}
    prepared = prepare("binary", model=model, train={"epochs": 1}).fit()
    assert {layer.units for layer in prepared.model.layers if isinstance(layer, keras.layers.Dense)} == {5, 1}


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("own_code_of_trainer_tests.nothing", "expected a keras.Model, received"),
        ("own_code_of_trainer_tests.absent", "can't be imported: AttributeError.*absent"),
        ("no_such_package.build_model", "can't be imported"),
    ],
)
def test_own_family_that_breaks_the_contract(prepare: Prepare, family: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepare("binary", model={"family": family})


def test_architecture_of_the_artifact_names_what_weights_depend_on(exported: Callable[[str], Any]) -> None:
    stored = json.loads((exported("multiclass").artifact / "training" / "architecture.json").read_text())
    assert stored["model"]["family"] == "wide_deep"
    assert stored["classes"] == ["c", "a", "b"]
    assert ["shop_ids", "categorical", 3] in stored["inputs"]


@pytest.mark.parametrize(("steps", "at_a_time"), [(1, 1), (7, 7), (50, 50), (100, 50), (110, 22), (53, 1), (1000, 50)])
def test_steps_at_a_time_divide_the_epoch(steps: int, at_a_time: int) -> None:
    assert steps_per_execution(steps) == at_a_time

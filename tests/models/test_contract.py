"""What every family promises, for every task."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.few_trees import few_trees

from models.config import (
    FAMILIES,
    DcnModel,
    DcnParams,
    DeepParams,
    EnsembleModel,
    EnsembleParams,
    GbtModel,
    MlpModel,
    ModelConfig,
    TabmModel,
    TabmParams,
    WideDeepModel,
    WideDeepParams,
)
from models.ensemble import ensemble
from models.gbt import filled_model
from models.heads import Head
from models.inputs import zero_batch
from models.registry import build_model
from preprocessing.features import ModelInput

Batch = dict[str, np.ndarray]
MakeBatch = Callable[[int], Batch]
Inputs = tuple[ModelInput, ...]

EVERYTHING_ON = {"hidden": (8, 4), "activation": "gelu", "dropout": 0.5, "batch_norm": True, "l2": 0.01}
CONFIGS: dict[str, ModelConfig] = {
    "mlp": MlpModel(family="mlp"),
    "wide_deep": WideDeepModel(family="wide_deep"),
    "dcn": DcnModel(family="dcn"),
    "gbt": GbtModel(family="gbt"),
    "tabm": TabmModel(family="tabm"),
    "ensemble": EnsembleModel(family="ensemble", params=EnsembleParams(members=("gbt", "mlp"))),
}
VARIANTS: dict[str, ModelConfig] = {
    **CONFIGS,
    "mlp_everything": MlpModel(family="mlp", params=DeepParams(**EVERYTHING_ON)),
    "mlp_linear": MlpModel(family="mlp", params=DeepParams(hidden=())),
    "wide_deep_everything": WideDeepModel(
        family="wide_deep", params=WideDeepParams(**EVERYTHING_ON, wide_l2=0.01, one_hot_max=0, embedding_dim=3)
    ),
    "dcn_stacked": DcnModel(family="dcn", params=DcnParams(**EVERYTHING_ON, structure="stacked", low_rank=2)),
    "dcn_cross_only": DcnModel(family="dcn", params=DcnParams(hidden=(), cross_layers=3)),
    "tabm_small": TabmModel(
        family="tabm", params=TabmParams(k=3, blocks=1, width=5, activation="gelu", dropout=0.5, one_hot_max=0)
    ),
}
HEADS = {"binary": Head("binary", 2), "multiclass": Head("multiclass", 3), "regression": Head("regression", 0)}
UNITS = {"binary": 1, "multiclass": 3, "regression": 1}
LOSSES = {
    "binary": keras.losses.BinaryCrossentropy(from_logits=True),
    "multiclass": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "regression": keras.losses.MeanSquaredError(),
}

# Each family with each task, and each variant at least once: the body of a model knows nothing of its head, and the
# settings of a variant are those of the body.
PAIRS = [
    ("mlp", "binary"),
    ("mlp_everything", "multiclass"),
    ("mlp_linear", "regression"),
    ("wide_deep", "multiclass"),
    ("wide_deep_everything", "binary"),
    ("wide_deep_everything", "regression"),
    ("dcn", "regression"),
    ("dcn_stacked", "binary"),
    ("dcn_cross_only", "multiclass"),
    ("tabm", "binary"),
    ("tabm_small", "multiclass"),
    ("tabm_small", "regression"),
    *((family, task) for family in ("gbt", "ensemble") for task in HEADS),
]
families = pytest.mark.parametrize("family", CONFIGS)
variants = pytest.mark.parametrize("variant", VARIANTS)
pairs = pytest.mark.parametrize(("variant", "task"), PAIRS)
# What a forest, which has no weights to train, keeps in a way of its own: see test_gbt.py.
learning_families = pytest.mark.parametrize("family", [each for each in CONFIGS if each != "gbt"])
learning_variants = pytest.mark.parametrize("variant", [each for each in VARIANTS if each != "gbt"])
learning_pairs = pytest.mark.parametrize(("variant", "task"), [each for each in PAIRS if each[0] != "gbt"])


@pytest.fixture
def inputs(inputs: Inputs) -> Inputs:
    """A bag whose tokens have vectors too: trees see the bag."""
    return (*inputs, ModelInput("words", "dense", 5, embed=2))


@pytest.fixture
def make_batch(make_batch: MakeBatch) -> MakeBatch:
    def make(rows: int) -> Batch:
        bags = np.random.default_rng(rows).integers(0, 3, size=(rows, 5)).astype(np.float32)
        bags[0] = 0  # a row without words
        return {**make_batch(rows), "words": bags}

    return make


def made(name: str, inputs: Inputs, head: Head) -> keras.Model:
    """A model of the family or variant: as it begins its training, or, as a forest begins empty, with a few trees."""
    if name == "gbt":
        numbers = sum(each.size for each in inputs if each.kind == "dense")
        return filled_model(inputs, head, few_trees(head.units, numbers))
    if name == "ensemble":
        return ensemble([made("gbt", inputs, head), made("mlp", inputs, head)], [0.4, 0.6], head.task, inputs)
    return build_model(VARIANTS[name], inputs, head)


def labels(task: str, rows: int) -> np.ndarray:
    """Class ids (0 and 1 for binary), or values around 3, shape [rows, 1]."""
    ids = (np.arange(rows) % (3 if task == "multiclass" else 2)).reshape(-1, 1)
    return ids + 2.5 if task == "regression" else ids


def predict(model: keras.Model, batch: Batch) -> np.ndarray:
    return np.asarray(model(batch))


def test_every_built_in_family_is_under_this_contract() -> None:
    assert set(CONFIGS) == set(FAMILIES)
    met = {(VARIANTS[variant].family, task) for variant, task in PAIRS}
    assert met == {(family, task) for family in FAMILIES for task in HEADS}
    assert {variant for variant, _ in PAIRS} == set(VARIANTS)


@pytest.mark.parametrize(
    ("family", "api"),
    [
        ("mlp", "Sequential"),
        ("wide_deep", "Functional"),
        ("dcn", "DeepCrossNetwork"),
        ("gbt", "Functional"),
        ("tabm", "TabM"),
        ("ensemble", "Ensemble"),
    ],
)
def test_family_uses_the_keras_api_that_it_stands_for(family: str, api: str, inputs: Inputs) -> None:
    assert type(build_model(CONFIGS[family], inputs, HEADS["binary"])).__name__ == api


@pairs
def test_built_model_is_uncompiled_and_gives_float32_of_head_units(
    variant: str, task: str, inputs: Inputs, make_batch: MakeBatch
) -> None:
    model = made(variant, inputs, HEADS[task])
    assert model.built
    assert not model.compiled
    outputs = model(make_batch(5))
    assert tuple(outputs.shape) == (5, UNITS[task])
    assert outputs.dtype == tf.float32
    assert np.isfinite(outputs).all()


@learning_pairs
def test_one_gradient_step_moves_every_weight_and_lowers_the_loss(
    variant: str, task: str, inputs: Inputs, make_batch: MakeBatch
) -> None:
    model = build_model(VARIANTS[variant], inputs, HEADS[task])
    batch, label = make_batch(64), labels(task, 64)

    def loss() -> tf.Tensor:
        return LOSSES[task](label, model(batch)) + tf.add_n([tf.constant(0.0), *model.losses])

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, [weight.value for weight in model.trainable_weights])
    values = [weight.numpy() for weight in model.trainable_weights]
    keras.optimizers.SGD(1e-4).apply_gradients(zip(gradients, model.trainable_weights, strict=True))

    for value, weight in zip(values, model.trainable_weights, strict=True):
        assert not np.array_equal(value, weight.numpy()), f"{weight.path} did not move"
    assert np.isfinite(before)
    assert loss() < before


@pytest.mark.parametrize(
    ("family", "task"),
    [
        # One linear layer each; the others make their answers in a way of each task.
        ("mlp", "binary"),
        ("wide_deep", "multiclass"),
        ("dcn", "regression"),
        *((family, task) for family in ("tabm", "gbt", "ensemble") for task in HEADS),
    ],
)
def test_export_gives_equal_outputs_after_reload_for_a_new_batch_size(
    family: str, task: str, inputs: Inputs, make_batch: MakeBatch, tmp_path: Path
) -> None:
    model = made(family, inputs, HEADS[task])
    spec = {
        name: tf.TensorSpec([None, value.shape[1]], value.dtype, name=name)
        for name, value in zero_batch(inputs, 1).items()
    }
    module = tf.Module()
    module.model = model
    module.serve = tf.function(lambda batch: {"outputs": model(batch)}, input_signature=[spec])
    tf.saved_model.save(module, tmp_path, signatures={"serving_default": module.serve})
    serve = tf.saved_model.load(tmp_path).signatures["serving_default"]

    for rows in (1, 7):
        batch = make_batch(rows)
        served = serve(**{name: tf.constant(value) for name, value in batch.items()})["outputs"]
        np.testing.assert_allclose(served, predict(model, batch), rtol=1e-5, atol=1e-6)


@learning_variants
def test_ids_out_of_range_count_as_the_nearest_valid_id(variant: str, inputs: Inputs, make_batch: MakeBatch) -> None:
    model = build_model(VARIANTS[variant], inputs, HEADS["multiclass"])
    for weight in model.trainable_weights:  # the wide part starts at zero, where all ids look alike
        weight.assign(keras.random.normal(weight.shape))
    batch = make_batch(4)
    bad = {**batch, "colour": np.array([[-1], [3], [2**40], [1]]), "shop": np.array([[-(2**63)], [-1], [3000], [5]])}
    nearest = {**batch, "colour": np.array([[0], [2], [2], [1]]), "shop": np.array([[0], [0], [2999], [5]])}

    np.testing.assert_array_equal(predict(model, bad), predict(model, nearest))
    assert not np.allclose(predict(model, bad), predict(model, batch))


@learning_families
def test_seed_decides_the_initial_weights(family: str, inputs: Inputs) -> None:
    def weights(seed: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(seed)
        model: keras.Model = build_model(CONFIGS[family], inputs, HEADS["binary"])
        return [np.asarray(weight) for weight in model.weights]

    first, again, other = weights(7), weights(7), weights(8)
    for left, right in zip(first, again, strict=True):
        np.testing.assert_array_equal(left, right)
    assert any(not np.array_equal(left, right) for left, right in zip(first, other, strict=True))


@pytest.mark.slow
@learning_variants
def test_fit_then_weights_into_a_fresh_model_gives_equal_outputs(
    variant: str, inputs: Inputs, make_batch: MakeBatch, tmp_path: Path
) -> None:
    rows = make_batch(40)
    dataset = tf.data.Dataset.from_tensor_slices((rows, labels("multiclass", 40))).batch(16)
    model = build_model(VARIANTS[variant], inputs, HEADS["multiclass"])
    initial = predict(model, rows)
    model.compile("adam", LOSSES["multiclass"])
    history = model.fit(dataset, shuffle=False, verbose=0)  # a dataset shuffles itself
    assert np.isfinite(history.history["loss"]).all()

    model.save_weights(tmp_path / "model.weights.h5")
    fresh = build_model(VARIANTS[variant], inputs, HEADS["multiclass"])
    fresh.load_weights(tmp_path / "model.weights.h5")

    assert not np.allclose(initial, predict(fresh, rows))
    np.testing.assert_array_equal(predict(fresh, rows), predict(model, rows))
    np.testing.assert_allclose(model.predict(dataset, verbose=0), predict(model, rows), rtol=1e-5, atol=1e-6)


@families
def test_xla_gives_the_same_outputs(family: str, inputs: Inputs, make_batch: MakeBatch) -> None:
    model = made(family, inputs, HEADS["regression"])
    batch = {name: tf.constant(value) for name, value in make_batch(6).items()}
    compiled = tf.function(model, jit_compile=True)
    np.testing.assert_allclose(compiled(batch), predict(model, batch), rtol=1e-4, atol=1e-5)


@variants
def test_configuration_rebuilds_the_model(variant: str, inputs: Inputs, make_batch: MakeBatch) -> None:
    head = Head("multiclass", 3, initial_bias=(0.5, 0.0, -0.5))
    model = made(variant, inputs, head)
    batch = make_batch(4)
    # Through JSON, as a saved model's configuration travels.
    again = keras.models.model_from_json(model.to_json())
    again(batch)
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(predict(again, batch), predict(model, batch))


@learning_variants
def test_mixed_precision_keeps_outputs_in_float32_and_ids_exact(
    variant: str,
    inputs: Inputs,
    make_batch: MakeBatch,
    mixed_float16: None,  # noqa: ARG001
) -> None:
    model = build_model(VARIANTS[variant], inputs, HEADS["binary"])
    for weight in model.trainable_weights:  # small: of certain answers the mean is the same for all rows
        weight.assign(keras.random.normal(weight.shape, stddev=0.1))
    batch = make_batch(2)
    same = {name: np.repeat(value[:1], 2, axis=0) for name, value in batch.items()}
    # float16 has no 2049: a cast would make the two rows alike.
    outputs = model({**same, "shop": np.array([[2048], [2049]])})

    assert outputs.dtype == tf.float32
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    assert outputs[0, 0] != outputs[1, 0]

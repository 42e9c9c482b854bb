"""Families by name and by dotted path, and what happens when one breaks the contract."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest

from models import dcn, gbt, mlp, tabm, wide_deep
from models.config import CustomModel, DeepParams, MlpModel, WideDeepModel
from models.heads import Head
from models.registry import build_model, resolve
from preprocessing.errors import UserError
from preprocessing.features import ModelInput

INPUTS = (ModelInput("x", "dense", 2), ModelInput("kind", "categorical", 30))
BATCH = {"x": np.array([[1.0, 2.0]], np.float32), "kind": np.array([[7]])}

FAMILIES_OF_A_USER = '''
import keras

from models.inputs import FeatureEncoder

NOT_A_FUNCTION = 5


def build_model(inputs, head, params):
    """A whole family: one hidden layer."""
    hidden = keras.layers.Dense(params.pop("units"), activation="relu")
    return keras.Sequential([FeatureEncoder(inputs), hidden, head.layer()])


def own_last_layer(inputs, head, params):
    return keras.Sequential([FeatureEncoder(inputs), keras.layers.Dense(params["units"])])


def compiled(inputs, head, params):
    model = build_model(inputs, head, params)
    model.compile("sgd", "mse")
    return model


def not_a_model(inputs, head, params):
    return FeatureEncoder(inputs)


def two_outputs(inputs, head, params):
    batch = {"x": keras.Input((2,), name="x"), "kind": keras.Input((1,), dtype="int64", name="kind")}
    return keras.Model(batch, [head.layer()(batch["x"]), batch["kind"]])


def fails_when_called(inputs, head, params):
    return keras.Sequential([keras.layers.Reshape((12345,)), head.layer()])
'''


@pytest.fixture(autouse=True)
def _user_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "someones_families.py").write_text(FAMILIES_OF_A_USER)
    (tmp_path / "someones_broken_module.py").write_text("import keras\nraise RuntimeError('no licence\\nat all')\n")
    (tmp_path / "someones_typo.py").write_text("def build_model(:\n")
    monkeypatch.syspath_prepend(tmp_path)


def custom(function: str, **params: object) -> CustomModel:
    return CustomModel(family=f"someones_families.{function}", params=params)


@pytest.mark.parametrize(
    ("name", "module"), [("mlp", mlp), ("wide_deep", wide_deep), ("dcn", dcn), ("gbt", gbt), ("tabm", tabm)]
)
def test_built_in_names(name: str, module: object) -> None:
    assert resolve(name) is module.build_model


def test_unknown_name_names_the_nearest_one() -> None:
    with pytest.raises(
        UserError, match=r"mlp, wide_deep, dcn, gbt, tabm, ensemble or a dotted path, received 'wide_dep'"
    ) as caught:
        resolve("wide_dep")
    assert caught.value.hint == "did you mean 'wide_deep'?"


def test_unknown_name_near_nothing_explains_dotted_paths() -> None:
    with pytest.raises(UserError) as caught:
        resolve("transformer")
    assert "my_package.module.build_model" in caught.value.hint


def test_custom_family_by_dotted_path() -> None:
    config = custom("build_model", units=5)
    model = build_model(config, INPUTS, Head("multiclass", 3))
    assert model.built
    assert model(BATCH).shape == (1, 3)
    assert model.layers[1].units == 5
    assert config.params == {"units": 5}, "the frozen configuration must not change when the function pops"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("someones_missing_module.build_model", "ModuleNotFoundError: No module named 'someones_missing_module'"),
        ("someones_broken_module.build_model", "RuntimeError: no licence$"),
        ("someones_typo.build_model", "SyntaxError: "),
        ("someones_families.bild_model", "can.t be imported: AttributeError.*bild_model"),
        ("someones_families.NOT_A_FUNCTION", "expected a function, .*NOT_A_FUNCTION. is 5"),
    ],
)
def test_path_that_is_not_a_function(path: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(path)
    assert caught.value.field == ("model", "family")
    assert f"'{path}'" in caught.value.message
    assert re.search(message, caught.value.message)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (custom("compiled", units=1), "expected an uncompiled model, received a compiled one"),
        (custom("not_a_model"), r"expected a keras.Model, received models.inputs.FeatureEncoder"),
        (custom("own_last_layer", units=4), r"expected float32 of shape \[2, 3\], received float32 of shape \[2, 4\]"),
        (custom("two_outputs"), r"expected float32 of shape \[2, 3\], received list"),
        (custom("build_model"), "building the model raised KeyError: 'units'"),
        (custom("fails_when_called"), "calling the model on two rows of zeros raised"),
    ],
    ids=lambda value: value.family if isinstance(value, CustomModel) else "",
)
def test_custom_model_that_breaks_the_contract(config: CustomModel, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        build_model(config, INPUTS, Head("multiclass", 3))
    assert f"model.family '{config.family}'" in caught.value.message
    assert caught.value.hint


@pytest.mark.usefixtures("mixed_float16")
def test_custom_model_with_float16_outputs() -> None:
    with pytest.raises(UserError, match=r"expected float32 of shape \[2, 3\], received float16") as caught:
        build_model(custom("own_last_layer", units=3), INPUTS, Head("multiclass", 3))
    assert "head.layer()" in caught.value.hint


def test_no_inputs() -> None:
    with pytest.raises(UserError, match="features: preprocessing produces no model input"):
        build_model(MlpModel(family="mlp"), (), Head("binary", 2))


def test_input_named_like_a_layer_is_reported() -> None:
    # Only a user's preprocessing_fn can choose such a name.
    with pytest.raises(UserError, match="'wide_deep': building the model raised ValueError"):
        build_model(WideDeepModel(family="wide_deep"), (ModelInput("head", "dense", 1),), Head("binary", 2))


def test_typed_params_reach_a_built_in_family() -> None:
    model = build_model(MlpModel(family="mlp", params=DeepParams(hidden=(11,))), INPUTS, Head("binary", 2))
    assert isinstance(model, keras.Sequential)
    assert model.get_layer("hidden_0").units == 11

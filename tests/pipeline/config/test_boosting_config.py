"""What a configuration with the family `gbt` may say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.trainer.config import DESCENT_ONLY, TrainConfig
from components.trainer.tuning.values import has
from pipeline.config.loader import LoadedConfig, load
from pipeline.config.problems import ConfigError
from pipeline.preflight.boosting_check import half_followed, other_scikit_learn
from pipeline.preflight.tuning_check import without_meaning
from pipeline.preflight.validate import problems

FEATURES: dict[str, Any] = {
    "label": {"column": "y", "task": "binary"},
    "numeric": [{"columns": ["x", "z"]}, {"columns": ["bucketed"], "quantile_buckets": 4}],
    "categorical": [{"columns": ["colour"]}],
}
CONFIG: dict[str, Any] = {
    "name": "toy",
    "data": {"path": "t.csv"},
    "features": FEATURES,
    "model": {"family": "gbt"},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
}
REGRESSION = {
    "features": FEATURES | {"label": {"column": "y", "task": "regression"}},
    "evaluate": {"thresholds": [{"metric": "rmse", "max": 1}]},
}
MULTICLASS = {
    "features": FEATURES | {"label": {"column": "y", "task": "multiclass"}},
    "evaluate": {"thresholds": [{"metric": "accuracy", "min": 0.5}]},
}


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    def make(**sections: Any) -> LoadedConfig:
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump({**CONFIG, **sections}))
        return load(tmp_path / "pipeline.yaml")

    return make


def monotone(column: str, direction: str = "increasing") -> dict[str, Any]:
    return {"family": "gbt", "params": {"monotone": {column: direction}}}


def test_a_sound_forest(loaded: Any) -> None:
    params = {"trees": 100, "leaves": 8, "monotone": {"x": "increasing", "z": "decreasing"}}
    train = {"loss": "mae", "epochs": 10}
    config = loaded(**REGRESSION, model={"family": "gbt", "params": params}, train=train).config
    assert config.model.params.monotone == {"x": "increasing", "z": "decreasing"}


@pytest.mark.parametrize(
    ("sections", "field", "message"),
    [
        ({**REGRESSION, "train": {"loss": "huber"}}, "train.loss", "no Huber loss.*use mae"),
        ({"train": {"warm_start": True}}, "train.warm_start", "grow by every run"),
        ({"model": monotone("colour")}, "model.params.monotone.colour", "without buckets.*allowed: x, z"),
        ({"model": monotone("bucketed")}, "model.params.monotone.bucketed", "without buckets"),
        ({"model": monotone("w")}, "model.params.monotone.w", "without buckets"),
        ({"model": monotone("x", "up")}, "model.params.monotone.x", "increasing"),
        ({**MULTICLASS, "model": monotone("x")}, "model.params.monotone", "multiclass"),
        ({"model": {"family": "gbt", "params": {"hidden": [8]}}}, "model.params.hidden", "unknown"),
        (
            {"tune": {"space": {"train.batch_size": {"choice": [32, 64]}}}},
            "tune.space.train.batch_size",
            r"none of the families has it \(gbt\)",
        ),
        (
            {**REGRESSION, "tune": {"space": {"train.loss": {"choice": ["mse", "huber"]}}}},
            "tune.space.train.loss",
            "val_loss",
        ),
    ],
)
def test_what_trees_cannot_do_is_refused(loaded: Any, sections: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){message}") as caught:
        loaded(**sections)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_a_search_among_families_leaves_out_what_a_family_lacks(loaded: Any) -> None:
    space = {
        "model.family": {"choice": ["mlp", "gbt"]},
        "model.params.leaves": {"integer": [4, 64]},
        "train.batch_size": {"choice": [32, 64]},
    }
    assert loaded(model={"family": "mlp"}, tune={"space": space}).config.families() == ("mlp", "gbt")
    assert [has(family, "model.params.leaves") for family in ("mlp", "gbt")] == [False, True]
    assert [has(family, "train.batch_size") for family in ("mlp", "gbt")] == [True, False]


def test_settings_of_gradient_descent_are_said_to_mean_nothing(loaded: Any) -> None:
    train = {"batch_size": 32, "schedule": {"name": "cosine"}, "epochs": 10, "class_weights": "balanced"}
    expected = "train.batch_size, train.schedule: without a meaning for gbt, which no gradient descent trains"
    assert list(without_meaning(loaded(train=train))) == [expected]
    assert list(without_meaning(loaded(train={"epochs": 10}))) == []
    assert list(without_meaning(loaded(model={"family": "mlp"}, train=train))) == []
    both = {"space": {"model.family": {"choice": ["mlp", "gbt"]}}}
    assert list(without_meaning(loaded(train=train, tune=both))) == []


def test_a_penalty_on_medians_is_said_to_be_half_followed(loaded: Any) -> None:
    stated = {"family": "gbt", "params": {"leaf_l2": 1.0}}
    absolute = {"train": {"loss": "mae"}, **REGRESSION}
    [line] = half_followed(loaded(model=stated, **absolute))
    assert line.startswith("model.params.leaf_l2: with train.loss mae")
    tried = {"space": {"model.params.leaf_l2": {"uniform": [0.0, 5.0]}}}
    assert len(list(half_followed(loaded(tune=tried, **absolute | {"evaluate": REGRESSION["evaluate"]})))) == 1
    assert not [*half_followed(loaded(model=stated, **REGRESSION)), *half_followed(loaded(**absolute))]


def test_another_scikit_learn_is_found_before_the_run(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    forest, other = loaded(), {"space": {"model.family": {"choice": ["mlp", "gbt"]}}}
    assert not list(other_scikit_learn(forest))
    monkeypatch.setattr("importlib.metadata.version", lambda _: "1.6.0")
    # Its table is missing too.
    [found] = [each for each in problems(forest) if each.field == "model.family"]
    assert "scikit-learn 1.5.2, installed is 1.6.0" in found.message
    [tried] = other_scikit_learn(loaded(model={"family": "mlp"}, tune=other))
    assert (found.field, tried.field) == ("model.family", "tune.space.model.family")
    assert not list(other_scikit_learn(loaded(model={"family": "mlp"})))


def test_what_means_nothing_are_fields_of_train() -> None:
    assert set(DESCENT_ONLY) < set(TrainConfig.model_fields)

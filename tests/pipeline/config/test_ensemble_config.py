"""What a configuration with the family `ensemble` may say."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.trainer.config import (
    EarlyStopping,
    LearningRateSchedule,
    MemberStopping,
    MemberTraining,
    TrainConfig,
    TrainerJob,
)
from models.config import DeepParams, EnsembleModel, GbtModel, MlpModel
from pipeline.config.loader import LoadedConfig, load
from pipeline.config.problems import ConfigError
from pipeline.preflight.boosting_check import half_followed, other_scikit_learn
from pipeline.preflight.tuning_check import without_meaning
from pipeline.preflight.validate import problems

FEATURES: dict[str, Any] = {
    "label": {"column": "y", "task": "binary"},
    "numeric": [{"columns": ["x"]}],
    "categorical": [{"columns": ["colour"]}],
}
CONFIG: dict[str, Any] = {
    "name": "toy",
    "data": {"path": "t.csv"},
    "features": FEATURES,
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
}
REGRESSION = {
    "features": FEATURES | {"label": {"column": "y", "task": "regression"}},
    "evaluate": {"thresholds": [{"metric": "rmse", "max": 1}]},
}
SEARCH = {"space": {"train.batch_size": {"choice": [32, 64]}}}


def of(*members: Any, **params: Any) -> dict[str, Any]:
    return {"family": "ensemble", "params": {"members": list(members), **params}}


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    def make(**sections: Any) -> LoadedConfig:
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump({**CONFIG, "model": of("gbt", "mlp"), **sections}))
        return load(tmp_path / "pipeline.yaml")

    return make


def test_members_are_names_or_sections_and_one_family_may_come_twice(loaded: Any) -> None:
    small = {"family": "mlp", "params": {"hidden": [8]}}
    own = {"family": "my_package.models.build_model", "params": {"width": 3}}
    config = loaded(model=of("gbt", "mlp", small, own, parallel=2)).config
    params = config.model.params
    assert params.names() == ("gbt", "mlp", "mlp-2", "build_model")
    assert params.models()[:3] == (GbtModel(family="gbt"), MlpModel(), MlpModel(params=DeepParams(hidden=(8,))))
    assert config.families() == ("gbt", "mlp", "my_package.models.build_model")
    job = TrainerJob(
        **{name: getattr(config, name) for name in ("features", "model", "train", "seed", "deterministic")},
        golden_split="test",
    )
    # As the Trainer gets it.
    again = TrainerJob.from_json(job.to_json()).model
    assert isinstance(again, EnsembleModel)
    assert again == config.model


@pytest.mark.parametrize(
    ("sections", "field", "message"),
    [
        ({"model": {"family": "ensemble"}}, "model.params", "required"),
        ({"model": of("gbt")}, "model.params.members", "at least 2"),
        ({"model": of("gbt", "xgb")}, "model.params.members.1", "allowed: .*mlp.*gbt"),
        ({"model": of("gbt", {"params": {}})}, "model.params.members.1", "must be a mapping of family and params"),
        ({"model": of("gbt", of("mlp", "mlp"))}, "model.params.members.1.family", "can't be a part of an ensemble"),
        (
            {"model": of("gbt", {"family": "mlp", "params": {"trees": 3}})},
            "model.params.members.1.params.trees",
            "unkn",
        ),
        ({"model": of("gbt", "mlp", student={"family": "gbt"}, distill=True)}, "model.params.student.family", "part"),
        ({"model": of("gbt", "mlp", student={"family": "dcn"})}, "model.params.student", "set distill: true"),
        ({"model": of("gbt", "mlp", soft=0.5)}, "model.params.soft", "set distill: true"),
        ({"model": of("gbt", "mlp", weights="equal", rounds=9)}, "model.params.rounds", "not chosen in rounds"),
        (
            {"model": of("mlp", {"family": "gbt", "params": {"monotone": {"colour": "increasing"}}})},
            "model.params.members.1.params.monotone.colour",
            "without buckets",
        ),
        ({**REGRESSION, "train": {"loss": "huber"}}, "train.loss", "no Huber loss"),
        ({"model": of("mlp", "dcn"), "train": {"warm_start": True}}, "train.warm_start", "trains its members afresh"),
        (
            {"model": of("mlp", "dcn", parallel=2), "train": {"distribution": "mirrored"}},
            "model.params.parallel",
            "all GPUs",
        ),
        ({"train": {"cross_validation": {}}}, "train.cross_validation", "weighed on rows that are held out"),
        (
            {"train": {"members": {"gbt": {"epochs": 3, "batch_size": 8}}}},
            "train.members.gbt.batch_size",
            "no gradient descent trains; what does: epochs, early_stopping, budget_minutes",
        ),
        (
            {"train": {"members": {"gbt": {"learning_rate": 0.1}}}},
            "train.members.gbt.learning_rate",
            "the member's params",
        ),
        ({"train": {"members": {"mpl": {}}}}, "train.members.mpl", "did you mean mlp.*allowed: gbt, mlp"),
        ({"train": {"members": {"student": {"epochs": 3}}}}, "train.members.student", "distill: true"),
        ({"model": {"family": "mlp"}, "train": {"members": {"mlp": {"epochs": 3}}}}, "train.members", "family is mlp"),
        ({"train": {"members": {"mlp": {"epochs": 0}}}}, "train.members.mlp.epochs", "at least 1"),
        ({"train": {"members": {"mlp": {"loss": "mae"}}}}, "train.members.mlp.loss", "unknown field"),
        (
            {"train": {"members": {"mlp": {"schedule": {"final_fraction": 0.1}}}}},
            "train.members.mlp.schedule.final_fraction",
            "cosine",
        ),
        ({"tune": SEARCH}, "model.family", "tune the families one by one"),
        (
            {"model": {"family": "mlp"}, "tune": {"space": {"model.family": {"choice": ["mlp", "ensemble"]}}}},
            "tune.space.model.family",
            "tune the families one by one",
        ),
    ],
)
def test_what_an_ensemble_cannot_do_is_refused(loaded: Any, sections: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){message}") as caught:
        loaded(**sections)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_members_may_have_training_settings_of_their_own(loaded: Any) -> None:
    config = loaded(
        model=of("gbt", "mlp", "mlp", distill=True),
        train={
            "batch_size": 256,
            "optimizer": "adamw",
            "clip_norm": 1.0,
            "early_stopping": {"monitor": "val_auc", "patience": 9, "min_delta": 0.01},
            "members": {
                "gbt": {"epochs": 7, "early_stopping": {"patience": 2}},
                "mlp-2": {"batch_size": 32, "schedule": {"name": "coslog4"}, "budget_minutes": 1.5},
                "student": {"learning_rate": 0.1},
            },
        },
    ).config
    # As the Trainer gets it.
    train = TrainConfig.from_json(config.train.to_json())
    assert train == config.train
    plain = train.model_copy(update={"members": {}})
    stopping = EarlyStopping(monitor="val_auc", patience=2, min_delta=0.01)
    assert train.of_member("gbt") == plain.model_copy(update={"epochs": 7, "early_stopping": stopping})
    assert train.of_member("mlp") == plain
    assert train.of_member("mlp-2") == plain.model_copy(
        update={"batch_size": 32, "schedule": LearningRateSchedule(name="coslog4"), "budget_minutes": 1.5}
    )
    assert train.of_member("student") == plain.model_copy(update={"learning_rate": 0.1})
    # Patience alone asks for stopping where the others train all epochs.
    none = TrainConfig(early_stopping=None, members={"mlp": MemberTraining(early_stopping=MemberStopping(patience=3))})
    assert none.of_member("mlp").early_stopping == EarlyStopping(patience=3)
    assert none.of_member("gbt").early_stopping is None


def test_what_members_need_is_checked_before_the_run(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = loaded(model=of("mlp", {"family": "not_there.models.build_model"}))
    assert "model.params.members.1" in [each.field for each in problems(own)]
    monkeypatch.setattr("importlib.metadata.version", lambda _: "1.6.0")
    assert [each.field for each in other_scikit_learn(loaded())] == ["model.params.members.0"]


def test_settings_without_a_meaning_are_those_that_no_member_follows(loaded: Any) -> None:
    assert not list(without_meaning(loaded(train={"batch_size": 32})))
    [line] = without_meaning(loaded(model=of("gbt", "gbt"), train={"batch_size": 32}))
    assert line.startswith("train.batch_size: without a meaning for gbt")
    stated = {"family": "gbt", "params": {"leaf_l2": 1.0}}
    [line] = half_followed(loaded(**REGRESSION, model=of("mlp", stated), train={"loss": "mae"}))
    assert line.startswith("model.params.members.1.params.leaf_l2: ")

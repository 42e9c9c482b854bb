"""What the `tune:` section may say: every value that it holds out is one that the configuration may have."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.trainer.tuning.config import Dimension
from components.trainer.tuning.report import TrialRecord, TuningReport
from components.trainer.tuning.values import Sections, own_values, stated_params, with_values
from pipeline.config.loader import LoadedConfig, load
from pipeline.config.problems import ConfigError
from pipeline.preflight.target_check import target_problems
from pipeline.preflight.tuning_check import left_behind
from pipeline.results.tuned import write_tuned

CONFIG: dict[str, Any] = {
    "name": "toy",
    "data": {"path": "t.csv"},
    "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
    "model": {"family": "mlp", "params": {"hidden": [8]}},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
}


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    def make(space: dict[str, Any], **sections: Any) -> LoadedConfig:
        tune = {"space": space, **sections.pop("tune", {})}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump({**CONFIG, **sections, "tune": tune}))
        return load(tmp_path / "pipeline.yaml")

    return make


def test_a_sound_space(loaded: Any) -> None:
    config = loaded(
        {
            "train.learning_rate": {"log": [1e-4, 1e-2]},
            "train.optimizer": {"choice": ["adam", "sgd"]},
            "train.early_stopping.patience": {"integer": [1, 5]},
            "model.params.hidden": {"choice": [[8], [16, 8]]},
            "model.params.cross_layers": {"integer": [1, 4]},
            "model.family": {"choice": ["mlp", "dcn", "my_package.models.build"]},
        }
    ).config
    assert config.families() == ("mlp", "dcn", "my_package.models.build")


@pytest.mark.parametrize(
    ("space", "field", "message"),
    [
        ({"train.learning_rat": {"uniform": [0.1, 0.2]}}, "train.learning_rat", "unknown field.*train.learning_rate"),
        ({"train.learning_rate": {"uniform": [-1, 1]}}, "train.learning_rate", "greater than 0"),
        ({"train.learning_rate": {"log": [0, 1]}}, "train.learning_rate.log.0", "above 0"),
        ({"train.learning_rate": {"uniform": [1, 0.1]}}, "train.learning_rate.uniform", "the lower one first"),
        ({"train.learning_rate": {}}, "train.learning_rate", "give one of choice"),
        ({"train.batch_size": {"uniform": [16, 64]}}, "train.batch_size", "valid integer|whole number"),
        ({"train.optimizer": {"choice": ["adam", "adan"]}}, "train.optimizer", "adan"),
        ({"train.optimizer": {"choice": ["adam", "adam"]}}, "train.optimizer.choice.1", "named once"),
        ({"train.loss": {"choice": ["mse"]}}, "train.loss", "val_loss"),
        ({"train.class_weights.yes": {"log": [1, 9]}}, "train.class_weights.yes", "val_loss"),
        ({"train.early_stopping.monitor": {"choice": ["val_auc"]}}, "monitor", "compared by it"),
        ({"train.cross_validation.folds": {"choice": [3]}}, "cross_validation.folds", "judged on the eval split"),
        ({"data.path": {"choice": ["a"]}}, "data.path", "must be a field of train"),
        ({"model.params.cross_layers": {"integer": [1, 2]}}, "cross_layers", "none of the families has it"),
        ({"model.family": {"choice": ["mlp", "mpl"]}}, "model.family", "unknown model family"),
        (
            # Each alone is sound beside the other's cosine or 0, but not the two together.
            {
                "train.schedule.name": {"choice": ["cosine", "constant"]},
                "train.schedule.final_fraction": {"choice": [0.0, 0.1]},
            },
            "final_fraction",
            "constant",
        ),
    ],
)
def test_a_value_that_cannot_be_is_named(loaded: Any, space: dict[str, Any], field: str, message: str) -> None:
    schedule = {"schedule": {"name": "cosine"}} if "train.schedule.name" in space else {}
    with pytest.raises(ConfigError, match=rf"(?s)tune\.space\.[a-z_.0-9]*{field}: .*({message})"):
        loaded(space, train=schedule)


def test_a_field_that_val_loss_depends_on_is_fine_where_trials_are_compared_by_a_metric(loaded: Any) -> None:
    space = {"train.class_weights": {"choice": ["none", "balanced"]}, "model.params.l2": {"log": [1e-6, 1e-2]}}
    loaded(space, train={"early_stopping": {"monitor": "val_auc"}})


def test_a_mapping_over_a_mapping_is_refused_as_extends_would_merge_the_two(loaded: Any) -> None:
    space = {"train.class_weights": {"choice": ["balanced", {"no": 3.0}]}}
    by_auc = {"early_stopping": {"monitor": "val_auc"}}
    with pytest.raises(ConfigError, match=r"tune\.space\.train\.class_weights\.choice: has a mapping") as refused:
        loaded(space, train={**by_auc, "class_weights": {"yes": 2.0}})
    assert "such as train.class_weights.yes" in str(refused.value)
    loaded({"train.class_weights.yes": {"log": [1, 9]}}, train={**by_auc, "class_weights": {"yes": 2.0}})
    # Over a word, or over nothing, it stays as it is.
    loaded(space, train={**by_auc, "class_weights": "balanced"})
    loaded(space, train=by_auc)


def test_hyperband_and_a_warm_start_are_refused_where_they_mean_nothing(loaded: Any) -> None:
    with pytest.raises(ConfigError, match="hyperband gives trials their epochs itself"):
        loaded({"train.epochs": {"integer": [1, 5]}}, tune={"search": "hyperband"})
    with pytest.raises(ConfigError, match=r"train\.warm_start.*trials start afresh"):
        loaded({"train.batch_size": {"choice": [8, 16]}}, train={"warm_start": True})


def test_params_that_another_family_lacks_are_named(loaded: Any) -> None:
    space = {"model.family": {"choice": ["mlp", "dcn"]}}
    # The default: it would go with no family, but a file that extends this one could not take it back.
    config = loaded(space, model={"family": "dcn", "params": {"cross_layers": 2}})
    [problem] = left_behind(config)
    assert problem.path == ("model", "params", "cross_layers")
    assert not list(left_behind(loaded(space, model={"family": "dcn", "params": {"hidden": [8]}})))


def test_values_over_the_configuration() -> None:
    own = Sections.from_json(
        json.dumps(
            {
                "train": {"early_stopping": None, "batch_size": 8},
                "model": {"family": "dcn", "params": {"hidden": [8], "low_rank": 3}},
            }
        )
    )
    values = {"train.schedule.warmup_steps": 5, "model.params.dropout": 0.5, "train.early_stopping.patience": 2}
    found = with_values(own, stated_params(own.model), values)
    assert found.train.schedule.warmup_steps == 5
    assert found.train.early_stopping is not None
    assert (found.train.early_stopping.patience, found.train.batch_size) == (2, 8)
    assert found.model.params.model_dump(include={"hidden", "low_rank", "dropout"}) == {
        "hidden": (8,),
        "low_rank": 3,
        "dropout": 0.5,
    }
    space = {name: Dimension(choice=(1, 2)) for name in [*values, "model.params.wide_l2"]}
    assert own_values(space, own) == {
        "train.schedule.warmup_steps": 0,
        "model.params.dropout": 0.0,
        "train.early_stopping.patience": None,
    }


def test_another_family_takes_the_stated_params_along() -> None:
    own = Sections.from_json(json.dumps({"train": {}, "model": {"family": "dcn", "params": {"hidden": [8]}}}))
    found = with_values(own, stated_params(own.model), {"model.family": "wide_deep"})
    assert (found.model.family, found.model.params.hidden) == ("wide_deep", (8,))  # type: ignore[union-attr]


def report_of(best: int, **values: Any) -> TuningReport:
    trials = (
        TrialRecord(number=0, values={}, state="complete", curve=(0.5,), value=0.5),
        TrialRecord(number=1, values=values, state="complete", curve=(0.4,), value=0.4),
    )
    return TuningReport(
        monitor="val_loss", higher_is_better=False, search="tpe", seed=1, wanted=1, ended_by="trials", trials=trials,
        best=best, seconds=12.0,
    )  # fmt: skip


def test_the_best_values_are_a_file_that_extends_the_original(loaded: Any, tmp_path: Path) -> None:
    space = {
        "train.learning_rate": {"log": [1e-5, 1e-2]},
        "model.family": {"choice": ["mlp", "dcn"]},
        "model.params.hidden": {"choice": [[8], [16]]},
    }
    config = loaded(space)
    values = {"train.learning_rate": 1.5e-05, "model.family": "dcn", "model.params.hidden": [16]}
    runs = tmp_path / "output" / "runs" / "1"
    runs.mkdir(parents=True)
    file = write_tuned(report_of(1, **values), config, runs)
    tuned = load(file)
    assert tuned.config.tune is None
    own = Sections(train=config.config.train, model=config.config.model)
    expected = with_values(own, stated_params(own.model), values)
    assert (tuned.config.train, tuned.config.model) == (expected.train, expected.model)
    # Paths still start from the original's folder.
    assert tuned.resolve(str(tuned.config.data.path)).resolve() == (tmp_path / "t.csv").resolve()
    assert tuned.root() == config.root()
    text = file.read_text()
    assert "tuning gained 0.1 of val_loss on eval, 20.0%: 0.5 to 0.4 (trial 1); it cost 12 s" in text


def test_where_nothing_was_better_the_file_only_ends_the_search(loaded: Any, tmp_path: Path) -> None:
    config = loaded({"train.learning_rate": {"log": [1e-5, 1e-2]}})
    tuned = load(write_tuned(report_of(0), config, tmp_path))
    assert (tuned.config.tune, tuned.config.train) == (None, config.config.train)


def test_what_a_cluster_cannot_do_is_refused(loaded: Any) -> None:
    target = {"kubeflow": {"host": "http://h", "root": "minio://b/r", "image": "i:1", "data_path": "gs://b/t.csv"}}

    def refused(**tune: Any) -> list[tuple[Any, ...]]:
        found = loaded({"train.batch_size": {"choice": [8, 16]}}, tune=tune, targets=target)
        return [each.path for each in target_problems(found, "kubeflow") if each.path[0] == "tune"]

    assert refused() == []
    assert refused(search="hyperband") == [("tune", "search")]
    assert refused(trials=500) == [("tune", "trials")]
    assert refused(trials=500, search="random", prune="none", parallel=16) == []


def test_a_search_beside_folds_is_refused(loaded: Any) -> None:
    with pytest.raises(ConfigError, match="can't be together with tune") as refused:
        loaded({"train.batch_size": {"choice": [8, 16]}}, train={"cross_validation": {"folds": 3}})
    assert "tune first" in str(refused.value)

"""What `init --tune` proposes can be run, for every family that it may choose."""

import json

import pytest

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.yaml_tree import Origin, parse
from pipeline.scaffold.columns import Decision
from pipeline.scaffold.training import propose_training
from pipeline.scaffold.tuning import tune_lines

NUMBER = Decision("x", "numeric", "a number")
CATEGORY = Decision("c", "categorical", "a category")


@pytest.mark.parametrize(
    ("rows", "decisions", "family"),
    [
        (40, [NUMBER] * 100, "mlp"),
        (300, [NUMBER], "mlp"),
        (10_000, [NUMBER], "mlp"),
        (50_000, [NUMBER], "dcn"),
        (2_000_000, [NUMBER, CATEGORY], "wide_deep"),
    ],
)
def test_the_space_is_sound_and_holds_what_init_chose(rows: int, decisions: list[Decision], family: str) -> None:
    training = propose_training(rows, decisions)
    assert training.model["family"] == family
    section = parse("\n".join(tune_lines(training)), Origin(None)).plain()
    config = PipelineConfig.model_validate_json(
        json.dumps(
            {
                "name": "toy",
                "data": {"path": "t.csv"},
                "features": {"label": {"column": "y", "task": "binary"}, "numeric": [{"columns": ["x"]}]},
                "model": training.model,
                "train": training.train,
                "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
                **section,
            }
        )
    )
    assert config.tune is not None
    assert ("model.params.cross_layers" in config.tune.space) == (family == "dcn")
    assert config.tune.space["train.learning_rate"].holds(training.train["learning_rate"])
    assert config.tune.space["model.params.hidden"].holds(training.model["params"]["hidden"])

"""What `init --tune` proposes can be run, for every family that it may choose."""

import json

import pytest

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.config.yaml_tree import Origin, parse
from pipeline.scaffold.families import Shape
from pipeline.scaffold.training import propose_training
from pipeline.scaffold.tuning import tune_lines


@pytest.mark.parametrize(
    ("shape", "fast", "family"),
    [
        (Shape(40, 100, categorical=False, task="binary"), False, "mlp"),
        (Shape(300, 1, categorical=False, task="binary"), False, "gbt"),
        (Shape(300, 1, categorical=False, task="binary"), True, "mlp"),
        (Shape(10_000, 1, categorical=False, task="binary"), True, "mlp"),
        (Shape(50_000, 1, categorical=False, task="binary"), False, "gbt"),
        (Shape(50_000, 1, categorical=False, task="binary"), True, "dcn"),
        (Shape(5_000, 9, categorical=True, task="multiclass", classes=40), False, "tabm"),
        (Shape(2_000_000, 2, categorical=True, task="binary"), True, "wide_deep"),
    ],
)
def test_the_space_is_sound_and_holds_what_init_chose(shape: Shape, fast: bool, family: str) -> None:
    training = propose_training(shape, fast=fast, single=True)
    assert training.model["family"] == family
    classes = {"classes": [f"c{number}" for number in range(shape.classes)]} if shape.classes else {}
    section = parse("\n".join(tune_lines(training)), Origin(None)).plain()
    config = PipelineConfig.model_validate_json(
        json.dumps(
            {
                "name": "toy",
                "data": {"path": "t.csv"},
                "features": {"label": {"column": "y", "task": shape.task, **classes}, "numeric": [{"columns": ["x"]}]},
                "model": training.model,
                "train": training.train,
                "evaluate": {"thresholds": [{"metric": "log_loss", "max": 5}]},
                **section,
            }
        )
    )
    assert config.tune is not None
    space, params = config.tune.space, training.model["params"]
    assert ("model.params.cross_layers" in space) == (family == "dcn")
    chosen = {
        "train.learning_rate": training.train.get("learning_rate"),
        **{f"model.params.{n}": params[n] for n in params},
    }
    own = {name: chosen[name] for name in space if name in chosen}
    assert len(own) >= 2
    assert all(space[name].holds(value) for name, value in own.items() if value is not None)

"""Which edits count as other inputs of a run."""

from pathlib import Path

import pytest

from components.example_gen.changes import TableState
from pipeline.config.loader import load
from pipeline.config.pipeline_config import PipelineConfig
from pipeline.results.inputs import OF_NO_MODEL, input_keys

PENGUINS = Path(__file__).parents[3] / "data/penguins/pipeline.yaml"
OF_THE_MODEL = {
    *("version", "name", "seed", "deterministic", "root", "data", "data_gate", "features", "model", "train", "tune"),
    *("evaluate", "smoke_test", "push", "engine", "beam", "beam_args"),
}


def settings(*overrides: str) -> str:
    return input_keys(load(PENGUINS, overrides), TableState("key", "")).settings


def test_every_section_is_classified():
    assert not OF_THE_MODEL & set(OF_NO_MODEL)
    assert OF_THE_MODEL | set(OF_NO_MODEL) == set(PipelineConfig.model_fields)


@pytest.mark.parametrize(
    "override",
    ["serving.threads=7", "gc.keep=3", "card.license=MIT", "watch.poll_seconds=7", "notify={url_env: HOOK}"],
)
def test_an_edit_that_changes_no_model_is_none_of_the_inputs(override: str):
    assert settings(override) == settings()


def test_an_edit_of_the_training_is_one():
    assert settings("train.epochs=7") != settings()

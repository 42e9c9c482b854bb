"""Who computes StatisticsGen, Transform and Evaluator, by what the configuration and a target say."""

from pathlib import Path

import pytest

from pipeline.config.loader import load
from pipeline.config.on_target import on_target

PENGUINS = Path(__file__).parents[3] / "data/penguins/pipeline.yaml"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed=1", "auto"),
        ("engine=beam", "beam"),
        ("beam_args=['--direct_num_workers=2']", "auto"),
        ("beam_args=['--runner=DirectRunner']", "beam"),
        ("beam_args=['--runner=SparkRunner', '--environment_type=LOOPBACK']", "beam"),
    ],
)
def test_another_runner_of_beam_is_an_engine_too(override: str, expected: str) -> None:
    assert load(PENGUINS, [override]).config.step_engine() == expected


@pytest.mark.parametrize(
    ("beam", "expected"),
    [
        ("{engine: local}", "auto"),
        ("{engine: flink, endpoint: 'jobs:8099'}", "beam"),
        ("{engine: dataflow}", "beam"),
    ],
)
def test_a_step_of_a_cluster_works_itself_unless_its_target_has_an_engine(beam: str, expected: str) -> None:
    config = load(PENGUINS, [f"targets.kubeflow.beam={beam}"]).config
    assert config.targets.kubeflow is not None
    assert on_target(config, config.targets.kubeflow).step_engine() == expected

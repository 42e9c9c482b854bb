import pytest
from tfx.types import standard_artifacts

from pipeline.nodes.champion import LatestBlessedByAllStrategy

NOBODY = {"model": [], "model_blessing": [], "infra_blessing": [], "pushed_model": []}


@pytest.fixture
def resolve(tmp_path):
    """Resolves among some models that were never pushed, whose folders exist unless they are said to be gone."""

    def _resolve(models, evaluator, smoke_test, gone=()):
        artifacts = []
        for number in models:
            artifact = standard_artifacts.Model()
            artifact.id = number
            artifact.uri = str(tmp_path / str(number))
            if number not in gone:
                (tmp_path / str(number)).mkdir()
            artifacts.append(artifact)
        return LatestBlessedByAllStrategy().resolve_artifacts(
            None,
            {
                "model": artifacts,
                "model_blessing": [_blessing(standard_artifacts.ModelBlessing, *each) for each in evaluator],
                "infra_blessing": [_blessing(standard_artifacts.InfraBlessing, *each) for each in smoke_test],
                "pushed_model": [],
            },
        )

    return _resolve


def _blessing(kind, model, blessed=1):
    artifact = kind()
    artifact.set_int_custom_property("current_model_id", model)
    artifact.set_int_custom_property("blessed", blessed)
    return artifact


@pytest.mark.parametrize(
    ("evaluator", "smoke_test", "champion"),
    [
        ([(1,), (2,), (3,)], [(1,), (2,), (3,)], 3),
        # The newest was refused by one of the gates.
        ([(1,), (2,), (3, 0)], [(1,), (2,), (3,)], 2),
        ([(1,), (2,), (3,)], [(1,), (2,), (3, 0)], 2),
        ([(1,), (2,)], [(1,), (3,)], 1),
        # A later verdict on the same model doesn't take an earlier yes back.
        ([(1,), (1, 0)], [(1,)], 1),
    ],
)
def test_the_newest_model_that_both_gates_blessed(resolve, evaluator, smoke_test, champion):
    resolved = resolve([2, 3, 1], evaluator, smoke_test)
    assert [artifact.id for artifact in resolved["model"]] == [champion]
    for name in ("model_blessing", "infra_blessing"):
        assert [each.get_int_custom_property("current_model_id") for each in resolved[name]] == [champion]


@pytest.mark.parametrize(
    ("models", "evaluator", "smoke_test"), [([], [], []), ([1], [], [(1,)]), ([1], [(1, 0)], [(1,)])]
)
def test_without_one_there_is_no_champion(resolve, models, evaluator, smoke_test):
    assert resolve(models, evaluator, smoke_test) == NOBODY


def test_a_model_whose_folder_is_gone_is_passed_over_with_a_warning(resolve, caplog):
    resolved = resolve([1, 2], [(1,), (2,)], [(1,), (2,)], gone=[2])
    assert [artifact.id for artifact in resolved["model"]] == [1]
    [record] = caplog.records
    assert (record.name, record.levelname) == ("lockgate", "WARNING")
    assert "model 2 was blessed" in record.getMessage()


def test_when_every_folder_is_gone_there_is_no_champion(resolve):
    assert resolve([1], [(1,)], [(1,)], gone=[1]) == NOBODY

import pytest
from tfx.types import standard_artifacts

from pipeline.champion import LatestBlessedByAllStrategy


def _model(number):
    artifact = standard_artifacts.Model()
    artifact.id = number
    return artifact


def _blessing(kind, model, blessed=1):
    artifact = kind()
    artifact.set_int_custom_property("current_model_id", model)
    artifact.set_int_custom_property("blessed", blessed)
    return artifact


def _resolve(models, evaluator, smoke_test):
    return LatestBlessedByAllStrategy().resolve_artifacts(
        None,
        {
            "model": [_model(number) for number in models],
            "model_blessing": [_blessing(standard_artifacts.ModelBlessing, *each) for each in evaluator],
            "infra_blessing": [_blessing(standard_artifacts.InfraBlessing, *each) for each in smoke_test],
        },
    )


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
def test_the_newest_model_that_both_gates_blessed(evaluator, smoke_test, champion):
    resolved = _resolve([2, 3, 1], evaluator, smoke_test)
    assert [artifact.id for artifact in resolved["model"]] == [champion]
    for name in ("model_blessing", "infra_blessing"):
        assert [each.get_int_custom_property("current_model_id") for each in resolved[name]] == [champion]


@pytest.mark.parametrize(
    ("models", "evaluator", "smoke_test"), [([], [], []), ([1], [], [(1,)]), ([1], [(1, 0)], [(1,)])]
)
def test_without_one_there_is_no_champion(models, evaluator, smoke_test):
    resolved = _resolve(models, evaluator, smoke_test)
    assert resolved == {"model": [], "model_blessing": [], "infra_blessing": []}

"""What a configuration with embedded numbers may say, and what validate makes of it."""

import csv
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config.loader import LoadedConfig, load
from pipeline.config.problems import ConfigError
from pipeline.preflight.validate import notes, problems

CONFIG: dict[str, Any] = {
    "name": "toy",
    "data": {"path": "t.csv"},
    "features": {
        "label": {"column": "y", "task": "binary"},
        "numeric": [{"columns": ["x", "few"], "embed": {"piecewise": 8}}, {"columns": ["z"]}],
    },
    "model": {"family": "tabm"},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0.5}]},
}


@pytest.fixture
def loaded(tmp_path: Path) -> Any:
    """A configuration beside a table of 200 rows, in which `few` has three values and a few are missing."""
    with (tmp_path / "t.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["x", "few", "z", "y"])
        rows.writerows([row * 1.5, "" if row % 7 == 0 else row % 3, row % 2, row % 2] for row in range(200))

    def make(group: dict[str, Any] | None = None, **sections: Any) -> LoadedConfig:
        config = CONFIG | sections
        if group is not None:
            config = config | {"features": CONFIG["features"] | {"numeric": [{"columns": ["x"], **group}]}}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(config))
        return load(tmp_path / "pipeline.yaml")

    return make


@pytest.mark.parametrize(
    ("group", "field", "message"),
    [
        ({"embed": {}}, "embed", "give either piecewise or periodic"),
        ({"embed": {"piecewise": 8, "periodic": 4}}, "embed", "give either piecewise or periodic"),
        ({"embed": {"piecewise": 8, "deviation": 0.5}}, "embed.deviation", "is for periodic"),
        ({"embed": {"piecewise": 1}}, "embed.piecewise", "must be at least 2"),
        ({"embed": {"piecewise": 8}, "quantile_buckets": 4}, "embed", "a bucket is a category"),
        ({"embed": {"periodic": 8}, "bucket_boundaries": [0.5]}, "embed", "a bucket is a category"),
    ],
)
def test_mistakes_name_the_field(loaded: Any, group: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(group)
    (problem,) = caught.value.problems
    assert problem.field == f"features.numeric.0.{field}"
    assert message in problem.message


def test_only_numbers_are_embedded(loaded: Any) -> None:
    features = CONFIG["features"] | {"categorical": [{"columns": ["few"], "embed": {"piecewise": 8}}]}
    with pytest.raises(ConfigError, match="unknown field"):
        loaded(features=features)


def test_a_column_of_few_values_is_mentioned(loaded: Any) -> None:
    config = loaded()
    assert problems(config) == []
    assert [each.partition(";")[0] for each in notes(config)] == [
        "features.numeric.0.embed: 'few' has 3 different values in 200 rows"
    ]


@pytest.mark.parametrize(
    ("group", "model", "expected"),
    [
        ({"embed": {"piecewise": 8}}, {"family": "gbt"}, "features.numeric.0.embed: without a meaning for gbt"),
        ({}, {"family": "mlp", "params": {"number_width": 4}}, "model.params.number_width: without a meaning"),
        ({"embed": {"periodic": 8}}, {"family": "mlp", "params": {"number_width": 4}}, None),
    ],
)
def test_settings_without_a_meaning_are_mentioned(
    loaded: Any, group: dict[str, Any], model: dict[str, Any], expected: str | None
) -> None:
    found = notes(loaded(group, model=model))
    assert len(found) == (expected is not None)
    assert all(each.startswith(expected) for each in found)


def test_the_search_knows_the_fields_of_tabm(loaded: Any) -> None:
    space = {"model.params.k": {"choice": [4, 8]}, "model.params.number_width": {"integer": [4, 12]}}
    config = loaded(tune={"trials": 3, "space": space}).config
    assert set(config.tune.space) == set(space)
    with pytest.raises(ConfigError, match="none of the families has it"):
        loaded(tune={"trials": 3, "space": {"model.params.hidden": {"choice": [[8]]}}})

"""What the `features:` section accepts, and what it says when it does not."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from preprocessing.config import FeaturesConfig

LABEL = {"column": "y", "task": "binary"}


def parse(**section: Any) -> FeaturesConfig:
    return FeaturesConfig.model_validate_json(json.dumps({"label": LABEL, **section}))


def numeric(**options: Any) -> dict[str, Any]:
    return {"numeric": [{"columns": ["n"], **options}]}


def label(**options: Any) -> dict[str, Any]:
    return {"label": {**LABEL, **options}, **numeric()}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "declare at least one column"),
        ({"numeric": [{"columns": []}]}, "at least 1 item"),
        ({"numeric": [{"columns": [""]}]}, "at least 1 character"),
        ({"numeric": [{"columns": ["a", "a"]}]}, "numeric.0.columns.1: duplicate feature: it is in features.numeric.0"),
        ({"numeric": [{"columns": ["a"]}], "boolean": [{"columns": ["a"]}]}, "columns already, received 'a'; keep one"),
        ({"numeric": [{"columns": ["y"]}]}, "the label is among the features, received 'y'; remove it"),
        ({**numeric(), "weight": "n"}, "numeric.0.columns.0: the weight is also a feature or the label, received 'n'"),
        ({**numeric(), "weight": "y"}, "label.column: the weight is also a feature or the label, received 'y'"),
        (numeric(clip=[3, 3]), "clip: the lowest must be below the highest"),
        (numeric(quantile_buckets=4, bucket_boundaries=[1]), "not both"),
        (numeric(quantile_buckets=4, log1p=True), "log1p moves no number into another bucket"),
        (numeric(quantile_buckets=1), "greater than or equal to 2"),
        (numeric(bucket_boundaries=[1, 1]), "bucket_boundaries: must ascend, received [1.0, 1.0]"),
        (numeric(bucket_boundaries=[]), "at least 1 item"),
        (numeric(missing={"fill": "mode"}), "'mean', 'median' or 'constant'"),
        (numeric(scale="robust"), "'z_score', 'min_max', 'robust_smooth' or 'none'"),
        (numeric(colour="red"), "Extra inputs are not permitted"),
        ({"categorical": [{"columns": ["c"], "hash_buckets": 9, "top_k": 3}]}, "hash_buckets keeps no vocabulary"),
        ({"categorical": [{"columns": ["c"], "hash_buckets": 9, "min_frequency": 3}]}, "keeps no vocabulary"),
        ({"categorical": [{"columns": ["c"], "oov_buckets": 0}]}, "greater than or equal to 1"),
        ({"boolean": [{"columns": ["b"], "fill": 1.5}]}, "less than or equal to 1"),
        (
            {"boolean": [{"columns": ["b"], "true_values": ["Y"], "false_values": ["y"]}]},
            "false_values.0: is in true_values too (upper and lower case are the same), received 'y'",
        ),
        ({"boolean": [{"columns": ["b"], "true_values": []}]}, "at least 1 item"),
        ({"datetime": [{"columns": ["d"], "parts": []}]}, "at least 1 item"),
        ({"datetime": [{"columns": ["d"], "parts": ["week"]}]}, "Input should be 'year', 'month'"),
        ({"datetime": [{"columns": ["d"], "parts": ["month", "month"]}]}, "parts.1: each must be named once"),
        ({"datetime": [{"columns": ["d"], "format": "%b %Y"}]}, "received '%b %Y'"),
        ({"datetime": [{"columns": ["d"], "format": "%Y-%m-%Y"}]}, "each once"),
        ({"datetime": [{"columns": ["d"], "format": "100%"}]}, "received '100%'"),
        ({"datetime": [{"columns": ["d"], "format": "yyyy-mm-dd"}]}, "expected some of %Y %m %d %H %M %S"),
        (
            {**numeric(), "crosses": [{"columns": ["n", "n"]}]},
            "0: is not a categorical, boolean or bucketed column, received 'n'",
        ),
        ({**numeric(quantile_buckets=3), "crosses": [{"columns": ["n"]}]}, "at least 2 items"),
        ({**numeric(), "crosses": [{"columns": ["n", "z"]}]}, "is not a categorical"),
        (
            {"boolean": [{"columns": ["a", "b"]}], "crosses": [{"columns": ["a", "b"]}, {"columns": ["a", "b"]}]},
            "declared more than once",
        ),
        ({**numeric(), "ratios": [{"name": "r", "of": ["n"]}]}, "of: is the column itself, received ['n']"),
        ({**numeric(), "ratios": [{"name": "r", "of": [], "by": ["n"]}]}, "at least 1 item"),
        (
            {**numeric(), "ratios": [{"name": "r", "of": ["n"], "by": ["z"]}]},
            "by.0: is not a column of features.numeric, received 'z'",
        ),
        (
            {**numeric(), "ratios": [{"name": "n", "of": ["n", "n"]}]},
            "name: a column or another ratio has this name, received 'n'",
        ),
        ({**numeric(), "ratios": [{"name": "y", "of": ["n", "n"]}]}, "another ratio has this name, received 'y'"),
        (
            {**numeric(), "ratios": [{"name": "r", "of": ["n", "n"]}, {"name": "r", "of": ["n"], "by": ["n"]}]},
            "ratios.1.name: a column or another ratio",
        ),
        ({**numeric(), "ratios": [{"name": "r", "of": ["n", "n"], "clip": [2, 1]}]}, "the lowest must be below"),
        ({**numeric(), "preprocessing_columns": ["z"]}, "preprocessing_columns: they are for preprocessing_fn"),
        (
            {**numeric(), "preprocessing_fn": "function"},
            "expected a dotted path such as my_package.my_module.build_model",
        ),
        (label(task="ranking"), "'binary', 'multiclass' or 'regression'"),
        (label(classes=["a"]), "at least 2 items"),
        (label(classes=["a", "b", "c"]), "a binary label has two"),
        (label(classes=["a", "b", "a"]), "classes.2: each must be named once, received 'a'"),
        (label(task="regression", classes=["a", "b"]), "a regression label has none"),
        (label(transform="log"), "transform: is for regression, this label is binary, received 'log'"),
    ],
)
def test_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        parse(**section)
    assert message in str(error.value)


def test_strings_are_no_numbers() -> None:
    with pytest.raises(ValidationError, match="valid number"):
        parse(**numeric(missing={"fill": "constant", "value": "1"}))


@pytest.mark.parametrize("date_format", ["%Y-%m-%d", "%d.%m.%Y", "%H:%M:%S", "%Y%m%d", "%Y年%m月", "%S"])
def test_formats_that_are_fine(date_format: str) -> None:
    parse(datetime=[{"columns": ["d"], "format": date_format}])


def test_crosses_take_categorical_boolean_and_bucketed_columns() -> None:
    config = parse(
        numeric=[{"columns": ["n"]}, {"columns": ["q"], "quantile_buckets": 3}],
        categorical=[{"columns": ["c"]}],
        boolean=[{"columns": ["b"]}],
        datetime=[{"columns": ["d"]}],
        crosses=[{"columns": ["q", "c", "b"]}, {"columns": ["c", "q"]}],
    )
    assert set(config.crossable()) == {"q", "c", "b"}


def test_columns_are_the_serving_inputs_in_declaration_order() -> None:
    config = parse(
        datetime=[{"columns": ["d"]}],
        numeric=[{"columns": ["n2", "n1"]}, {"columns": ["n3"]}],
        categorical=[{"columns": ["c"]}],
        boolean=[{"columns": ["b"]}],
        weight="w",
        preprocessing_fn="module.function",
        preprocessing_columns=["own"],
    )
    assert config.columns() == ("n2", "n1", "n3", "c", "b", "d", "own")


def test_only_own_columns_are_enough() -> None:
    assert parse(preprocessing_fn="module.function", preprocessing_columns=["own"]).columns() == ("own",)


def test_json_round_trip() -> None:
    config = parse(**numeric(clip=[0, 1]), preprocessing_fn="m.f", preprocessing_params={"a": [1, 2], "b": True})
    assert FeaturesConfig.from_json(config.to_json()) == config


def test_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        parse(**numeric()).weight = "w"  # type: ignore[misc]

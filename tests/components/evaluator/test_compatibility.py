"""When the champion may be judged beside the candidate."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.artifacts.golden import GoldenContract
from components.evaluator.compatibility import obstacle, why_incomparable
from components.evaluator.executor import _with_comparable_champion

CONTRACT: dict[str, Any] = {
    "task": "binary",
    "label": "y",
    "weight": None,
    "classes": ["no", "yes"],
    "row_key": "row_key_xf",
    "inputs": {"age": {"argument": "age", "dtype": "int64"}},
    "columns": {"age": "int64", "plan": "string", "y": "string"},
}
TODAY = {"age": "int64", "plan": "string", "y": "string", "unused": "float32"}
SCHEMA = """
feature { name: "age" type: INT }
feature { name: "plan" type: BYTES }
feature { name: "y" type: BYTES }
"""
MANY = {"task": "multiclass", "classes": ["a", "b", "c"]}
REGRESSION = {"task": "regression", "classes": None}


def contract(**changes: Any) -> GoldenContract:
    return GoldenContract.model_validate_json(json.dumps(CONTRACT | changes))


@pytest.mark.parametrize(
    ("champion", "candidate", "columns"),
    [
        ({}, {}, TODAY),
        # Another choice of features, which both find in today's table.
        ({}, {"columns": {"plan": "string", "y": "string"}}, TODAY),
        ({}, {}, TODAY | {"unused": "string"}),
        (MANY, MANY, TODAY),
        (REGRESSION, REGRESSION, TODAY),
    ],
)
def test_comparable(champion: dict[str, Any], candidate: dict[str, Any], columns: dict[str, str]) -> None:
    assert obstacle(contract(**champion), contract(**candidate), columns) is None


@pytest.mark.parametrize(
    ("champion", "candidate", "columns", "words"),
    [
        ({}, {}, TODAY | {"age": "float32"}, ["'age' as int64", "float32 today"]),
        ({}, {}, {"plan": "string", "y": "string"}, ["'age'", "doesn't have"]),
        ({}, {}, TODAY | {"y": "int64"}, ["'y' as string", "int64 today"]),
        ({}, MANY, TODAY, ["task is binary", "multiclass"]),
        ({}, {"label": "z"}, TODAY, ["label is y", "today's is z"]),
        ({}, {"weight": "w"}, TODAY, ["weight is None", "today's is w"]),
        ({"weight": "w"}, {}, TODAY, ["weight is w", "today's is None"]),
        # Precision would be that of the other class.
        ({}, {"classes": ["yes", "no"]}, TODAY, ["classes"]),
        # Labels would be positions among other classes.
        (MANY, {"task": "multiclass", "classes": ["c", "a", "b"]}, TODAY, ["order", "features.label.classes"]),
        (MANY, {"task": "multiclass", "classes": ["a", "b", "d"]}, TODAY, ["classes", "'d'"]),
        (MANY, {"task": "multiclass", "classes": ["a", "b"]}, TODAY, ["classes"]),
    ],
)
def test_incomparable_and_why(
    champion: dict[str, Any], candidate: dict[str, Any], columns: dict[str, str], words: list[str]
) -> None:
    reason = obstacle(contract(**champion), contract(**candidate), columns)
    assert reason is not None
    assert all(word in reason for word in words), reason


def model(folder: Path, text: str | None) -> Any:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    if text is not None:
        (folder / "golden").mkdir(parents=True)
        (folder / "golden" / "contract.json").write_text(text)
    return artifact


@pytest.fixture
def schema(tmp_path: Path) -> Any:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(SCHEMA)
    artifact = standard_artifacts.Schema()
    artifact.uri = str(tmp_path / "schema")
    return artifact


@pytest.mark.parametrize(
    ("champion", "message"),
    [
        (None, "it has no golden/contract.json"),
        ("{", "golden/contract.json can't be used"),
        (
            json.dumps({name: CONTRACT[name] for name in CONTRACT if name not in ("weight", "columns")}),
            "can't be used: weight: Field required",
        ),
        (
            json.dumps({name: CONTRACT[name] for name in CONTRACT if name != "columns"}),
            "can't be used: columns: Field required",
        ),
        (json.dumps(CONTRACT | {"columns": {"age": "float32"}}), "'age' as float32, which is int64 today"),
        (json.dumps(CONTRACT | {"an addition of a later version": 1}), None),
    ],
)
def test_contracts_and_schema_are_read_from_the_artifacts(
    tmp_path: Path, schema: Any, champion: str | None, message: str | None
) -> None:
    candidate = model(tmp_path / "candidate", json.dumps(CONTRACT))
    reason = why_incomparable(model(tmp_path / "champion", champion), candidate, schema)
    assert reason is None if message is None else reason is not None and message in reason


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_executor_goes_on_without_an_incomparable_champion(
    tmp_path: Path, schema: Any, caplog: pytest.LogCaptureFixture, task: str
) -> None:
    inputs = {
        "model": [model(tmp_path / "candidate", json.dumps(CONTRACT))],
        "baseline_model": [model(tmp_path / "champion", json.dumps(CONTRACT | {"task": task}))],
        "schema": [schema],
        "examples": [],
    }
    with caplog.at_level(logging.WARNING, "lockgate"):
        got = _with_comparable_champion(inputs)
    if task == "binary":
        assert got == inputs
        assert not caplog.records
    else:
        assert set(got) == {"model", "schema", "examples"}
        assert "max_regression is not checked" in caplog.text


def test_a_first_run_has_no_champion(tmp_path: Path) -> None:
    inputs = {"model": [model(tmp_path / "candidate", None)], "baseline_model": []}
    assert _with_comparable_champion(inputs) is inputs

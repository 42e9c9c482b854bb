"""The committed JSON Schema: in step with the configuration, and of use to an editor."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.config import FAMILIES
from pipeline.config.json_schema import SCHEMA_FILE, json_schema, main, render


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


def definition(schema: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    name = reference["$ref"].removeprefix("#/$defs/")
    found: dict[str, Any] = schema["$defs"][name]
    return found


def test_the_committed_file_is_in_step() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == render(), "run: python -m pipeline.config.json_schema"


def test_the_module_writes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.config.json_schema.SCHEMA_FILE", tmp_path / "schema.json")
    main()
    assert [file.name for file in tmp_path.iterdir()] == ["schema.json"]
    assert json.loads((tmp_path / "schema.json").read_text(encoding="utf-8")) == json_schema()


def test_identity(schema: dict[str, Any]) -> None:
    assert schema["title"] == "Lockgate pipeline.yaml"
    assert schema["$id"] == "urn:lockgate:pipeline:1"
    assert schema["additionalProperties"] is False


def test_each_family_completes_its_own_params(schema: dict[str, Any]) -> None:
    branches = [definition(schema, branch) for branch in schema["properties"]["model"]["anyOf"]]
    *built_in, custom = branches
    assert [branch["properties"]["family"]["const"] for branch in built_in] == list(FAMILIES)
    params = [set(definition(schema, branch["properties"]["params"])["properties"]) for branch in built_in]
    mlp, wide_deep, dcn, gbt, tabm, ensemble = params
    assert wide_deep - mlp == {"wide_l2"}
    assert dcn - mlp == {"cross_layers", "low_rank", "structure"}
    assert not mlp & gbt
    assert tabm - mlp == {"k", "blocks", "width", "clamp"}
    assert {"members", "weights", "distill"} < ensemble
    assert "." in custom["properties"]["family"]["pattern"]


def test_docstrings_are_descriptions(schema: dict[str, Any]) -> None:
    train = definition(schema, schema["properties"]["train"])
    assert train["properties"]["clip_norm"]["description"] == "Clips the gradients' global norm."
    assert schema["properties"]["seed"]["description"].startswith("Seeds the initial weights")


def test_aliases_are_the_names(schema: dict[str, Any]) -> None:
    data = definition(schema, schema["properties"]["data"])
    assert "schema" in data["properties"]
    assert "schema_file" not in data["properties"]


def test_only_a_file_without_extends_must_be_complete(schema: dict[str, Any]) -> None:
    assert "extends" in schema["properties"]
    assert "required" not in schema
    assert schema["if"] == {"not": {"required": ["extends"]}}
    complete = schema["then"]
    assert complete["required"] == ["name", "data", "features", "evaluate"]
    assert complete["properties"]["features"] == {
        "required": ["label"],
        "properties": {"label": {"required": ["column", "task"]}},
    }
    data = complete["properties"]["data"]["properties"]
    assert data["inputs"] == {"required": ["train", "eval", "test"]}
    assert data["split"] == {
        "anyOf": [
            {"properties": {"by": {"const": "hash"}}},
            {"required": ["by", "column"], "properties": {"by": {"const": "time"}}},
            {"required": ["by", "column"], "properties": {"by": {"const": "column"}}},
        ]
    }, "a split without `by` needs no column"
    assert schema["$defs"]["NumericFeature"]["required"] == ["columns"], "lists replace lists"


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    text = json.dumps(schema)
    names = {part.partition('"')[0] for part in text.split("#/$defs/")[1:]}
    assert names == set(schema["$defs"])

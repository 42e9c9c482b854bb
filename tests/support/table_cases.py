"""A small sound table with its configuration, and ways to break them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.table_check import TableFacts, check_table, read_table
from pipeline.preflight.table_profile import TableProfile
from preprocessing.errors import UserError

GOOD = "a,b,c,y\n" + "".join(f"{i},{i / 2},k{i % 3},{'yes' if i % 2 else 'no'}\n" for i in range(1, 21))


def config(data: dict[str, Any] | None = None, **features: Any) -> PipelineConfig:
    """A binary label y, numbers a and b, categories c; keyword arguments replace groups."""
    groups: dict[str, Any] = {
        "label": {"column": "y", "task": "binary"},
        "numeric": [{"columns": ["a", "b"]}],
        "categorical": [{"columns": ["c"]}],
    }
    groups |= features
    metric = "rmse" if groups["label"]["task"] == "regression" else "accuracy"
    content = {
        "name": "t",
        "data": data or {"path": "t.csv"},
        "features": {key: value for key, value in groups.items() if value},
        "evaluate": {"thresholds": [{"metric": metric, "min": 0}]},
    }
    return PipelineConfig.model_validate_json(json.dumps(content))


STOCK = {"path": "t.csv", "reader": "tfx"}
"""The table for the stock readers."""


def looked_at(settings: PipelineConfig, folder: Path) -> TableFacts:
    """What the preflight found in a table on this machine."""
    facts = check_table(settings, folder)
    assert facts is not None
    return facts


def profiled(settings: PipelineConfig, folder: Path) -> TableProfile:
    """A table as the preflight reads it."""
    return read_table(settings, folder)


def rows(settings: PipelineConfig, folder: Path) -> dict[str, int]:
    """How many rows the preflight reads, by split."""
    table = profiled(settings, folder)
    return {split: table.rows(split) for split in table.splits}


def check(
    folder: Path, content: str | bytes = GOOD, /, data: dict[str, Any] | None = None, **features: Any
) -> TableFacts:
    (folder / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return looked_at(config(data, **features), folder)


def check_parquet(folder: Path, table: dict[str, Any], reader: str = "arrow", **features: Any) -> TableFacts:
    pq.write_table(pa.table(table), folder / "t.parquet")
    return looked_at(config({"path": "t.parquet", "reader": reader}, **features), folder)


def refused(
    folder: Path, content: str | bytes, *parts: str, data: dict[str, Any] | None = None, **features: Any
) -> None:
    with pytest.raises(UserError) as caught:
        check(folder, content, data=data, **features)
    for part in parts:
        assert part in str(caught.value)
    assert caught.value.hint


def with_line(number: int, line: str) -> str:
    """The good table with another line of this number."""
    lines = GOOD.splitlines()
    lines[number - 1] = line
    return "\n".join(lines) + "\n"

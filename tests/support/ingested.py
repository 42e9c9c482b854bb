"""A small table of orders in several formats, a configuration for it, and what ExampleGen made of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from ml_metadata.proto import metadata_store_pb2
from support.bad_data import Ended, lockgate_run
from support.examples import by_split

CONFIG: dict[str, Any] = {
    "name": "orders",
    "root": "root",
    "data": {},
    "features": {
        "label": {"column": "late", "task": "binary"},
        "numeric": [{"columns": ["price", "items"]}],
        "categorical": [{"columns": ["colour"]}],
    },
    "model": {"family": "mlp", "params": {"hidden": [4]}},
    "train": {"epochs": 1, "batch_size": 64},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0}]},
}
COLOURS = ["rot", "grün", "blau"]


def table(first: int = 0, rows: int = 300, price: float = 10.0) -> pd.DataFrame:
    """Orders with numbers from `first` on. Prices are no 32-bit floats; some prices and colours are missing."""
    rng = np.random.default_rng(first + 1)
    frame = pd.DataFrame(
        {
            "id": np.arange(first, first + rows),
            "customer": [f"k{number:03d}" for number in rng.integers(0, 150, rows)],
            "price": rng.normal(price, 2, rows).round(2),
            "items": rng.integers(0, 9, rows),
            "colour": rng.choice(COLOURS, rows),
            "day": [f"2020-{1 + row * 12 // rows:02d}-{1 + row % 28:02d}" for row in range(rows)],
            "late": rng.choice(["no", "yes"], rows),
        }
    )
    frame.loc[frame.index % 17 == 3, "price"] = None
    frame.loc[frame.index % 29 == 5, "colour"] = None
    return frame


def write(path: Path, frame: pd.DataFrame, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, **options)
    return path


def project(folder: Path, **data: Any) -> Path:
    """A pipeline.yaml with this `data:` section."""
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(CONFIG | {"data": data}, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def ingested(config: Path, *options: str) -> Ended:
    """Runs ExampleGen alone."""
    ended = lockgate_run(config, "--to", "ExampleGen", *options)
    assert ended.code == 0, ended.screen
    return ended


def error_of(ended: Ended) -> tuple[str, str]:
    """The error and the next step of a run that failed: a line each, and no stack trace."""
    assert ended.code == 1, ended.screen
    assert "Traceback" not in ended.screen
    lines = ended.screen.splitlines()
    [start] = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    error, hint, *rest = lines[start:]
    assert hint.startswith("  next: ")
    assert all(line.startswith("  log: ") for line in rest)
    return error, hint


def newest(root: Path) -> metadata_store_pb2.Artifact:
    """The last complete Examples artifact."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.sqlite")
    found = mlmd.MetadataStore(connection).get_artifacts_by_type("Examples")
    live = metadata_store_pb2.Artifact.LIVE
    return max((each for each in found if each.state == live), key=lambda each: int(each.id))


def content(root: Path) -> dict[str, Counter[Any]]:
    """The newest examples of each split, in any order."""
    return {
        split: Counter(tuple((name, tuple(values)) for name, values in sorted(row.items())) for row in rows)
        for split, rows in by_split(Path(newest(root).uri)).items()
    }


def ids(root: Path) -> dict[str, list[int]]:
    return {split: sorted(row["id"][0] for row in rows) for split, rows in by_split(Path(newest(root).uri)).items()}


def all_ids(root: Path) -> list[int]:
    return sorted(number for numbers in ids(root).values() for number in numbers)


def expected(frame: pd.DataFrame) -> Counter[Any]:
    """What the rows of a table are as examples: worked out without any of our readers."""

    def cell(value: Any) -> tuple[Any, ...]:
        if pd.isna(value):
            return ()
        return (value.encode(),) if isinstance(value, str) else (float(np.float32(value)),)

    return Counter(
        tuple((name, cell(value)) for name, value in sorted(row.items())) for row in frame.to_dict("records")
    )


def check(ended: Ended, name: str) -> dict[str, Any]:
    return next(each for each in ended.result["data_gate"]["checks"] if each["name"] == name)


def parquet(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    pq.write_table(pa.Table.from_pandas(frame), folder / "t.parquet", row_group_size=70)
    return {"path": "t.parquet"}


def json_lines(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    frame.to_json(folder / "t.jsonl", orient="records", lines=True, force_ascii=False)
    return {"path": "t.jsonl"}


def sqlite(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    import sqlite3

    with sqlite3.connect(folder / "t.db") as connection:
        frame.to_sql("orders", connection, index=False)
    return {"sql": {"url": "sqlite:///t.db", "query": "SELECT * FROM orders"}}

"""The same data in another format: `init` proposes the same kinds, task and classes."""

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from pipeline.scaffold import Proposal, propose
from preprocessing.config import Task

ROWS = 300


def scattered(i: int, of: int) -> int:
    return i * 7919 % 1009 % of


TABLE: dict[str, list[Any]] = {
    "measured": [scattered(i, 1009) / 8 for i in range(ROWS)],
    "whole": [float(scattered(i, 900)) for i in range(ROWS)],
    "flag": [float(scattered(i, 2)) for i in range(ROWS)],
    "region_code": [None if i % 50 == 0 else float(scattered(i, 5)) for i in range(ROWS)],
    "gateway": [1582218195625938000 + scattered(i, 13) for i in range(ROWS)],
    "icd": [("007.1", "7.1", "401.9", "038.11")[scattered(i, 4)] for i in range(ROWS)],
    "price": [f"{1 + scattered(i, 9)}.{100 + scattered(i, 800)},{scattered(i, 90) + 10} \u20ac" for i in range(ROWS)],
    "share": [f"{scattered(i, 60)}%" for i in range(ROWS)],
    "size": ["tbd" if i % 60 == 0 else str(scattered(i, 900) / 4) for i in range(ROWS)],
    "weight": [f"{scattered(i, 40)} {('kg', 'lb')[i % 2]}" for i in range(ROWS)],
    "day": [f"{1 + scattered(i, 28):02}/{1 + scattered(i, 12):02}/2020" for i in range(ROWS)],
    "colour": [("red", "green", "blue")[scattered(i, 3)] for i in range(ROWS)],
    "stars": [float(1 + scattered(3 * i, 4)) for i in range(ROWS)],
    "answer": [("yes", "yes ", "No", "no", "no", "yes")[scattered(i, 6)] for i in range(ROWS)],
    "amount": [f"{10 + scattered(i, 80)},{100 + scattered(i, 900)}" for i in range(ROWS)],
}
EXPECTED = {
    "measured": "numeric",
    "whole": "numeric",
    "flag": "boolean",
    "region_code": "categorical",
    "gateway": "categorical",
    "icd": "categorical",
    "price": "numeric",
    "share": "numeric",
    "size": "numeric",
    "weight": "categorical",
    "day": "datetime",
    "colour": "categorical",
    "stars": "numeric",
    "answer": "categorical",
    "amount": "numeric",
}


def as_csv(folder: Path) -> Path:
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TABLE)
        writer.writerows(zip(*TABLE.values(), strict=True))
    return folder / "t.csv"


def as_parquet(folder: Path) -> Path:
    pq.write_table(pa.table(TABLE), folder / "t.parquet")
    return folder / "t.parquet"


def as_arrow(folder: Path) -> Path:
    feather.write_feather(pa.table(TABLE), str(folder / "t.arrow"))
    return folder / "t.arrow"


def as_json_lines(folder: Path) -> Path:
    rows = (dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True))
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return folder / "t.jsonl"


def as_sqlite(folder: Path) -> Path:
    kinds = {float: "REAL", int: "INTEGER", str: "TEXT"}
    columns = ", ".join(f"{name} {kinds[type(values[1])]}" for name, values in TABLE.items())
    connection = sqlite3.connect(folder / "t.db")
    with connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        marks = ", ".join("?" * len(TABLE))
        connection.executemany(f"INSERT INTO t VALUES ({marks})", zip(*TABLE.values(), strict=True))  # noqa: S608
    connection.close()
    return folder / "t.db"


FORMATS = (as_csv, as_parquet, as_arrow, as_json_lines, as_sqlite)


@pytest.mark.parametrize("written", FORMATS)
@pytest.mark.parametrize(
    ("label", "task", "classes"),
    [
        ("stars", "multiclass", ("1", "2", "3", "4")),
        ("flag", "binary", ("0", "1")),
        ("answer", "binary", ("no", "yes")),
        ("amount", "regression", None),
    ],
)
def test_same_data_same_proposal(
    tmp_path: Path, written: Callable[[Path], Path], label: str, task: Task, classes: tuple[str, ...] | None
) -> None:
    proposal: Proposal = propose(written(tmp_path), label, name="t")
    assert (proposal.label.task, proposal.label.classes) == (task, classes)
    kinds = {decision.column: decision.kind for decision in proposal.decisions}
    assert kinds == {name: kind for name, kind in EXPECTED.items() if name != label}

"""Columns of lists in a proposal: bags of categories, whatever file they come in, or left out with the reason."""

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.scaffold.bags import bag_width, text_settings
from pipeline.scaffold.columns import Decision
from pipeline.scaffold.deciding import propose
from pipeline.scaffold.survey import survey
from preprocessing.bag_config import ListFeature

ROWS = 60
Rows = list[dict[str, Any]]


def as_parquet(folder: Path, rows: Rows) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), folder / "t.parquet")
    return folder / "t.parquet"


def as_json(folder: Path, rows: Rows) -> Path:
    (folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder / "t.jsonl"


def decision(table: Path) -> Decision:
    proposal = propose(table, "y", name="p")
    return next(each for each in proposal.decisions if each.column == "x")


def table(values: list[Any]) -> Rows:
    return [{"y": ("a", "b")[i % 2], "z": i * 7 % 11 + 0.5, "x": value} for i, value in enumerate(values)]


@pytest.mark.parametrize("write", [as_parquet, as_json])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([["red", "big"], ["red"], ["blue", "red", "red"]] * 20, {"top_k": 10}),
        ([[1, 2], [2], [3, 2]] * 20, {"top_k": 10}),
        ([["red", "big"], [], None] * 20, {"top_k": 10, "indicator": True}),
        ([[f"t{i % 12}", f"t{(i + 1) % 12}"] for i in range(120)], {"top_k": 20}),
    ],
)
def test_bags(tmp_path: Path, write: Callable[[Path, Rows], Path], values: list[Any], expected: dict[str, Any]) -> None:
    found = decision(write(tmp_path, table(values)))
    assert (found.kind, found.settings) == ("lists", expected)
    assert "bags of categories" in found.warning


def as_csv(folder: Path, rows: Rows) -> Path:
    lines = [[str(each) for each in row.values()] for row in rows]
    with (folder / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[*rows[0]], *lines])
    return folder / "t.csv"


GENRES = ["Action", "Comedy", "Drama", "Film noir", "War"]


def combinations(separator: str) -> list[str]:
    """All lists of one to three of five values, several times."""
    picked = (each for size in (1, 2, 3) for each in itertools.combinations(GENRES, size))
    return [separator.join(each) for each in picked] * 6


@pytest.mark.parametrize("separator", ["|", ";", ", "])
def test_lists_in_cells_are_divided(tmp_path: Path, separator: str) -> None:
    proposal = propose(as_csv(tmp_path, table(combinations(separator))), "y", name="p")
    [found] = [each for each in proposal.decisions if each.column == "x"]
    assert (found.kind, found.settings) == ("lists", {"top_k": 10})
    text = yaml.safe_load(proposal.yaml_text("t.csv"))
    assert text["data"]["columns"] == {"x": {"separator": separator.strip()}}
    assert text["features"]["lists"] == [{"columns": ["x"], "top_k": 10}]
    assert any("'x' is read as lists" in note for note in proposal.notes)


@pytest.mark.parametrize(
    "values",
    [
        # Two fields in each cell; prose; lists of which hardly any value comes twice; digits that may be one number.
        [f"{town}, {land}" for town in ("Paris", "Rome", "Bonn", "Oslo") for land in ("AB", "CD", "EF")] * 10,
        [f"a quiet house, number {i}, near the {('sea', 'lake', 'wood')[i % 3]}, with a view" for i in range(120)],
        [f"{i}|{i + 1}|x" if i % 2 else f"{i}|x" for i in range(120)],
        [",".join(str(100 + (i * j) % 7) for j in range(1, 2 + i % 3)) for i in range(120)],
        ["red", "blue|green", "black"] * 40,
    ],
    ids=["fields", "prose", "rare", "digits", "few"],
)
def test_other_texts_with_such_characters_are_no_lists(tmp_path: Path, values: list[str]) -> None:
    proposal = propose(as_csv(tmp_path, table(values)), "y", name="p")
    assert "separator" not in proposal.yaml_text("t.csv")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([[i + 0.5, 1.0] for i in range(ROWS)], "numbers with fractions"),
        ([[f"a{i}", f"b{i}"] for i in range(ROWS)], "none of their values comes in 10 rows"),
        ([[{"a": 1}]] * ROWS, "its type is"),
    ],
)
def test_left_out(tmp_path: Path, values: list[Any], reason: str) -> None:
    found = decision(as_parquet(tmp_path, table(values)))
    assert found.kind == "left_out"
    assert reason in found.reason


def test_of_long_lists_the_values_that_a_run_sees_are_counted_and_of_vectors_none(tmp_path: Path) -> None:
    rows = table([list(range(150))] * ROWS)
    found = survey(as_parquet(tmp_path, [{**row, "v": [0.5] * 150} for row in rows]), "y")
    assert found.lists["x"].counts == {str(value): ROWS for value in range(ListFeature(columns=("x",)).max_values)}
    assert not found.lists["v"].counts


@pytest.mark.parametrize(
    "settings", [{"top_k": 20}, {"hash_buckets": 300, "indicator": True}, text_settings(5_000, 0.5)]
)
def test_the_width_of_a_bag_is_that_of_the_transformed_rows(settings: dict[str, Any]) -> None:
    assert bag_width(settings) == ListFeature(columns=("x",), **settings).width

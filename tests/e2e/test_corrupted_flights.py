"""A corrupted delivery of the flights: the shipped pipeline.yaml stops it before anything is spent on training."""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.bad_data import Ended, lockgate_run

FLIGHTS = Path(__file__).parent.parent.parent / "data/flights"
SPLITS = ("train", "eval", "test")
EVERY = 10
METRES = 1609.344
"""In a mile."""
TEN_MB = 10_000_000

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(
        not all((FLIGHTS / split / "flights.parquet").exists() for split in SPLITS),
        reason="the flights table is not there: make it with `make data` (or python data/flights/prepare.py)",
    ),
    # protobuf's, on TFX's call, at a depth at which Python takes Lockgate for the caller.
]

Delivery = Mapping[str, list[pa.Table]]


def delivery(first: int) -> dict[str, list[pa.Table]]:
    """Every tenth flight from this one on, by split; the training split in three files."""
    found = {}
    for split in SPLITS:
        table = pq.read_table(FLIGHTS / split / "flights.parquet")
        rows = table.take(np.arange(first, table.num_rows, EVERY))
        bounds = np.linspace(0, rows.num_rows, 4 if split == "train" else 2).astype(int)
        found[split] = [rows.slice(a, b - a) for a, b in itertools.pairwise(bounds)]
    return found


def changed(table: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, values)


def unseen_carrier(table: pa.Table, seed: int) -> pa.Table:
    drawn = pa.array(np.random.default_rng(seed).random(table.num_rows) < 0.4)
    return changed(table, "carrier", pc.if_else(drawn, "ZZ", table["carrier"]))


def in_metres(table: pa.Table) -> pa.Table:
    return changed(table, "distance", pc.cast(pc.round(pc.multiply(table["distance"], METRES)), pa.int64()))


def renamed(table: pa.Table, column: str, name: str) -> pa.Table:
    return table.rename_columns([name if each == column else each for each in table.column_names])


def with_cell(table: pa.Table, row: int, column: str, cell: str) -> pa.Table:
    cells = table[column].to_pylist()
    cells[row] = cell
    return changed(table, column, pa.array(cells))


def text_from_the_middle(table: pa.Table, column: str) -> pa.Table:
    """Numbers as text, and words from the middle row on."""
    cells = [None if cell is None else str(cell) for cell in table[column].to_pylist()]
    middle = len(cells) // 2
    return changed(table, column, pa.array(cells[:middle] + ["calm"] * (len(cells) - middle)))


def a_few(table: pa.Table) -> pa.Table:
    """Four whole rows of each class: with one class alone the run would not come as far as the gate."""
    whole = table.drop_null()
    return pa.concat_tables(whole.filter(pc.equal(whole["late"], late)).slice(0, 4) for late in ("no", "yes"))


def corrupted() -> dict[str, list[pa.Table]]:
    """Six faults at once, all of them such that the table can still be read."""
    found = {
        split: [
            renamed(in_metres(unseen_carrier(table, seed)), "flights_day", "flights_per_day")
            for seed, table in enumerate(tables)
        ]
        for split, tables in delivery(5).items()
    }
    found["train"][0] = with_cell(found["train"][0], 100, "origin", "J" * TEN_MB)
    # Of eval next to nothing has come, and a file of train has come again, as one of test.
    found["eval"] = [a_few(found["eval"][0])]
    found["test"].append(found["train"][1])
    return found


class Airport:
    """Takes deliveries, each as a span, and runs the shipped pipeline on the newest one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._options = ["--set", f"root={folder / 'root'}", "--set", "data_gate.drift.baseline=previous_span"]
        for split in SPLITS:
            self._options += ["--set", f"data.inputs.{split}={folder}/span-{{SPAN}}/{split}"]

    def put(self, span: int, tables: Delivery) -> None:
        for split, files in tables.items():
            folder = self.folder / f"span-{span}" / split
            folder.mkdir(parents=True)
            for number, table in enumerate(files, start=1):
                pq.write_table(table, folder / f"part-{number}.parquet")

    def run(self, *options: str) -> Ended:
        return lockgate_run(FLIGHTS / "pipeline.yaml", *self._options, *options)


def test_the_gate_reports_all_faults_of_a_corrupted_copy_with_their_reasons(tmp_path: Path) -> None:
    airport = Airport(tmp_path)
    airport.put(1, delivery(0))
    airport.run("--to", "DataGate").passed()
    airport.put(2, corrupted())
    done = airport.run()
    blocking, warned = done.refused(), done.findings("warn")
    assert set(blocking) == {
        ("SCHEMA_MISSING_COLUMN", "flights_day"),
        ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", "carrier"),
        ("drift", "carrier"),
        ("INT_TYPE_BIG_INT", "distance"),
        ("drift", "distance"),
        ("min_rows", None),
        ("duplicate_files", None),
        ("duplicates", None),
    }
    unseen = blocking["ENUM_TYPE_UNEXPECTED_STRING_VALUES", "carrier"]
    [share, *_] = re.findall(r"([0-9.]+) %", unseen["received"])
    assert 39 < float(share) < 41
    assert "'ZZ'" in unseen["received"]
    assert "'ZZ', never seen before" in blocking["drift", "carrier"]["received"]
    assert blocking["INT_TYPE_BIG_INT", "distance"]["expected"] == "between 1 and 12500"
    assert blocking["min_rows", None]["split"] == "eval"
    assert blocking["min_rows", None]["received"] == "8 rows"
    for name in ("span-2/train/part-2.parquet", "span-2/test/part-2.parquet"):
        assert name in blocking["duplicate_files", None]["received"]
    assert blocking["duplicates", None]["split"] == "test"
    assert ("SCHEMA_NEW_COLUMN", "flights_per_day") in warned
    assert "'JJJ" in warned["ENUM_TYPE_UNEXPECTED_STRING_VALUES", "origin"]["received"]
    assert len(done.screen) < 20_000


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("a used column renamed", ('"carrier"', "did you mean carriers?")),
        ("numbers turned to text", ("column 'wind_speed'", "train/part-3.parquet, row ", "'calm'")),
        ("an empty split", ("eval/part-1.parquet", "no rows")),
        ("a file cut short", ("train/part-2.parquet: not a complete Parquet file",)),
    ],
)
def test_what_can_not_be_read_so_far_ends_in_one_line(tmp_path: Path, fault: str, expected: tuple[str, ...]) -> None:
    """The same corrupted copy, with one more fault that does not let the gate see it."""
    airport, tables = Airport(tmp_path), corrupted()
    if fault == "a used column renamed":
        tables = {split: [renamed(each, "carrier", "carriers") for each in files] for split, files in tables.items()}
    elif fault == "numbers turned to text":
        tables["train"][2] = text_from_the_middle(tables["train"][2], "wind_speed")
    elif fault == "an empty split":
        tables["eval"] = [tables["eval"][0].slice(0, 0)]
    airport.put(1, tables)
    if fault == "a file cut short":
        path = tmp_path / "span-1/train/part-2.parquet"
        path.write_bytes(path.read_bytes()[:-5000])
    error = airport.run().error()
    for part in expected:
        assert part in error

"""The tables of the benchmark, each one CSV file: drawn with a fixed seed, so that they are the same everywhere."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from ..stock.features import COLUMNS, WIDE, Columns

FLIGHTS = Path(__file__).parents[3] / "data" / "flights"
SEED = 20
_PIECE = 100_000
PLANE = ("plane_year", "plane_model", "plane_seats")
WEATHER = (
    "temp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib", "precip_6h", "visib_6h",
    "wind_speed_6h",
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table and the training on it.

    Attributes:
      kind: a name in `COLUMNS`.
      steps: training steps of both sides.
      batch: rows in a step.
    """

    kind: str
    rows: int
    steps: int
    batch: int

    @property
    def name(self) -> str:
        """What the results call it."""
        return "wide" if self.kind == "wide" else f"{self.rows:,}"

    @property
    def columns(self) -> Columns:
        """Which of its columns the models see."""
        return COLUMNS[self.kind]


def flights_table(rows: int) -> Table:
    """The flights table of this many rows, with the template's batch of 40, and 256 from a million rows on."""
    if rows < 100_000:
        return Table("flights", rows, 1000, 40)
    return Table("flights", rows, 3000, 40 if rows < 1_000_000 else 256)


def wide_table(rows: int = 50_000) -> Table:
    """200 columns."""
    return Table("wide", rows, 1000, 40)


def write_csv(table: Table, folder: Path) -> Path:
    """Writes the table into a folder of its own, once.

    Args:
      folder: gets `table.csv`, and nothing else, as CsvExampleGen reads whole folders.

    Raises:
      FileNotFoundError: the flights table has not been prepared.
    """
    path = folder / "table.csv"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.csv")
    pieces = (wide_pieces if table.kind == "wide" else flights_pieces)(table.rows)
    first = next(pieces)
    # The header by hand: CsvExampleGen takes the quotes that pyarrow writes around names as part of them.
    options = pyarrow.csv.WriteOptions(include_header=False)
    with temporary.open("wb") as file:
        file.write(",".join(first.schema.names).encode() + b"\n")
        with pyarrow.csv.CSVWriter(file, first.schema, write_options=options) as writer:
            for piece in itertools.chain([first], pieces):
                writer.write_table(piece)
    temporary.replace(path)
    return path


def flights_pieces(rows: int, source: pa.Table | None = None) -> Iterator[pa.Table]:
    """The flights table, resampled to any number of rows.

    A new row is put together from three that are drawn independently, with replacement: the schedule and the label of
    one flight, the plane of another, the weather of a third. So millions of rows are hardly ever equal, while every
    column keeps its type, its values, their shares and how many are missing, and the label can be learned.

    Args:
      source: flights; by default all that `data/flights/prepare.py` wrote.
    """
    source = all_flights() if source is None else source
    random = np.random.default_rng(SEED)
    drawn = [random.integers(0, source.num_rows, rows) for _ in range(3)]
    for start in range(0, rows, _PIECE):
        schedule, plane, weather = (pa.array(each[start : start + _PIECE]) for each in drawn)
        row_of = dict.fromkeys(PLANE, plane) | dict.fromkeys(WEATHER, weather)
        columns = {name: pc.take(source[name], row_of.get(name, schedule)) for name in source.column_names}
        yield pa.table(columns, schema=source.schema)


def all_flights() -> pa.Table:
    """The flights of all three splits, in memory and in one piece a column, as they are drawn from at random."""
    schema = pq.read_schema(FLIGHTS / "train" / "flights.parquet")
    splits = [pq.read_table(FLIGHTS / split / "flights.parquet").cast(schema) for split in ("train", "eval", "test")]
    return pa.concat_tables(splits).combine_chunks()


def wide_pieces(rows: int) -> Iterator[pa.Table]:
    """A table of 200 columns: floats of several shapes, whole numbers, categories of 2 to 60 values, and a label.

    Every third number and every fourth category misses up to 30 % of its values. The label depends on five numbers and
    two categories.
    """
    for start in range(0, rows, _PIECE):
        yield _wide_piece(np.random.default_rng([SEED, start]), min(_PIECE, rows - start))


def _wide_piece(random: np.random.Generator, rows: int) -> pa.Table:
    shapes: list[Callable[[], np.ndarray]] = [
        lambda: random.normal(10, 3, rows), lambda: random.lognormal(2, 1, rows), lambda: random.uniform(-1, 1, rows),
    ]  # fmt: skip
    numbers, columns = {}, {}
    for place, name in enumerate(WIDE.dense + WIDE.buckets):
        whole = name.startswith("int")
        values = random.poisson(20, rows) if whole else shapes[place % 3]().round(4)
        numbers[name] = values
        columns[name] = pa.array(values, mask=_missing(random, rows, place, 3))
    score = sum((numbers[name] - numbers[name].mean()) / numbers[name].std() for name in WIDE.dense[:5])
    for place, name in enumerate(WIDE.vocabularies):
        # The square makes small ids frequent, as the values of a category are.
        ids = (random.random(rows) ** 2 * (2 + place)).astype(int)
        columns[name] = pa.array([f"value {each}" for each in ids], mask=_missing(random, rows, place, 4))
        if place in (0, 1):
            score = score + np.where(ids == 0, 1.0, -1.0)
    late = random.random(rows) < 1 / (1 + np.exp(-score))
    label = pa.array(np.where(late, WIDE.positive, WIDE.negative))
    return pa.table({WIDE.label: label} | columns)


def _missing(random: np.random.Generator, rows: int, place: int, every: int) -> np.ndarray:
    """Which values are missing, bool [rows]: none, but for every third or fourth column."""
    return random.random(rows) < (0.05 + 0.25 * (place % 7) / 6 if place % every == 1 else 0)

"""The benchmark's tables: seeded, of the shape that was asked for, with the kinds of columns that flights have."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from benchmarks.stock.features import FLIGHTS, WIDE
from benchmarks.whole import tables
from benchmarks.whole.tables import Table, flights_pieces, flights_table, wide_pieces, wide_table, write_csv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

ROWS = 400


@pytest.fixture
def source() -> pa.Table:
    """50 flights with one column of each drawn part; each value names its row, some planes and gusts are missing."""
    numbers = range(50)
    return pa.table({
        "late": [f"late {each}" for each in numbers],
        "distance": pa.array(numbers, pa.int64()),
        "plane_year": pa.array([None if each % 5 == 0 else each for each in numbers], pa.int64()),
        "plane_model": [None if each % 5 == 0 else f"model {each}" for each in numbers],
        "temp": pa.array([each + 0.5 for each in numbers], pa.float64()),
        "wind_gust": pa.array([None if each % 2 else each + 0.5 for each in numbers], pa.float64()),
    })  # fmt: skip


def drawn(source: pa.Table, rows: int = ROWS) -> pa.Table:
    return pa.concat_tables(flights_pieces(rows, source))


def test_resampled_flights_keep_types_and_order_of_columns(source: pa.Table):
    assert drawn(source).schema == source.schema
    assert drawn(source).num_rows == ROWS


def test_the_parts_of_a_row_stay_together(source: pa.Table):
    for row in drawn(source).to_pylist():
        assert row["late"] == f"late {row['distance']}"
        assert row["plane_model"] == (None if row["plane_year"] is None else f"model {row['plane_year']}")
        assert row["wind_gust"] == (None if int(row["temp"]) % 2 else row["temp"])


def test_rows_are_hardly_ever_equal_and_planes_missing_as_often_as_before(source: pa.Table):
    table = drawn(source)
    assert len({tuple(row.values()) for row in table.to_pylist()}) > ROWS * 0.98
    assert table["plane_year"].null_count / ROWS == pytest.approx(0.2, abs=0.06)


def test_the_same_seed_draws_the_same_rows_whatever_the_piece(source: pa.Table, monkeypatch: pytest.MonkeyPatch):
    whole = drawn(source)
    monkeypatch.setattr(tables, "_PIECE", 77)
    assert drawn(source).equals(whole)
    monkeypatch.setattr(tables, "SEED", 21)
    assert not drawn(source).equals(whole)


def test_the_columns_of_the_model_are_those_of_the_flights_table():
    schema = text_format.Parse((tables.FLIGHTS / "schema.pbtxt").read_text(), schema_pb2.Schema())
    types = {each.name: each.type for each in schema.feature}
    numbers = {types[name] for name in FLIGHTS.dense + FLIGHTS.buckets}
    assert schema_pb2.BYTES not in numbers
    assert {types[name] for name in (FLIGHTS.label, *FLIGHTS.vocabularies)} == {schema_pb2.BYTES}
    used = {FLIGHTS.label, *FLIGHTS.dense, *FLIGHTS.buckets, *FLIGHTS.vocabularies}
    assert set(types) - used == {"scheduled_departure"}
    assert set(tables.PLANE + tables.WEATHER) < set(types)


def test_the_wide_table_has_200_columns_of_every_kind():
    table = pa.concat_tables(wide_pieces(ROWS))
    assert table.shape == (ROWS, 200)
    assert table.column_names == [WIDE.label, *WIDE.dense, *WIDE.buckets, *WIDE.vocabularies]
    kinds = {str(field.type) for field in table.schema}
    assert kinds == {"double", "int64", "string"}
    missing = [name for name in table.column_names if table[name].null_count]
    assert WIDE.label not in missing
    assert 50 < len(missing) < 70
    assert max(table[name].null_count for name in missing) < 0.4 * ROWS
    assert max(len(table[name].unique()) for name in WIDE.vocabularies) <= WIDE.vocabulary_size
    assert 0.3 < table[WIDE.label].to_pylist().count("yes") / ROWS < 0.7


def test_the_wide_table_is_the_same_each_time():
    assert pa.concat_tables(wide_pieces(50)).equals(pa.concat_tables(wide_pieces(50)))


def test_a_table_is_written_once_as_a_csv_file_that_reads_back(tmp_path: Path):
    folder = tmp_path / "wide"
    (tmp_path / ".wide.csv").write_text("half a file of a run that was killed")
    path = write_csv(Table("wide", ROWS, 1, 1), folder)
    assert path.read_text().splitlines()[0].startswith("label,float_000,")
    # By default pyarrow reads an empty cell of text as "".
    read = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True))
    assert read.equals(pa.concat_tables(wide_pieces(ROWS)))
    assert [each.name for each in folder.iterdir()] == ["table.csv"]
    before = path.stat().st_mtime_ns
    assert write_csv(Table("wide", ROWS, 1, 1), folder).stat().st_mtime_ns == before


def test_tables_train_as_the_template_does():
    assert [(each.name, each.steps, each.batch) for each in map(flights_table, (15_000, 300_000, 3_000_000))] == [
        ("15,000", 1000, 40),
        ("300,000", 3000, 40),
        ("3,000,000", 3000, 256),
    ]
    assert (wide_table().name, wide_table().rows) == ("wide", 50_000)

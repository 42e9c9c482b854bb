import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config.loader import load

SETS = ["penguins", "diamonds", pytest.param("flights", marks=pytest.mark.slow)]
COMMITTED = ["penguins/penguins.csv", "diamonds/diamonds.parquet"]
KINDS = {schema_pb2.INT: "integer", schema_pb2.FLOAT: "number", schema_pb2.BYTES: "text"}


@pytest.fixture(params=SETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def table(name: str, data_folder: Path, request: pytest.FixtureRequest) -> pa.Table:
    """All rows of a data set."""
    if name == "flights":
        folder = request.getfixturevalue("flights_folder")
        return pa.concat_tables(pq.read_table(path) for path in sorted(folder.rglob("*.parquet")))
    return read(next(data_folder / path for path in COMMITTED if path.startswith(name)))


@pytest.fixture
def schema(name: str, data_folder: Path) -> schema_pb2.Schema:
    return text_format.Parse((data_folder / name / "schema.pbtxt").read_text(), schema_pb2.Schema())


def read(path: Path) -> pa.Table:
    return pyarrow.csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def readme_rows(readme: str, header: str) -> Iterator[list[str]]:
    """The cells of the markdown table whose first header is `header`, without back-quotes."""
    lines = readme[readme.index(f"| {header} |") :].splitlines()
    for line in lines[2:]:
        if not line.startswith("|"):
            return
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def checksums(data_folder: Path, name: str) -> dict[str, str]:
    rows = readme_rows((data_folder / name / "README.md").read_text(), "file")
    return {row[0].removesuffix(" (written)").strip("`"): row[-1] for row in rows}


@pytest.mark.parametrize("committed", COMMITTED)
def test_the_committed_table_is_the_one_that_the_readme_lists(committed: str, data_folder: Path) -> None:
    name, file = committed.split("/")
    assert sha256(data_folder / committed) == checksums(data_folder, name)[file]


@pytest.mark.parametrize("committed", COMMITTED)
def test_prepare_makes_the_committed_table(
    committed: str, data_folder: Path, load_script: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    (written,) = load_script(f"{committed.split('/')[0]}/prepare.py").prepare(tmp_path)
    assert written == tmp_path / committed.split("/")[1]
    # The rows, not the bytes: those of a Parquet file change with the version of pyarrow.
    assert read(written).equals(read(data_folder / committed))


@pytest.mark.slow
def test_prepare_writes_the_flights_that_the_readme_lists(flights_folder: Path, data_folder: Path) -> None:
    listed = checksums(data_folder, "flights")
    for split in ("train", "eval", "test"):
        assert sha256(flights_folder / split / "flights.parquet") == listed[f"{split}/flights.parquet"], (
            "another version of pyarrow writes other bytes: check the rows, then update data/flights/README.md"
        )


def test_the_scripts_and_the_readme_expect_the_same_source_files(name: str, data_folder: Path) -> None:
    script = (data_folder / name / "prepare.py").read_text()
    listed = {value for file, value in checksums(data_folder, name).items() if file.endswith("(source)")}
    assert set(re.findall(r'"([0-9a-f]{64})"', script)) == listed


def test_the_readme_describes_every_column(name: str, data_folder: Path, table: pa.Table) -> None:
    described = {
        row[0]: (row[1], row[-1].replace(",", ""))
        for row in readme_rows((data_folder / name / "README.md").read_text(), "column")
    }
    kinds = {pa.int64(): "integer", pa.float64(): "number", pa.string(): "text"}
    found = {field.name: (kinds[field.type], str(table[field.name].null_count)) for field in table.schema}
    if name == "penguins":  # an empty cell of a text column is an empty string to pyarrow
        found["sex"] = ("text", str(table["sex"].to_pylist().count("")))
    assert described == found


def test_the_schema_covers_every_column_and_every_value(schema: schema_pb2.Schema, table: pa.Table) -> None:
    kinds = {pa.int64(): "integer", pa.float64(): "number", pa.string(): "text"}
    assert {feature.name: KINDS[feature.type] for feature in schema.feature} == {
        field.name: kinds[field.type] for field in table.schema
    }
    domains = {domain.name: set(domain.value) for domain in schema.string_domain}
    for feature in schema.feature:
        values = table[feature.name].drop_null()
        present = len(values) / table.num_rows
        assert present >= feature.presence.min_fraction, feature.name
        if feature.domain:
            assert set(values.unique().to_pylist()) - {""} == domains[feature.domain], feature.name
        elif feature.WhichOneof("domain_info") in ("int_domain", "float_domain"):
            bounds = getattr(feature, feature.WhichOneof("domain_info"))
            extremes = pc.min_max(values).as_py()
            assert bounds.min <= extremes["min"], feature.name
            assert not bounds.max or extremes["max"] <= bounds.max, feature.name


def test_no_column_has_a_fixed_shape(schema: schema_pb2.Schema) -> None:
    # With a shape a missing value would be an error.
    assert [feature.name for feature in schema.feature if feature.HasField("shape")] == []


def test_the_configuration_is_valid_and_names_columns_of_the_table(name: str, data_folder: Path) -> None:
    schema = text_format.Parse((data_folder / name / "schema.pbtxt").read_text(), schema_pb2.Schema())
    config = load(data_folder / name / "pipeline.yaml").config
    columns = {feature.name for feature in schema.feature}
    slices = {column for group in config.evaluate.slices for column in group}
    assert {config.features.label.column, *config.features.columns(), *slices} <= columns
    assert config.features.label.column not in config.features.columns()
    for threshold in config.evaluate.thresholds:
        assert threshold.max_regression is not None


def test_parquet_holds_only_types_that_the_stock_reader_takes(name: str, table: pa.Table) -> None:
    if name != "penguins":
        assert {field.type for field in table.schema} <= {pa.int64(), pa.float64(), pa.string()}

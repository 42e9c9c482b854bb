"""`lockgate init` on any table: it writes what `validate` and the beginning of a run take, or ends in one message."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from components.example_gen.block import BadRow
from components.example_gen.columns.typed import typed
from components.example_gen.columns.use import schema_types
from pipeline.cli import main
from pipeline.config.loader import LoadedConfig, load
from pipeline.preflight.column_roles import uses
from pipeline.preflight.table_check import TableFacts, check_table
from pipeline.preflight.table_files import TableReader, table_files, table_format, table_partitions
from pipeline.preflight.validate import problems
from pipeline.scaffold import propose, write
from preprocessing.errors import UserError

Table = dict[str, list[Any]]

TRICKY = [
    *("1e3", "2E10", "0o17", "1e+3", "1_000", "0x1F", "12:30:45", "yes", "on", "y", "~", ".inf", "null", "2020-01-01"),
    *("=", "<<", "*a", "&b", "- c", "a: b", "#d", "%e", "@f", "`g", "[h]", "{i}", "!j", "'", '"', "x_xf", "a b", " k"),
    *(
        "examples",
        "Examples",
        "label",
        "self",
        "class",
        "a/b",
        "a:0",
        "é",
        "e\u0301",
        "__raw_record__",
        "",
        "NA",
        "None",
    ),
]
WORDS = ["NA", "None", "null", "-", "?", " ", "", "nan", "inf", "1e3", "yes ", "Yes", "true", "0", "<<", "~", "a\nb"]


def names() -> st.SearchStrategy[str]:
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=8)
    return st.sampled_from(TRICKY) | text


def cells() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.integers(0, 3),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=True, allow_infinity=True, width=32),
        st.sampled_from(WORDS),
        st.sampled_from(
            ["2:1", "10:3", "9:05", "13:30", "01.02.2023", "2023-05-06", "2023-05-06 07:08:09", "31/12/99"]
        ),
        st.sampled_from(["$1.50", "1,5", "12 kg", "007", "1.0", "1e400", "0x1F", "1_000"]),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5),
        st.none(),
    )


@st.composite
def columns(draw: st.DrawFn, rows: int) -> list[Any]:
    """Few values over and over, or many; some missing."""
    values = draw(st.lists(cells(), min_size=1, max_size=6))
    others = draw(st.lists(cells(), min_size=0, max_size=3))
    return (values * rows)[: rows - len(others)] + others


@st.composite
def tables(draw: st.DrawFn) -> Table:
    rows = draw(st.integers(8, 40))
    found = draw(st.lists(names(), min_size=2, max_size=5, unique=True))
    table = {name: draw(columns(rows)) for name in found}
    table |= {"sound": [i * 7919 % 1009 / 8 for i in range(rows)]}
    return table


def written(table: Table, kind: str, folder: Path, delimiter: str, encoding: str) -> Path:
    path = folder / f"t.{kind}"
    rows = list(zip(*table.values(), strict=True))
    if kind == "folder":
        # The second file lacks a column, the last one as the label stands before it, if there is a third.
        path = folder / "t"
        path.mkdir()
        fewer = dict(list(table.items())[: max(2, len(table) - 1)])
        for name, part in (("a", table), ("b", fewer)):
            written(part, "csv", path, delimiter, encoding).rename(path / f"{name}.csv")
    elif kind == "csv":
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
        writer.writerow(table)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        path.write_bytes(text.getvalue().encode(encoding, "replace"))
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps(dict(zip(table, row, strict=True))) for row in rows), encoding="utf-8")
    elif kind == "json":
        path.write_text(json.dumps([dict(zip(table, row, strict=True)) for row in rows]), encoding="utf-8")
    else:
        columns = {
            name: pa.array(values)
            if len({type(value) for value in values} - {type(None)}) == 1
            else pa.array([None if value is None else str(value) for value in values])
            for name, values in table.items()
        }
        made = pa.table(columns)
        if kind == "arrow":
            with pa.ipc.new_file(path, made.schema) as file:
                file.write_table(made)
        else:
            pq.write_table(made, path)
    return path


def check(path: Path, label: str, folder: Path) -> bool:
    """Whether there is a proposal; what it says must be true."""
    try:
        config = write(propose(path, label, name="t"), folder / "made")
    except UserError:
        return False
    loaded = load(config)
    assert problems(loaded) == []
    facts = check_table(loaded.config, loaded.base)
    assert facts is not None
    # What a person types next, and what ExampleGen does then with what the preflight found.
    said = CliRunner().invoke(main, ["validate", str(config)])
    assert said.exit_code == 0, said.output
    assert not list(rejected(loaded, facts))
    suggested = [line.strip() for line in config.read_text(encoding="utf-8").splitlines() if "# split: " in line]
    for line in suggested:
        by_time = load(config, [f"data.split={line.partition('split: ')[2]}"])
        assert problems(by_time) == []
        assert check_table(by_time.config, by_time.base) is not None
    return True


def rejected(loaded: LoadedConfig, facts: TableFacts) -> Iterator[BadRow]:
    """The rows that a run could not read in the types that it gives them."""
    data = loaded.config.data
    schema = schema_types(loaded.base / str(data.schema_file))
    (files,) = table_files(data, loaded.base).values()
    reader = TableReader(table_format(files, data), data, table_partitions(data, loaded.base))
    for file in files:
        for rows in reader.rows(file, facts.types):
            yield from typed(rows, facts.types, uses(loaded.config, schema), str(file)).bad


@pytest.mark.slow
@settings(
    deadline=None,
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    tables(),
    st.sampled_from(["csv", "jsonl", "parquet", "arrow", "json", "folder"]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "latin-1", "cp1252", "utf-16"]),
    st.data(),
)
def test_init_keeps_its_word(
    tmp_path: Path, table: Table, kind: str, delimiter: str, encoding: str, data: st.DataObject
) -> None:
    label = data.draw(st.sampled_from([name for name in table if name] or [""]))
    assume(label)
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    folder.mkdir()
    check(written(table, kind, folder, delimiter, encoding), label, folder)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_tricky_name_is_proposed(tmp_path: Path, kind: str) -> None:
    rows = 40
    table = {name: [f"{name}{i * 7919 % 1009 % 3}" for i in range(rows)] for name in TRICKY}
    table["1e3"] = [f"{['1e3', '0o17'][i * 7919 % 1009 % 2]}" for i in range(rows)]
    path = written(table, kind, tmp_path, ",", "utf-8")
    assert check(path, "1e3", tmp_path)
    features = load(tmp_path / "made" / "pipeline.yaml").config.features
    assert {*features.columns()} == {*TRICKY} - {"1e3", "", "__raw_record__"}
    assert features.label.classes is not None
    assert sorted(features.label.classes) == ["0o17", "1e3"]

"""What is missing is null to everybody who reads a table, in every format; the cells as they stand are kept beside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.example_gen.block import FeatureType, Rows
from components.example_gen.columns.typed import typed
from components.example_gen.config import DataConfig, Format
from components.example_gen.formats.as_meant import Lists, MissingIsNull
from components.example_gen.formats.registry import reader
from preprocessing.missing import MissingWords

STEP = MissingIsNull(MissingWords(table=("NA",), columns={"own": ("-",)}))


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(["a", " NA", None, "", "-"]),
        pa.array(["a", "NA", None, "\t", "-"], pa.large_string()),
        pa.array(["a", "NA", None, "\xa0", "-"], pa.string_view()),
        pa.array(["a", "NA", None, "NA", "-"]).dictionary_encode(),
        pa.array([b"a", b"NA", None, b" ", b"-"]),
        pa.array([b"a", b"NA", None, b"", b"-"], pa.large_binary()),
    ],
    ids=lambda cells: str(cells.type),
)
def test_texts_of_every_layout(cells: pa.Array) -> None:
    texts = [None if cell is None else cell if isinstance(cell, str) else cell.decode() for cell in cells.to_pylist()]
    assert [cell is None for cell in STEP.apply("c", cells).to_pylist()] == [False, True, True, True, False]
    assert STEP.apply("own", cells)[1].as_py() in (texts[1], texts[1].encode())  # type: ignore[union-attr]
    assert STEP.apply("own", cells)[4].as_py() is None


def test_lists_keep_their_lengths() -> None:
    whole = pa.array([["x"], ["a", "NA", "b"], None, ["NA"], []], pa.list_(pa.string()))
    for cells in (whole, whole.slice(1), whole.cast(pa.large_list(pa.string()))):
        found = STEP.apply("c", cells).to_pylist()[-4:]
        assert found == [["a", None, "b"], None, [None], []]


def test_bytes_that_are_not_text_stay_bytes() -> None:
    cells = pa.array([b"\xff", b"\xa0", b"NA"])
    assert STEP.apply("c", cells).to_pylist() == [b"\xff", b"\xa0", None]


@pytest.mark.parametrize(
    "cells", [pa.array([1, None]), pa.array([1.5, float("nan")]), pa.array([True, None]), pa.nulls(2), pa.array(["a"])]
)
def test_what_needs_no_change_is_the_same_object(cells: pa.Array) -> None:
    assert STEP.apply("c", cells) is cells


COLUMNS: dict[str, list[Any]] = {
    "own": ["NA", "-", None, " "],
    "text": ["NA", "-", None, " "],
    "number": ["1", "-", "2", " "],
    "plain": ["1", "NA", "2", " "],
}
OPTIONS = {"own": {"null_values": ["-"]}, "number": {"null_values": ["-"]}}


def written(folder: Path, fmt: Format) -> Path:
    rows = [dict(zip(COLUMNS, cells, strict=True)) for cells in zip(*COLUMNS.values(), strict=True)]
    path = folder / f"t.{fmt}"
    if fmt == "csv":
        lines = [",".join(cell or "" for cell in row.values()) for row in rows]
        path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    elif fmt == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.table(COLUMNS), path)
    return path


def read(path: Path, fmt: Format, types: dict[str, FeatureType] | None = None) -> Rows:
    data = DataConfig.model_validate_json(json.dumps({"path": str(path), "columns": OPTIONS}))
    of_format = reader(fmt, data)
    (rows,) = [rows for block in of_format.plan(str(path)) for rows in of_format.read(block, types)]
    return rows


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_the_words_of_a_column_are_its_own_in_every_format(tmp_path: Path, fmt: Format) -> None:
    rows = read(written(tmp_path, fmt), fmt)
    found = rows.batch.to_pydict()
    assert found["own"] == ["NA", None, None, None]
    assert found["number"] == ["1", None, "2", None]
    # The table's words are those of CSV; the other formats have a null.
    assert found["text"] == ([None, "-", None, None] if fmt == "csv" else ["NA", "-", None, None])
    assert rows.as_written.to_pydict()["number"] == ["1", "-", "2", " "]
    assert rows.untyped == (fmt == "csv")


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet"])
def test_numbers_with_words_of_their_own(tmp_path: Path, fmt: Format) -> None:
    types: dict[str, FeatureType] = {"number": "int64", "own": "string"}
    path = written(tmp_path, fmt)
    result = typed(read(path, fmt, types), types, {}, str(path))
    assert result.batch.to_pydict() == {"number": [1, None, 2, None], "own": ["NA", None, None, None]}
    assert not result.bad


def test_a_word_of_the_table_is_no_word_of_a_column_that_has_its_own(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("number,plain\n1,NA\nNA,2\n")
    types: dict[str, FeatureType] = {"number": "double", "plain": "double"}
    result = typed(read(path, "csv", types), types, {}, "t.csv")
    assert result.batch.to_pydict() == {"number": [1.0], "plain": [None]}
    (bad,) = result.bad
    assert (bad.place, bad.text) == (3, b"NA,2")


def test_blanks_among_numbers_do_not_cost_the_other_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("d,i\n1.5, \n ,2\n NA ,\xa03\n\t,\xa0\n", encoding="utf-8")
    types: dict[str, FeatureType] = {"d": "double", "i": "int64"}
    result = typed(read(path, "csv", types), types, {}, "t.csv")
    assert result.batch.to_pydict() == {"d": [1.5, None, None], "i": [None, 2, None]}
    assert np.array_equal(result.places, [2, 3, 5])
    # A no-break space around a number is no part of its plain form.
    assert [row.place for row in result.bad] == [4]


DIVIDED = Lists(MissingIsNull(MissingWords(table=("NA", "N|A"), separators={"tags": "|"})))
TAGS = ["a|b", " c ", None, "a||NA| d|e f ", "|", "7"]
PARTS = [["a", "b"], ["c"], None, ["a", None, None, "d", "e f"], [None, None], ["7"]]


@pytest.mark.parametrize(
    "cells",
    [
        pa.array(TAGS),
        pa.array(["x|y", *TAGS]).slice(1),
        pa.array(TAGS, pa.large_string()),
        pa.array(TAGS).dictionary_encode(),
        pa.array([None if each is None else each.encode() for each in TAGS]),
    ],
    ids=lambda cells: str(cells.type),
)
def test_cells_with_a_separator_are_lists(cells: pa.Array) -> None:
    assert DIVIDED.apply("tags", cells).to_pylist() == PARTS
    assert DIVIDED.apply("other", cells) is cells


def test_values_of_lists_are_divided_too() -> None:
    cells = pa.array([["a|b", "c"], [], None, ["NA|d", None]], pa.list_(pa.string()))
    assert DIVIDED.apply("tags", cells).to_pylist() == [["a", "b", "c"], [], None, [None, "d"]]
    numbers = pa.array([1, 2])
    assert DIVIDED.apply("tags", numbers) is numbers


@pytest.mark.parametrize("fmt", ["csv", "jsonl", "parquet", "arrow"])
def test_the_examples_are_those_of_lists(tmp_path: Path, fmt: Format) -> None:
    """A cell with one number, a word of the table that has the separator, and one that is missing among others."""
    cells = ["3|x", "3", "", "N|A", "NA|y", None]
    path = tmp_path / f"t.{fmt}"
    if fmt == "csv":
        path.write_text("tags,i\n" + "".join(f"{each or ''},{at}\n" for at, each in enumerate(cells)))
    elif fmt == "jsonl":
        path.write_text("".join(json.dumps({"tags": each, "i": at}) + "\n" for at, each in enumerate(cells)))
    else:
        table = pa.table({"tags": cells, "i": [*range(6)]})
        if fmt == "parquet":
            pq.write_table(table, path)
        else:
            with pa.ipc.new_file(path, table.schema) as writer:
                writer.write_table(table)
    words = {"separator": "|", "null_values": ["NA", "N|A"]}
    data = DataConfig.model_validate_json(json.dumps({"path": str(path), "columns": {"tags": words}}))
    types: dict[str, FeatureType] = {"tags": "string", "i": "int64"}
    of_format = reader(fmt, data)
    (rows,) = [rows for block in of_format.plan(str(path)) for rows in of_format.read(block, types)]
    result = typed(rows, types, {}, str(path))
    assert result.batch["tags"].to_pylist() == [["3", "x"], ["3"], None, None, ["y"], None]
    assert not result.bad

"""JSON Lines: the rows that Python's json reads, in types that hold all values, for every block size."""

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.example_gen.block import BadRow, Rows
from components.example_gen.formats.json.lines import JsonLinesReader
from preprocessing.errors import UserError

SIZES = (1, 30, 1 << 20)
IN_TMP = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS: list[st.SearchStrategy[Any]] = [
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
]


def written(folder: Path, content: bytes, name: str = "t.jsonl") -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


def pieces(file: str, size: int, types: dict[str, Any] | None = None) -> list[Rows]:
    reader = JsonLinesReader(size)
    return [rows for block in reader.plan(file) for rows in reader.read(block, types)]


def one(folder: Path, *lines: str, types: dict[str, Any] | None = None) -> tuple[pa.RecordBatch, tuple[BadRow, ...]]:
    (rows,) = pieces(written(folder, "\n".join(lines).encode()), 1 << 20, types)
    return rows.batch, rows.bad


@IN_TMP
@given(data=st.data(), kinds=st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3), bom=st.booleans())
def test_every_block_size_gives_the_values_that_stand_there(
    tmp_path: Path, data: st.DataObject, kinds: list[st.SearchStrategy[Any]], bom: bool
) -> None:
    columns = [st.none() | kind | st.lists(kind, max_size=2) if data.draw(st.booleans()) else kind for kind in kinds]
    rows = data.draw(st.lists(st.tuples(*columns), max_size=8))
    text, expected, line = "", [], 1
    for row in rows:
        blank = data.draw(st.sampled_from(["", "\n", " \r\n"]))
        text += blank + json.dumps({f"k{key}": value for key, value in enumerate(row)}) + "\n"
        line += bool(blank)
        expected.append((line, row))
        line += 1
    content = b"\xef\xbb\xbf" * bom + text.encode()
    file = written(tmp_path, content)
    for size in SIZES:
        found = []
        for part in pieces(file, size):
            assert not part.bad
            for place, got in zip(part.places.tolist(), part.batch.to_pylist(), strict=True):
                found.append((place, tuple(got.values())))
        assert [place for place, _ in found] == [place for place, _ in expected]
        for (_, got), (_, row) in zip(found, expected, strict=True):
            assert list(map(as_list, got)) == list(map(as_list, row))
        blocks = list(JsonLinesReader(size).plan(file))
        assert [block.end for block in blocks[:-1]] == [block.start for block in blocks[1:]]
        assert not rows or (blocks[0].start, blocks[-1].end) == (3 * bom, len(content))


def as_list(value: Any) -> list[Any] | None:
    """Single values beside lists are lists of one."""
    return value if value is None or isinstance(value, list) else [value]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "2"], pa.int64(), [1, 2]),
        (["1", "2.5", "null"], pa.float64(), [1.0, 2.5, None]),
        (["true", "false"], pa.bool_(), [True, False]),
        (['"2013-01-01"', '"2013-01-01T10:00:00"'], pa.string(), ["2013-01-01", "2013-01-01T10:00:00"]),
        (['["2013-01-01"]', "null"], pa.list_(pa.string()), [["2013-01-01"], None]),
        (["1", '"x"', "2.0", "2.5", "true", "1e300"], pa.string(), ["1", "x", "2", "2.5", "true", "1e+300"]),
        (["1", "18446744073709551616"], pa.string(), ["1", "18446744073709551616"]),
        (["9007199254740993", "0.5"], pa.float64(), [9007199254740992.0, 0.5]),
        (["[1, 2]", "[2.5]", "3"], pa.list_(pa.float64()), [[1.0, 2.0], [2.5], [3.0]]),
        (["[1]", '["x"]'], pa.list_(pa.string()), [["1"], ["x"]]),
        (["null", "null"], pa.null(), [None, None]),
        (["Infinity", "1"], pa.float64(), [math.inf, 1.0]),
        (['{"b": 1}', "5"], pa.string(), ['{"b": 1}', "5"]),
        (['"\\u0000"', '"\\ud83d\\ude00"'], pa.string(), ["\0", "😀"]),
    ],
)
def test_the_type_that_values_have_in_common(tmp_path: Path, values: list[str], kind: Any, expected: list[Any]) -> None:
    batch, bad = one(tmp_path, *(f'{{"a": {value}}}' for value in values))
    assert not bad
    assert batch.schema == pa.schema([("a", kind)])
    assert batch.column(0).to_pylist() == expected


def test_nan_is_a_number_that_is_missing(tmp_path: Path) -> None:
    batch, bad = one(tmp_path, '{"a": NaN}', '{"a": 1}')
    assert not bad
    assert math.isnan(batch.column(0)[0].as_py())
    batch, _ = one(tmp_path, '{"a": NaN}', '{"a": 1}', types={"a": "string"})
    assert batch.column(0).to_pylist() == [None, "1"]


def test_objects_are_structs(tmp_path: Path) -> None:
    assert pa.types.is_struct(one(tmp_path, '{"a": {"b": 1}}')[0].column(0).type)
    assert pa.types.is_struct(one(tmp_path, '{"a": {"b": 1}, "c": 1}', '{"a": {"b": "x"}, "c": "y"}')[0].column(0).type)


def test_types_choose_the_columns(tmp_path: Path) -> None:
    lines = ['{"b": 1, "a": 2, "s": "2013-01-01"}', '{"a": 3, "z": {"y": 1}}']
    batch, bad = one(tmp_path, *lines, types={"s": "string", "a": "double", "none": "int64"})
    assert not bad
    assert batch.schema.names == ["s", "a", "none"]
    assert batch.to_pydict() == {"s": ["2013-01-01", None], "a": [2.0, 3.0], "none": [None, None]}


def test_every_digit_of_an_integer_is_kept(tmp_path: Path) -> None:
    batch, _ = one(tmp_path, '{"a": 9007199254740993}', '{"a": 1.0}', types={"a": "int64"})
    assert batch.column(0).to_pylist() == ["9007199254740993", "1"]


def test_the_digits_that_a_float64_rounds_can_be_counted(tmp_path: Path) -> None:
    """Integers that are declared as numbers: as float64 the two keys would be one before anybody has seen them."""
    lines = ['{"a": 1000000000000000000001}', '{"a": 1000000000000000000002}', '{"a": 0.5}']
    for some in (lines, lines[:2]):
        batch, bad = one(tmp_path, *some, types={"a": "double"})
        assert not bad
        assert batch.column(0).to_pylist()[:2] == ["1000000000000000000001", "1000000000000000000002"]
    batch, _ = one(tmp_path, '{"a": 1e300}', '{"a": 2}', types={"a": "double"})
    assert batch.column(0).to_pylist() == [1e300, 2.0]


BAD_LINES = [
    (b'{"a": 1,}', ["invalid JSON", "character 9"]),
    (b'{"a": 1} {"a": 2}', ["invalid JSON"]),
    (b'{"a": 01}', ["invalid JSON"]),
    (b'{"a": Inf}', ["invalid JSON"]),
    (b"[1]", ["expected a JSON object, received a list"]),
    (b"17", ["expected a JSON object, received 17"]),
    (b'{"a": 1, "a": 2}', ["'a' occurs twice"]),
    (b'{"a": "\0"}', ["NUL"]),
    (b'{"a": "\xfc"}', ["0xfc", "utf-8"]),
    (b'{"a": "\\ud800"}', ["surrogate"]),
    (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", ["nested too deeply"]),
]


@pytest.mark.parametrize("types", [None, {"a": "int64"}, {"b": "int64"}])
@pytest.mark.parametrize(("line", "parts"), BAD_LINES, ids=[parts[0] for _, parts in BAD_LINES])
def test_one_bad_line_costs_no_other(tmp_path: Path, line: bytes, parts: list[str], types: Any) -> None:
    file = written(tmp_path, b'{"a": 1}\n\n' + line + b'\r\n{"a": 2}\n')
    for size in SIZES:
        found = pieces(file, size, types)
        (bad,) = [row for rows in found for row in rows.bad]
        assert (bad.file, bad.place, bad.text) == (file, 3, line)
        for part in parts:
            assert part in bad.reason
        assert [place for rows in found for place in rows.places.tolist()] == [1, 4]


def test_an_object_on_two_lines_is_two_bad_ones(tmp_path: Path) -> None:
    _, bad = one(tmp_path, '{"a": 1}{"a": 2}', '{"a":', "3}")
    assert [row.place for row in bad] == [1, 2, 3]


@pytest.mark.parametrize("value", ['{"x": 1}', "[[1]]", '[{"x": 1}]'])
def test_an_object_in_a_wanted_column_is_a_bad_row(tmp_path: Path, value: str) -> None:
    batch, bad = one(tmp_path, '{"a": [1]}', f'{{"a": {value}}}', types={"a": "int64"})
    assert batch.column(0).to_pylist() == [[1]]
    assert [row.place for row in bad] == [2]
    assert "column 'a': expected a value" in bad[0].reason
    assert one(tmp_path, f'{{"a": {value}}}', types={"a": "int64"})[1][0].place == 1


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".zst", zstandard.compress)])
def test_packed_files_are_read_from_the_start(tmp_path: Path, ending: str, pack: Any) -> None:
    packed = pack(b"".join(b'{"n": %d}\n' % (row * row) for row in range(20_000)))
    file = written(tmp_path, packed, "t.jsonl" + ending)
    (block,) = JsonLinesReader(1000).plan(file)
    assert (block.start, block.end, block.first) == (0, -1, 1)
    found = pieces(file, 1000)
    assert [value for rows in found for value in rows.batch.column(0).to_pylist()] == [n * n for n in range(20_000)]
    assert [place for rows in found for place in rows.places.tolist()] == list(range(1, 20_001))
    with pytest.raises(UserError, match=f"t.jsonl{ending}: the .* is cut short"):
        pieces(written(tmp_path, packed[: len(packed) // 2], "t.jsonl" + ending), 1000)


def test_the_columns_are_the_first_block_s_keys(tmp_path: Path) -> None:
    file = written(tmp_path, b'\n{"b": 1}\n{"a": 2, "b": 1}\n{"later": 1}\n')
    assert JsonLinesReader(30).columns(file) == ["b", "a"]
    assert pieces(file, 30)[-1].batch.schema.names == ["later"]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"{}\n", "empty ones"),
        (b"a,b\n1,2\n", "line 1: invalid JSON"),
        ('{"a": 1}'.encode("utf-16"), "utf-16"),
    ],
)
def test_a_file_without_columns_is_an_error(tmp_path: Path, content: bytes, part: str) -> None:
    with pytest.raises(UserError, match=part):
        JsonLinesReader(1 << 20).columns(written(tmp_path, content))

"""A JSON array of objects is a table like JSON Lines, in bounded memory; other documents are refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.example_gen.block import BadRow
from components.example_gen.formats.json.lines import JsonLinesReader
from preprocessing.errors import UserError

ROWS: list[dict[str, Any]] = [
    {"id": i, "text": f'{i} ü ] }} , "\\ \n' if i % 3 else None, "x": i / 4, "more": [i, i + 1]} for i in range(200)
]


def written(folder: Path, text: str) -> str:
    file = folder / "t.json"
    file.write_text(text, encoding="utf-8")
    return str(file)


def read(file: str, size: int = 1 << 20) -> tuple[list[dict[str, Any]], list[int], list[BadRow]]:
    reader = JsonLinesReader(size)
    assert reader.columns(file)
    found: list[dict[str, Any]] = []
    places: list[int] = []
    bad: list[BadRow] = []
    for block in reader.plan(file):
        for rows in reader.read(block):
            found += rows.batch.to_pylist()
            places += rows.places.tolist()
            bad += rows.bad
    return found, places, bad


@pytest.mark.parametrize("size", [1, 200, 1 << 20])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_has_the_rows_of_json_lines(
    tmp_path: Path, size: int, chunk: int, indent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ROWS[: 20 if chunk == 1 else 200]
    expected = read(written(tmp_path, "\n".join(map(json.dumps, rows))))[0]
    assert [row["id"] for row in expected] == [row["id"] for row in rows]
    monkeypatch.setattr("components.example_gen.formats.json.array._READ_BYTES", chunk)
    text = json.dumps(rows, indent=indent, ensure_ascii=False)
    found, places, bad = read(written(tmp_path, f"\ufeff \n{text}\n\n"), size)
    assert (found, bad) == (expected, [])
    # With an indent an element takes 9 lines, and the first one begins on the line behind `[`.
    assert places == [3 + 9 * i if indent else 2 for i in range(len(rows))]


def test_only_some_rows_are_held(tmp_path: Path) -> None:
    reader = JsonLinesReader(1000)
    (block,) = reader.plan(written(tmp_path, json.dumps(ROWS)))
    assert (block.start, block.end) == (0, -1)
    sizes = [rows.batch.num_rows for rows in reader.read(block, {"id": "int64"})]
    assert sum(sizes) == 200
    assert max(sizes) < 30


def test_an_element_that_is_no_object_is_a_bad_row(tmp_path: Path) -> None:
    found, places, (first, second) = read(written(tmp_path, '[\n{"a": 1},\nnull,\n12,\n{"a": 2}]'))
    assert ([row["a"] for row in found], places) == ([1, 2], [2, 5])
    assert (first.place, first.reason) == (3, "expected a JSON object, received null")
    assert (second.place, second.text) == (4, b"12")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[{"a": 1},\n{"a": 2', ["line 2", "the file ends within an element"]),
        ('[{"a": 1},\n{"a": "2', ["line 2", "the file ends within an element"]),
        ('[{"a": 1},\n{"a": 2}', ["line 2", "expected , or ]"]),
        ('[{"a": 1}\n{"a": 2}]', ["line 2", "expected , or ]"]),
        ('[{"a": 1},\n\n{"a": 2 2}, {"a": 3}, {"a": 4}]', ["line 3", "invalid JSON: Expecting ',' delimiter"]),
        ('[{"a": 1}] x', ["nothing behind the end of the array"]),
        ("[]", ["empty"]),
        ("[[1, 2], [3, 4]]", ["line 1", "expected a JSON object, received a list"]),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        read(written(tmp_path, text))
    for part in ["t.json", *parts]:
        assert part in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"meta": {"n": 2}, "data": [{"a": 1}, {"a": 2}]}, "jq -c '.[\"data\"][]'"),
        ({"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": 4}}, 'orient="records", lines=True'),
        ({"a": [1, 2], "b": [3, 4]}, 'orient="records", lines=True'),
    ],
)
def test_one_document_is_refused(tmp_path: Path, document: Any, indent: int | None, hint: str) -> None:
    with pytest.raises(UserError, match="received one document with the keys") as caught:
        read(written(tmp_path, json.dumps(document, indent=indent)))
    assert hint in caught.value.hint


def test_objects_over_several_lines_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its objects go on over several lines"):
        read(written(tmp_path, "\n".join(json.dumps(row, indent=1) for row in ROWS[:3])))


def test_lines_with_objects_within_are_rows(tmp_path: Path) -> None:
    found, _, bad = read(written(tmp_path, '{"a": 1, "b": {"c": 1}}\n{"a": 2, "b": {"c": 2}}\n'))
    assert ([row["a"] for row in found], bad) == ([1, 2], [])
    assert [row["a"] for row in read(written(tmp_path, '{"a": 1, "b": "x"}'))[0]] == [1]

"""Whether NA is a value or means missing: from the other cells of its column, and from nothing else."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from components.example_gen.config import DataConfig
from pipeline.config.loader import load
from pipeline.scaffold import Proposal, propose, write

ROWS = 200


def column(*values: str | None) -> list[Any]:
    """These values again and again, shuffled."""
    cells = [values[i % len(values)] for i in range(ROWS)]
    random.Random(3).shuffle(cells)  # noqa: S311
    return cells


def written(folder: Path, ending: str, columns: dict[str, list[Any]]) -> Path:
    names = list(columns)
    file = folder / f"t.{ending}"
    if ending == "csv":
        rows = zip(*columns.values(), strict=True)
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        file.write_text("\n".join([",".join(names), *lines]) + "\n")
    elif ending == "jsonl":
        rows = zip(*columns.values(), strict=True)
        file.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    else:
        table = pa.table({name: pa.array(map(str_or_none, cells), pa.string()) for name, cells in columns.items()})
        (pq.write_table if ending == "parquet" else pyarrow.feather.write_feather)(table, file)
    return file


def str_or_none(cell: Any) -> str | None:
    return None if cell is None else str(cell)


def proposed(
    folder: Path, cells: list[Any], *, ending: str = "csv", **others: list[Any]
) -> tuple[Proposal, DataConfig]:
    table = {"c": cells, "x": [f"w{i % 7}" for i in range(ROWS)], "y": column("yes", "no", "no"), **others}
    proposal = propose(written(folder, ending, table), "y", name="t")
    return proposal, load(write(proposal, folder / "made")).config.data


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "arrow"])
@pytest.mark.parametrize(
    ("cells", "missing", "values"),
    [
        (("NA", "DE", "FR", "ZA"), (), ("NA",)),
        (("NA", "Namibia", "Ghana"), ("NA",), ()),
        (("NA", "red", "green", None), (), ("NA",)),
        (("NA", "red", "green", " "), (), ("NA",)),
        (("None", "Basic", "Premium"), (), ("None",)),
        (("None", "BW", "ZA", "NA"), ("None",), ("NA",)),
        (("None", *(f"City {chr(65 + i)}x" for i in range(25))), ("None",), ()),
        (("nan", "abc", "xyz"), (), ("nan",)),
        (("nan", "red", "green"), ("nan",), ()),
        (("?", "red", "green"), ("?",), ()),
        (("N/A", "yes", "no", None), ("N/A",), ()),
        (("NA", "2024-01-02", "2024-02-03", None), ("NA",), ()),
        (("-", "red", "green"), (), ("-",)),
        (("unknown", "NA", "red", None), (), ("unknown", "NA")),
        (("NA", "1.5", "2", "3"), ("NA",), ()),
        (("NA", "-", "1.5", "2", "3", None), ("NA", "-"), ()),
        ((".", "1,5", "2,5", "3"), (".",), ()),
    ],
)
def test_a_value_or_missing(
    tmp_path: Path, ending: str, cells: tuple[str | None, ...], missing: tuple[str, ...], values: tuple[str, ...]
) -> None:
    if ending == "csv" and any(cell and "," in cell for cell in cells):
        cells = tuple(cell and cell.replace(",", "'") for cell in cells)
    _, data = proposed(tmp_path, column(*cells), ending=ending)
    words = data.missing(ending).of("c")  # type: ignore[arg-type]
    assert set(missing) <= set(words)
    assert not set(values) & set(words)


def test_notes_say_what_was_decided_in_how_many_rows_and_how_to_switch(tmp_path: Path) -> None:
    proposal, data = proposed(tmp_path, column("NA", "DE", "FR", "None"), d=column("NA", "red", "pale green"))
    notes = [note for note in proposal.notes if "'c'" in note or "'d'" in note]
    assert notes[0].startswith("'c': \"NA\" (50 rows) is taken as a value, because the other values look like it: 'DE'")
    assert notes[0].endswith('if it means missing, write data.columns.c.null_values: ["", "NA", "None"]')
    assert notes[1] == (
        '\'c\': "None" (50 rows) means missing; if it is a value, write data.columns.c.null_values: [""]'
    )
    assert notes[2].startswith(
        "'d': \"NA\" (67 rows) means missing; if it is a value, write data.columns.d.null_values"
    )
    text = (tmp_path / "made" / "pipeline.yaml").read_text()
    assert "# \"NA\": a value, because the other values look like it: 'DE', 'FR'." in text
    assert set(data.columns) == {"c"}


def test_a_word_among_numbers_does_not_take_a_value_from_another_column(tmp_path: Path) -> None:
    proposal, data = proposed(tmp_path, column("1", "2", "3", "-"), d=column("-", "+"))
    words = data.missing("csv")
    assert "-" in words.of("c")
    assert "-" not in words.of("d")
    assert "NA" in words.of("c")
    assert {decision.column: decision.kind for decision in proposal.decisions}["c"] == "numeric"
    assert any(note == "'c': \"-\" (50 rows) means missing, as it stands among numbers" for note in proposal.notes)


def test_where_no_column_has_it_as_a_value_it_is_the_tables(tmp_path: Path) -> None:
    _, data = proposed(tmp_path, column("1", "2", "-"), d=column("4", "5", "-"))
    assert "-" in data.csv.null_values
    assert not data.columns


def test_blank_cells_among_numbers_are_missing(tmp_path: Path) -> None:
    proposal, data = proposed(tmp_path, column("1.5", "2.5", "3", " "))
    decided = {decision.column: decision for decision in proposal.decisions}["c"]
    assert (decided.kind, decided.settings["missing"]) == ("numeric", {"fill": "mean", "indicator": True})
    assert not data.columns


class TestLabels:
    @pytest.mark.parametrize(
        ("cells", "classes"),
        [
            (("None", "Some", "NA"), ("None", "Some")),
            (("NA", "yes"), ("NA", "yes")),
            (("EU", "NA", "AS"), ("AS", "EU", "NA")),
            (("a", "b", " "), ("a", "b")),
            (("0", "1", "NA"), ("0", "1")),
        ],
    )
    def test_classes(self, tmp_path: Path, cells: tuple[str, ...], classes: tuple[str, ...]) -> None:
        table = {"c": [f"w{i % 7}" for i in range(ROWS)], "y": column(*cells)}
        proposal = propose(written(tmp_path, "csv", table), "y", name="t")
        assert sorted(load(write(proposal, tmp_path / "made")).config.features.label.classes or ()) == sorted(classes)

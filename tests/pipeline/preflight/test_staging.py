"""The converted copy of a table: what is in it, when it is made, and that TFX reads it as meant."""

import datetime as dt
import json
import os
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.table_cases import looked_at

from pipeline.config.pipeline_config import PipelineConfig
from pipeline.preflight.staging import StagedData, stage
from preprocessing.errors import UserError


def config(data: dict[str, Any], label: dict[str, Any] | None = None, **groups: Any) -> PipelineConfig:
    content = {
        "name": "t",
        "data": {"reader": "tfx", **data},
        "features": {"label": label or {"column": "y", "task": "multiclass"}, **groups},
        "evaluate": {"thresholds": [{"metric": "accuracy", "min": 0}]},
    }
    return PipelineConfig.model_validate_json(json.dumps(content))


def staged(folder: Path, settings: PipelineConfig) -> StagedData:
    return stage(settings, looked_at(settings, folder), folder / "output")


def rows_of(data: StagedData, split: str = "all") -> dict[str, list[Any]]:
    """The copy's columns, each list of one unpacked."""
    table = pq.read_table(data.sources[split])
    for values in table.to_pydict().values():
        assert all(value is None or len(value) == 1 for value in values)
    return {name: [value and value[0] for value in values] for name, values in table.to_pydict().items()}


CSV = """\ufeffzip;price;n;day;y
01234;1.5;1;2024-01-02;ja
00042;NA;0;;nein
;2;+3;2024-01-04;ja
01234;0;;2024-01-05;
"""


def csv_config(folder: Path, repeat: int = 4) -> PipelineConfig:
    header, *lines = CSV.splitlines(keepends=True)
    (folder / "t.csv").write_text(header + "".join(lines * repeat), encoding="utf-8")
    return config(
        {"path": "t.csv", "csv": {"delimiter": ";"}},
        numeric=[{"columns": ["price", "n"]}],
        categorical=[{"columns": ["zip"]}],
        datetime=[{"columns": ["day"]}],
    )


def test_csv_becomes_typed_columns(tmp_path: Path) -> None:
    data = staged(tmp_path, csv_config(tmp_path))
    assert data.format == "parquet"
    assert rows_of(data) == {
        "zip": ["01234", "00042", None] * 4,
        "price": [1.5, None, 2.0] * 4,
        "n": [1.0, 0.0, 3.0] * 4,
        "day": ["2024-01-02", None, "2024-01-04"] * 4,
        "y": ["ja", "nein", "ja"] * 4,
    }
    assert any("without a label" in reason for reason in data.reasons)


def test_a_table_that_tfx_reads_well_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "1,p\n2,q\n" * 10)
    data = staged(tmp_path, config({"path": "t.csv"}, numeric=[{"columns": ["a"]}]))
    assert data == StagedData({"all": str(tmp_path / "t.csv")}, "csv", (), ())
    assert not (tmp_path / "output").exists()


def parquet_config(folder: Path) -> PipelineConfig:
    berlin = dt.timezone(dt.timedelta(hours=1))
    table = {
        "flag": pa.array([True, False, None] * 4),
        "price": pa.array([Decimal("1.50"), None, Decimal("0.00")] * 4),
        "day": pa.array([dt.date(2024, 1, 2), None, dt.date(1999, 12, 31)] * 4),
        "at": pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 999_999), None, dt.datetime(1969, 1, 1)] * 4),
        "zoned": pa.array([dt.datetime(2024, 1, 1, 0, 30, tzinfo=berlin)] * 12),
        "kind": pa.array(["u", None, ""] * 4, pa.dictionary(pa.int32(), pa.string())),
        "code": pa.array([7.0, float("nan"), 0.0] * 4),
        "tags": pa.array([["x"], [], None] * 4),
        "y": pa.array([1, 0, 1] * 4, pa.int8()),
    }
    pq.write_table(pa.table(table), folder / "t.parquet")
    return config(
        {"path": "t.parquet"},
        numeric=[{"columns": ["price"]}],
        categorical=[{"columns": ["kind", "code"]}],
        boolean=[{"columns": ["flag"]}],
        datetime=[{"columns": ["day"], "format": "%d.%m.%Y"}],
    )


def test_parquet_becomes_plain_columns(tmp_path: Path) -> None:
    data = staged(tmp_path, parquet_config(tmp_path))
    assert rows_of(data) == {
        "flag": ["true", "false", None] * 4,
        "price": [1.5, None, 0.0] * 4,
        "day": ["02.01.2024", None, "31.12.1999"] * 4,
        "at": ["2024-01-02 03:04:05", None, "1969-01-01 00:00:00"] * 4,
        "zoned": ["2023-12-31 23:30:00"] * 12,
        "kind": ["u", None, None] * 4,
        "code": [7, None, 0] * 4,
        "y": [1, 0, 1] * 4,
    }
    assert len(data.warnings) == 1
    assert "'tags'" in data.warnings[0]


@pytest.mark.slow
def test_tfx_reads_the_copy_as_meant(tmp_path: Path) -> None:
    from tfx.components.example_gen.utils import dict_to_example

    table = pq.read_table(staged(tmp_path, parquet_config(tmp_path)).sources["all"])
    examples = [dict_to_example(row) for row in table.slice(0, 3).to_pylist()]
    features = [example.features.feature for example in examples]
    assert [list(feature["code"].int64_list.value) for feature in features] == [[7], [], [0]]
    assert [list(feature["price"].float_list.value) for feature in features] == [[1.5], [], [0.0]]
    assert [list(feature["flag"].bytes_list.value) for feature in features] == [[b"true"], [b"false"], []]
    assert [list(feature["y"].int64_list.value) for feature in features] == [[1], [0], [1]]
    # Why values are lists: this is what becomes of a bare 0.
    assert dict_to_example({"y": 0}).features.feature["y"].WhichOneof("kind") is None


def test_the_copy_is_made_once_for_the_same_files_and_types(tmp_path: Path) -> None:
    settings = csv_config(tmp_path)
    first = staged(tmp_path, settings)
    part = Path(first.sources["all"])
    written = part.stat().st_ctime_ns
    assert staged(tmp_path, settings) == first
    assert part.stat().st_ctime_ns == written
    os.utime(tmp_path / "t.csv", ns=(1, 1))
    assert staged(tmp_path, settings).sources != first.sources
    other = config({"path": "t.csv", "csv": {"delimiter": ";"}}, categorical=[{"columns": ["zip", "n"]}])
    assert staged(tmp_path, other).sources != first.sources


def test_a_copy_that_is_made_again_looks_to_example_gen_like_the_first(tmp_path: Path) -> None:
    settings = csv_config(tmp_path)
    os.utime(tmp_path / "t.csv", ns=(5_000_000_000, 5_000_000_000))
    first = Path(staged(tmp_path, settings).sources["all"])
    content, time = first.read_bytes(), first.stat().st_mtime_ns
    shutil.rmtree(first.parent.parent)
    again = Path(staged(tmp_path, settings).sources["all"])
    assert (again, again.read_bytes(), again.stat().st_mtime_ns) == (first, content, time)


def test_copies_that_nothing_reads_any_more_are_removed(tmp_path: Path) -> None:
    settings = csv_config(tmp_path)
    old = Path(staged(tmp_path, settings).sources["all"]).parent.parent
    killed = old.with_name(f".{'0123456789abcdef'}.4242.tmp")
    (killed / "all").mkdir(parents=True)
    not_ours = [old.parent / "notes.txt", old.parent / "my-folder", old.parent / "0123456789abcdee"]
    not_ours[0].write_text("mine")
    not_ours[1].mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("mine")
    not_ours[2].symlink_to(elsewhere)
    os.utime(tmp_path / "t.csv", ns=(1, 1))
    current = Path(staged(tmp_path, settings).sources["all"]).parent.parent
    assert sorted(current.parent.iterdir()) == sorted([current, *not_ours])
    assert (elsewhere / "precious").read_text() == "mine"


def test_no_copy_is_left_once_the_table_is_read_directly(tmp_path: Path) -> None:
    copy = Path(staged(tmp_path, csv_config(tmp_path)).sources["all"]).parent.parent
    (tmp_path / "t.csv").write_text("a,y\n" + "1.5,p\n2.5,q\n" * 5)
    data = staged(tmp_path, config({"path": "t.csv"}, numeric=[{"columns": ["a"]}]))
    assert data.reasons == ()
    assert list(copy.parent.iterdir()) == []


def test_splits_get_a_folder_each(tmp_path: Path) -> None:
    for split, extra in (("train", "1,"), ("eval", ""), ("test", "")):
        (tmp_path / f"{split}.csv").write_text("a,y\n" + "007,p\n008,q\n" * 6 + extra)
    inputs = {split: f"{split}.csv" for split in ("train", "eval", "test")}
    data = staged(tmp_path, config({"inputs": inputs}, categorical=[{"columns": ["a"]}]))
    assert {split: len(rows_of(data, split)["a"]) for split in inputs} == {"train": 12, "eval": 12, "test": 12}
    assert rows_of(data, "eval")["a"][:2] == ["007", "008"]
    assert {Path(source).parent.name for source in data.sources.values()} == set(inputs)


def test_several_files_with_columns_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "1.csv").write_text("a,b,y\n" + "1,2,p\n3,4,q\n" * 5)
    (tmp_path / "d" / "2.csv").write_text("y,a,b\n" + "p,5,6\n" * 5)
    data = staged(tmp_path, config({"path": "d"}, numeric=[{"columns": ["a", "b"]}]))
    assert rows_of(data)["a"] == [1, 3] * 5 + [5] * 5
    assert rows_of(data)["b"] == [2, 4] * 5 + [6] * 5


def test_columns_without_a_name_and_odd_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(',"Größe, in ""cm""",y 😀\n' + "0,1.5,p\n1,2.5,q\n" * 5, encoding="utf-8")
    settings = config(
        {"path": "t.csv"},
        label={"column": "y 😀", "task": "multiclass"},
        numeric=[{"columns": ['Größe, in "cm"']}],
    )
    assert list(rows_of(staged(tmp_path, settings))) == ['Größe, in "cm"', "y 😀"]


def test_a_root_that_may_not_be_written(tmp_path: Path) -> None:
    settings = csv_config(tmp_path)
    (tmp_path / "output").write_text("a file where the root should be")
    with pytest.raises(UserError, match="can't be written") as caught:
        staged(tmp_path, settings)
    assert "root" in caught.value.hint


def test_nothing_half_written_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = csv_config(tmp_path)
    facts = looked_at(settings, tmp_path)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_batch", full)
    with pytest.raises(UserError, match="No space left on device"):
        stage(settings, facts, tmp_path / "output")
    assert list((tmp_path / "output" / "staged").iterdir()) == []

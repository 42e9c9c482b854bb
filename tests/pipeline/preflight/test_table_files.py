"""A table's files on this machine and their rows, whatever the format. The formats have tests of their own."""

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.example_gen.block import BadRow
from components.example_gen.config import DataConfig
from pipeline.preflight.table_files import TableReader, is_remote, table_files, table_format
from preprocessing.errors import UserError


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def reader(fmt: Any = "csv", **data: Any) -> TableReader:
    return TableReader(fmt, DataConfig(path="t", **data))


class TestFiles:
    def test_one_input_or_one_for_each_split(self, tmp_path: Path) -> None:
        files = {split: written(tmp_path, f"{split}.csv", "x\n1\n") for split in ("train", "eval", "test")}
        given = DataConfig.model_validate_json(
            '{"inputs": {"train": "train.csv", "eval": "eval.csv", "test": "test.csv"}}'
        )
        assert table_files(given, tmp_path) == {split: (file,) for split, file in files.items()}
        assert table_files(DataConfig(path="*.csv"), tmp_path) == {"all": tuple(sorted(files.values()))}

    def test_several_spans_are_one_input(self, tmp_path: Path) -> None:
        files = [written(tmp_path, f"s{span}/{name}.csv", "x\n1\n") for span in (9, 10) for name in "ab"]
        given = DataConfig.model_validate_json('{"path": "s{SPAN}/*.csv", "spans": {"last": 2}}')
        assert table_files(given, tmp_path) == {"all": tuple(files)}

    def test_what_is_missing_is_named_with_the_script_that_makes_it(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"none\.csv: no such file") as caught:
            table_files(DataConfig(path="none.csv", prepare="make.py"), tmp_path)
        assert caught.value.hint == f"make the table first: .venv/bin/python {tmp_path / 'make.py'}"

    def test_the_format_is_stated_or_taken_from_the_names(self) -> None:
        assert table_format([Path("a.csv.gz")], DataConfig(path="x")) == "csv"
        assert table_format([Path("a")], DataConfig(path="x", format="parquet")) == "parquet"
        with pytest.raises(UserError, match=r"a\.csv is csv and b\.parquet is parquet"):
            table_format([Path("a.csv"), Path("b.parquet")], DataConfig(path="x"))

    @pytest.mark.parametrize(
        ("data", "remote"),
        [
            ('{"path": "t.csv"}', False),
            ('{"path": "gs://b/t.csv"}', True),
            ('{"sql": {"url": "sqlite:///t.db", "query": "SELECT 1"}}', True),
            ('{"bigquery": {"query": "SELECT 1"}}', True),
        ],
    )
    def test_what_is_elsewhere(self, data: str, remote: bool) -> None:
        assert is_remote(DataConfig.model_validate_json(data)) is remote


class TestRows:
    @pytest.mark.parametrize("fmt", ["csv", "parquet"])
    def test_a_sample_is_the_first_rows(self, tmp_path: Path, fmt: str) -> None:
        path = tmp_path / f"t.{fmt}"
        if fmt == "csv":
            path.write_text("a,b\n1,x\n2,y\n3,z\n")
        else:
            pq.write_table(pa.table({"a": ["1", "2", "3"], "b": ["x", "y", "z"]}), path)
        assert reader(fmt).sample(path, 2).to_pydict() == {"a": ["1", "2"], "b": ["x", "y"]}
        assert reader(fmt).sample(path, 9).num_rows == 3

    @pytest.mark.parametrize("content", ["a,b\n", "a,b"])
    def test_a_header_alone_is_a_table_without_rows(self, tmp_path: Path, content: str) -> None:
        path = written(tmp_path, "t.csv", content)
        assert reader().columns(path) == ["a", "b"]
        assert reader().sample(path, 5).num_rows == 0

    def test_cells_come_as_they_are_meant_or_as_they_stand(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t.csv.gz", gzip.compress(b'zip,x\n007,1.5\n 08,NA\n,""\n'))
        written_cells = {"zip": ["007", " 08", ""], "x": ["1.5", "NA", ""]}
        assert reader().sample(path, 9, as_written=True).to_pydict() == written_cells
        assert reader().sample(path, 9).to_pydict() == {"zip": ["007", " 08", None], "x": ["1.5", None, None]}

    def test_a_bad_row_ends_the_reading_unless_such_rows_are_skipped(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t.csv", "a,b\n1,2\n\n3\n4,5\n6,7,8\n")
        with pytest.raises(UserError, match=r"line 4: .*expected 2 cells") as caught:
            list(reader().rows(path))
        assert str(path) in caught.value.message
        assert "data.on_bad_row" in caught.value.hint
        (rows,) = reader(on_bad_row="skip").rows(path)
        assert rows.batch.to_pydict() == {"a": ["1", "4"], "b": ["2", "5"]}
        assert [row.place for row in rows.bad] == [4, 6]

    @pytest.mark.parametrize(
        ("content", "reason", "hint"),
        [
            ("a,b\n1,é\n".encode("latin-1"), "line 2: the byte 0xe9 is not utf-8 text", "set data.csv.encoding to"),
            (b"a,b\n1,\0\n", "line 2: a NUL character; this is not plain text", "set data.csv.encoding to utf-16"),
            (b'a,b\n1,"x\n', "line 2: a quotation mark that opens on line 2 is never closed", "close it"),
        ],
    )
    def test_where_the_row_is_not_at_fault_there_is_one_next_step(
        self, tmp_path: Path, content: bytes, reason: str, hint: str
    ) -> None:
        path = written(tmp_path, "t.csv", content)
        with pytest.raises(UserError) as caught:
            list(reader().rows(path))
        assert caught.value.message.endswith(reason)
        assert caught.value.hint.startswith(hint)
        (rows,) = reader(on_bad_row="skip").rows(path)
        assert rows.bad[0].explained.startswith(f"{reason.partition(': ')[2]}; {hint}")

    def test_the_stock_readers_can_not_skip(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t.csv", "a,b\n1\n")
        with pytest.raises(UserError) as caught:
            list(reader(reader="tfx").rows(path))
        assert "on_bad_row" not in caught.value.hint

    @pytest.mark.parametrize(("fmt", "word"), [("csv", "line"), ("jsonl", "line"), ("parquet", "row")])
    def test_places(self, fmt: str, word: str) -> None:
        error = reader(fmt).refused(BadRow("t.x", 7, "broken", b""))
        assert error.message == f"t.x, {word} 7: broken"

    def test_a_parquet_file_cut_short_is_named(self, tmp_path: Path) -> None:
        whole = tmp_path / "whole.parquet"
        pq.write_table(pa.table({"a": list(range(100))}), whole)
        cut = written(tmp_path, "cut.parquet", whole.read_bytes()[:200])
        with pytest.raises(UserError, match=r"cut\.parquet: not a complete Parquet file"):
            reader("parquet").sample(cut, 5)

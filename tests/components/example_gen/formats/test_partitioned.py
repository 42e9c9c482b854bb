"""The columns of Hive folders, in every format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.example_gen.block import Rows
from components.example_gen.config import DataConfig
from components.example_gen.formats.registry import FORMATS, reader
from components.example_gen.listing import list_files
from components.example_gen.partitions import partitions
from preprocessing.errors import UserError

Frames = dict[str, pd.DataFrame]


def _tfrecord(frame: pd.DataFrame, path: Path) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in frame.to_dict("records"):
            lists = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=[cell])) for name, cell in row.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString())


WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "parquet": lambda frame, path: pq.write_table(pa.Table.from_pandas(frame), path),
    "feather": lambda frame, path: feather.write_feather(frame, str(path)),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "tfrecord": _tfrecord,
}


def written(folder: Path, ending: str, frames: Frames) -> str:
    for name, frame in frames.items():
        (folder / "t" / name).mkdir(parents=True)
        WRITERS[ending](frame, folder / "t" / name / f"part.{ending}")
    return str(folder / "t")


def read(source: str, ending: str, types: Any = None) -> list[Rows]:
    data = DataConfig(path=source)
    files = list_files(source, None)
    made = reader(FORMATS[f".{ending}"], data, partitions([(source, files)]))
    assert all(set(made.columns(file)) == {"a", "year", "place"} for file in files)
    return [rows for file in files for block in made.plan(file) for rows in made.read(block, types)]


FRAMES = {
    "year=2019/place=S%C3%A3o": pd.DataFrame({"a": [1, 2]}),
    "year=2020/place=__HIVE_DEFAULT_PARTITION__": pd.DataFrame({"a": [3]}),
}


@pytest.mark.parametrize("ending", WRITERS)
def test_the_folders_are_columns(tmp_path: Path, ending: str) -> None:
    rows = read(written(tmp_path, ending, FRAMES), ending)
    cells = [{name: "".join(map(str, [v] if not isinstance(v, list) else v)) for name, v in row.items()}
             for each in rows for row in each.batch.to_pylist()]  # fmt: skip
    assert cells == [
        {"a": "1", "year": "2019", "place": "São"},
        {"a": "2", "year": "2019", "place": "São"},
        {"a": "3", "year": "2020", "place": "None"},
    ]
    assert [place for each in rows for place in each.places.tolist()] == ([2, 3, 2] if ending == "csv" else [1, 2, 1])
    kinds = rows[0].batch.schema
    assert str(kinds.field("year").type) == ("string" if ending == "csv" else "int64")


@pytest.mark.parametrize("ending", WRITERS)
def test_only_wanted_columns_come(tmp_path: Path, ending: str) -> None:
    source = written(tmp_path, ending, FRAMES)
    for types in ({"year": "int64"}, {"a": "int64", "place": "string"}, {"place": "string", "a": "int64"}):
        rows = read(source, ending, types)
        assert [set(each.batch.schema.names) for each in rows] == [set(types)] * len(rows)
        assert sum(each.batch.num_rows for each in rows) == 3


@pytest.mark.parametrize("ending", WRITERS)
def test_a_column_that_the_file_has_too_must_say_the_same(tmp_path: Path, ending: str) -> None:
    own = {name: frame.assign(year=int(name[5:9])) for name, frame in FRAMES.items()}
    rows = read(written(tmp_path, ending, own), ending)
    assert [str(year) for each in rows for year in each.batch.column("year").to_pylist()] == ["2019", "2019", "2020"]
    assert all(each.batch.schema.names.count("year") == 1 for each in rows)
    own["year=2020/place=__HIVE_DEFAULT_PARTITION__"].loc[0, "year"] = 2021
    other = written(tmp_path / "other", ending, own)
    with pytest.raises(UserError, match="column 'year' is '2021', and the folder says year=2020") as caught:
        read(other, ending)
    assert ("line 2" if ending in ("csv",) else "1: the column") in caught.value.message

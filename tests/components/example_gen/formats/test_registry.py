"""Which format a file has, and the reader that it gets."""

import json
import pickle
import subprocess
import sys
from typing import Any

import pytest

from components.example_gen.config import DataConfig
from components.example_gen.formats.registry import FORMATS, format_of, reader
from preprocessing.errors import UserError


@pytest.mark.parametrize(
    ("files", "configured", "expected"),
    [
        (["a.csv", "gs://b/c.CSV.GZ", "d.tsv.zst"], None, "csv"),
        (["a.pq", "b.parquet"], None, "parquet"),
        (["a.arrow", "b.feather", "c.ipc"], None, "arrow"),
        (["a.jsonl", "b.ndjson.gz"], None, "jsonl"),
        (
            ["a.tfrecord", "b.tfrecord.gz", "c.tfrecord-00000-of-00008", "d.tfrecord-00001-of-00008.gz"],
            None,
            "tfrecord",
        ),
        (["data_tfrecord-00000-of-00001.gz"], "tfrecord", "tfrecord"),
        (["a.csv"], "jsonl", "jsonl"),
    ],
)
def test_the_format_is_stated_or_taken_from_the_names(files: list[str], configured: Any, expected: str) -> None:
    assert format_of(files, configured) == expected


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (["a.dat"], "a.dat: the name does not say whether this is csv, parquet", "set data.format to csv, parquet"),
        (["a.gz"], "a.gz: the name does not say", "set data.format"),
        (["a.csv", "b.parquet"], "a.csv is csv and b.parquet is parquet; one table has one format", "a glob"),
        (["a.csv", "b"], "b: the name does not say", "set data.format"),
        (["a.parquet.gz"], "a.parquet.gz: a parquet file can't be read while it is compressed", "decompress it"),
    ],
)
def test_names_that_do_not_tell_are_refused(files: list[str], message: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        format_of(files, None)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("fmt", sorted(set(FORMATS.values())))
def test_every_format_has_a_reader_that_can_travel(fmt: Any) -> None:
    data = DataConfig.model_validate_json(json.dumps({"path": "a", "block_mb": 3}))
    made = reader(fmt, data)
    assert made.reader.block_bytes == 3 << 20
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - what Beam does
    assert all(callable(getattr(made, name)) for name in ("columns", "plan", "read"))


def test_looking_at_names_loads_neither_arrow_nor_beam() -> None:
    code = (
        "import sys; from components.example_gen.formats.registry import format_of; format_of(['a.csv'], None); "
        "assert not {'pyarrow', 'apache_beam', 'tensorflow', 'numpy'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

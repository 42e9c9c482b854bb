"""What comes out of the shards is what pyarrow reads from the files: all types, missing values, any size of block."""

import datetime
import decimal
import functools
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import Features, features, unframed
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.artifacts.ingest import Collapse
from components.artifacts.splits import SPLITS
from components.example_gen.columns.facts import merge, survey
from components.example_gen.columns.use import resolve_types
from components.example_gen.config import DataConfig
from components.example_gen.formats.as_meant import AsMeant, MissingIsNull
from components.example_gen.formats.parquet import ParquetReader
from components.example_gen.ingest import Ingestion, Reading, Source, UnitResult, groups, units
from components.example_gen.job import IngestJob
from components.example_gen.splits import split_rule
from preprocessing.missing import MissingWords, is_missing
from preprocessing.row_hash import row_hash


def ingested(
    folder: Path, files: list[Path], block_bytes: int, split: dict[str, Any] | None = None
) -> tuple[dict[str, list[bytes]], list[UnitResult]]:
    """The serialized examples by split, made without Beam in blocks of this size."""
    data = DataConfig.model_validate_json(f'{{"path": "t.parquet", "split": {split_json(split)}}}')
    table = Reading(IngestJob(data=data), AsMeant(ParquetReader(block_bytes), (MissingIsNull(MissingWords()),)))
    sources = [Source("all", str(file), file.stat().st_size) for file in files]
    work = [
        unit
        for number, group in enumerate(groups(sources, block_bytes))
        for unit in units(table.reader, number, group, 0)
    ]
    blocks = [block for unit in work for _, block, _ in unit.blocks]
    facts = functools.reduce(merge, (survey(rows) for block in blocks for rows in table.reader.read(block)), {})
    types, _ = resolve_types(facts, {})
    rule = split_rule(data.split, ())
    assert not rule.needs_counts
    ingestion = Ingestion(table, types, rule.resolve(None), str(folder))
    results = [ingestion.run(unit) for unit in work]
    found: dict[str, list[bytes]] = {}
    for name in SPLITS:
        shards = [Path(result.shards[name][0]) for result in results if name in result.shards]
        found[name] = [record for shard in shards for record in unframed(shard)]
        assert len(found[name]) == sum(result.shards[name][1] for result in results if name in result.shards)
        for shard in shards:
            assert np.fromfile(f"{shard}.u64", "<u8").tolist() == hashed(unframed(shard))
    return found, results


def hashed(records: list[bytes]) -> list[int]:
    """The hashes of the rows as tfx_bsl decodes them, some at a time, so that columns are missing in some batches."""
    batches = [ExamplesToRecordBatchDecoder().DecodeBatch(records[at : at + 7]) for at in range(0, len(records), 7)]
    return [int(each) for batch in batches for each in row_hash(batch)]


def split_json(split: dict[str, Any] | None) -> str:
    return json.dumps(split or {"by": "hash", "train": 6, "eval": 2, "test": 2})


def single(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda value: [] if value is None else [convert(value)]


def number(value: Any) -> list[Any]:
    """As float32, which is what a tf.Example holds; NaN is a missing number."""
    if value is None or math.isnan(value):
        return []
    with np.errstate(over="ignore"):
        return [float(np.float32(value))]


def text(value: Any) -> list[bytes]:
    """A text of nothing but blanks, the no-break one too, is missing."""
    return [value.encode()] if value and value.strip(" \t\n\v\f\r\xa0") else []


def binary(value: Any) -> list[bytes]:
    """As text where it is UTF-8."""
    try:
        return text(value and value.decode())
    except UnicodeDecodeError:
        return [value]


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any], Callable[[Any], list[Any]]]] = {
    "int8": (pa.int8(), st.integers(-128, 127), single(int)),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1), single(int)),
    "uint32": (pa.uint32(), st.integers(0, 2**32 - 1), single(int)),
    "double": (pa.float64(), st.floats().filter(lambda x: not (math.isfinite(x) and x.is_integer())), number),
    "float": (pa.float32(), st.floats(width=32).filter(lambda x: not (math.isfinite(x) and x.is_integer())), number),
    "string": (pa.string(), TEXT, text),
    "large_string": (pa.large_string(), TEXT, text),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "b", "ü"]), text),
    "binary": (pa.binary(), st.binary(max_size=9), binary),
    "bool": (pa.bool_(), st.booleans(), single(lambda value: b"true" if value else b"false")),
    "date": (
        pa.date32(),
        st.dates(datetime.date(1600, 1, 1), datetime.date(2900, 1, 1)),
        single(lambda value: value.isoformat().encode()),
    ),
    "timestamp": (
        pa.timestamp("us"),
        st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)),
        single(lambda value: value.strftime("%Y-%m-%d %H:%M:%S").encode()),
    ),
    "decimal": (
        pa.decimal128(20, 3),
        st.integers(-(10**9), 10**9).map(lambda n: decimal.Decimal(2 * n + 1) / decimal.Decimal(1000)),
        number,
    ),
    "list": (
        pa.list_(pa.int64()),
        st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
        lambda value: value or [],
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[Features]]:
    """A table, and the features of each row as worked out value by value in Python."""
    rows = draw(st.integers(1, 25))
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5, unique=True))
    columns, expected = {}, [{"row": [position]} for position in range(rows)]
    for kind in kinds:
        arrow, values, convert = KINDS[kind]
        cells = draw(st.lists(st.one_of(st.none(), values), min_size=rows, max_size=rows))
        wanted = [convert(cell) for cell in cells]
        columns[kind] = pa.array(cells, arrow)
        if any(wanted):  # a column without any value has no type, and is no feature
            for features_of_row, value in zip(expected, wanted, strict=True):
                features_of_row[kind] = value
    columns["row"] = pa.array(range(rows), pa.int64())
    return pa.table(columns), expected


@settings(deadline=None, max_examples=60)
@given(case=tables(), block_bytes=st.sampled_from([1, 50, 400, 1 << 20]), group=st.integers(1, 9))
def test_examples_hold_what_pyarrow_reads(
    case: tuple[pa.Table, list[Features]],
    block_bytes: int,
    group: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    table, expected = case
    folder = tmp_path_factory.mktemp("ingest")
    pq.write_table(table, folder / "t.parquet", row_group_size=group)
    found, _ = ingested(folder / "out", [folder / "t.parquet"], block_bytes)
    rows = sorted((features(record) for records in found.values() for record in records), key=lambda row: row["row"])
    assert [same_nan(row) for row in rows] == [same_nan(row) for row in expected]


def contents(found: dict[str, list[bytes]]) -> dict[str, Counter[str]]:
    """How often each example stands in each split; the order of the features in a record means nothing."""
    return {
        name: Counter(repr(sorted(features(record).items())) for record in records) for name, records in found.items()
    }


def same_nan(row: Features) -> dict[str, list[str]]:
    return {name: [repr(value) for value in values] for name, values in row.items()}


@settings(deadline=None, max_examples=25)
@given(
    values=st.lists(st.tuples(st.integers(0, 5), TEXT), min_size=1, max_size=60),
    blocks=st.lists(st.sampled_from([1, 100, 1000, 1 << 20]), min_size=2, max_size=2),
    keyed=st.booleans(),
)
def test_splits_partition_the_rows_whatever_the_blocks(
    values: list[tuple[int, str]], blocks: list[int], keyed: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("splits")
    table = pa.table({"key": [key for key, _ in values], "text": [cell for _, cell in values]})
    pq.write_table(table, folder / "t.parquet", row_group_size=7)
    split = {"by": "hash", "train": 2, "eval": 1, "test": 1, **({"keys": ["key"]} if keyed else {})}
    once, again = (
        ingested(folder / str(position), [folder / "t.parquet"], size, split)[0] for position, size in enumerate(blocks)
    )
    assert contents(once) == contents(again)
    rows = [features(record) for records in once.values() for record in records]
    expected = Counter((key, "" if is_missing(text, []) else text) for key, text in values)
    assert Counter((row["key"][0], (row.get("text") or [b""])[0].decode()) for row in rows) == expected
    if keyed:
        keys = [{features(record)["key"][0] for record in records} for records in once.values()]
        assert sum(map(len, keys)) == len(set().union(*keys))


def test_small_files_share_a_unit_and_a_large_one_is_divided() -> None:
    sizes = [10, 10, 10, 90, 10, 200]
    sources = [Source("all", str(position), size) for position, size in enumerate(sizes)]
    assert [[int(source.file) for source in group] for group in groups(sources, 100)] == [[0, 1, 2], [3, 4], [5]]
    mixed = [Source("train", "a", 1), Source("eval", "b", 1)]
    assert len(groups(mixed, 100)) == 2, "inputs are splits: their rows don't share a shard"


def test_a_file_has_one_digest_however_it_is_cut_and_ordered(tmp_path: Path) -> None:
    table = pa.table({"a": range(100), "b": [f"t{i % 7}" for i in range(100)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=9)
    pq.write_table(table.take(list(reversed(range(100)))), tmp_path / "b.parquet")
    pq.write_table(table.slice(1), tmp_path / "c.parquet")
    digests = []
    for name, size in (("a", 1), ("b", 1 << 20), ("c", 1 << 20)):
        _, results = ingested(tmp_path / f"out-{name}", [tmp_path / f"{name}.parquet"], size)
        reports = [report for result in results for report in result.files]
        digests.append(functools.reduce(lambda one, other: one.plus(other), reports).digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_numbers_that_become_one_are_counted_before_they_lose_their_digits(tmp_path: Path, name: str) -> None:
    first = 2**63 + 2**40  # neither an int64 nor, a digit further, a float64 of its own
    table = pa.table({"key": pa.array(range(first, first + 9), pa.uint64()), "x": [i / 8 for i in range(9)]})
    file = tmp_path / name
    if name == "t.csv":
        pa_csv.write_csv(table, file)
    else:
        pq.write_table(table, file)
    data = DataConfig(path=str(file))
    reading = Reading.of(IngestJob(data=data), [str(file)])
    ingestion = Ingestion(
        reading, {"key": "double", "x": "double"}, split_rule(data.split, ()).resolve(None), str(tmp_path)
    )
    (unit,) = units(reading.reader, 0, [Source("all", str(file), 1)], 1)
    collapse = Collapse(distinct=9, left=1, whole=True, example=(str(first), str(first + 1)))
    assert ingestion.run(unit).collapsed == {"key": collapse}

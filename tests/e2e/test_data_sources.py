"""Every way that a table gets in, through the real command: spans, formats, databases, TFX's own readers."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pytest
from support.bad_data import REFUSED, lockgate_run
from support.examples import SPLITS
from support.ingested import (
    all_ids,
    check,
    content,
    error_of,
    expected,
    ingested,
    json_lines,
    newest,
    parquet,
    project,
    sqlite,
    table,
    write,
)
from support.postgres import PASSWORD, postgres_server

PENGUINS = Path(__file__).parent.parent.parent / "data/penguins"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


# Spans


def test_the_newest_version_of_the_newest_span_is_read_once(tmp_path: Path) -> None:
    for number, name in enumerate(("9/v3", "10/v1", "10/v2")):
        write(tmp_path / f"data/{name}/t.csv", table(1000 * number))
    config, root = project(tmp_path, path="data/{SPAN}/v{VERSION}/t.csv"), tmp_path / "root"
    first = ingested(config)
    assert first.result["states"]["ExampleGen"] == "done"
    assert "newest span read: 10, version 2" in first.screen
    assert all_ids(root) == [*range(2000, 2300)]
    properties = newest(root).custom_properties
    assert (properties["span"].int_value, properties["version"].int_value) == (10, 2)
    size = (tmp_path / "data/10/v2/t.csv").stat().st_size
    assert properties["input_fingerprint"].string_value.startswith(f"split:all,num_files:1,total_bytes:{size},")

    again = ingested(config)
    assert again.result["states"]["ExampleGen"] == "cached"
    assert "newest span read: 10, version 2" in again.screen

    write(tmp_path / "data/11/v1/t.csv", table(5000))
    later = ingested(config)
    assert later.result["states"]["ExampleGen"] == "done"
    assert (newest(root).custom_properties["span"].int_value, all_ids(root)) == (11, [*range(5000, 5300)])


def test_dates_are_spans_in_a_rolling_window_and_in_a_range(tmp_path: Path) -> None:
    for number, day in enumerate(("2013-09-28", "2013-09-30", "2013-10-01")):
        write(tmp_path / f"days/{day}.csv", table(1000 * number, rows=100))
    config, root = project(tmp_path, path="days/{DATE}.csv", spans={"last": 2}), tmp_path / "root"
    assert "newest span read: 2013-10-01" in ingested(config).screen
    assert all_ids(root) == [*range(1000, 1100), *range(2000, 2100)]
    # Days since 1970-01-01, as TFX counts dates: 43 years, 11 of them leap years, and 273 days.
    assert newest(root).custom_properties["span"].int_value == 43 * 365 + 11 + 273
    both = ("--set", "data.spans={first_span: '2013-09-28', last_span: '2013-09-30', last: null}")
    assert "newest span read: 2013-09-30" in ingested(config, *both).screen
    assert all_ids(root) == [*range(100), *range(1000, 1100)]


def test_a_span_that_has_drifted_from_the_one_before_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "data/1/t.csv", table())
    config = project(tmp_path, path="data/{SPAN}/t.csv")
    options = ("--to", "DataGate", "--set", "data_gate.drift={baseline: previous_span, numeric: 0.15}")
    first = lockgate_run(config, *options)
    first.passed()
    assert check(first, "drift")["reason"] == "no earlier run to compare with"
    write(tmp_path / "data/2/t.csv", table(1000, price=1000.0))
    second = lockgate_run(config, *options)
    assert second.code == REFUSED
    assert set(second.refused()) == {("drift", "price")}
    finding = second.findings()["drift", "price"]
    assert finding["split"] == "train"
    assert "within 0.15 of the baseline" in finding["expected"]


def test_what_was_pushed_last_is_the_measure(penguins: tuple[Any, Path], tmp_path: Path) -> None:
    """A copy of the root: the lineage in it leads to the files of the run that pushed."""
    finished, pushed = penguins
    assert finished.code == 0, finished.stderr
    shutil.copytree(pushed, tmp_path / "root")
    root = tmp_path / "root"
    frame = pd.read_csv(PENGUINS / "penguins.csv", dtype_backend="numpy_nullable")
    options = ("--to", "DataGate", "--set", f"root={root}")
    same = lockgate_run(PENGUINS / "pipeline.yaml", *options)
    same.passed()
    assert check(same, "drift")["state"] == check(same, "label_drift")["state"] == "ran"
    assert same.result["states"]["StatisticsGen"] == "cached"
    # Lighter birds, though by nothing that the schema would notice.
    frame["body_mass_g"] -= 1500
    write(tmp_path / "light.csv", frame)
    drifted = lockgate_run(PENGUINS / "pipeline.yaml", *options, "--set", f"data.path={tmp_path / 'light.csv'}")
    assert ("drift", "body_mass_g") in drifted.refused()


def test_an_empty_span_is_an_error_in_one_line(tmp_path: Path) -> None:
    write(tmp_path / "data/1/t.csv", table())
    (tmp_path / "data/2").mkdir()
    error, hint = error_of(lockgate_run(project(tmp_path, path="data/{SPAN}/*.csv")))
    assert error.endswith(f"span 2 is empty: no file in it matches {tmp_path}/data/{{SPAN}}/*.csv")
    assert hint.startswith("  next: write its files")


# Formats


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, dict[str, Counter[Any]]]:
    """A table, and the examples that a CSV file of it becomes."""
    folder = tmp_path_factory.mktemp("reference")
    frame = table()
    write(folder / "t.csv", frame)
    ingested(project(folder, path="t.csv"))
    found = content(folder / "root")
    assert sum(found.values(), Counter()) == expected(frame)
    assert min(len(rows) for rows in found.values()) > 30
    return frame, found


def _csv_zst(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    with pa.CompressedOutputStream(str(folder / "t.csv.zst"), "zstd") as file:
        file.write(frame.to_csv(index=False).encode())
    return {"path": "t.csv.zst"}


def _csv_gz(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    write(folder / "t.csv.gz", frame)
    return {"path": "t.csv.gz"}


def _latin_1(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    write(folder / "t.txt", frame, sep=";", encoding="latin-1")
    return {"path": "t.txt", "csv": {"delimiter": ";", "encoding": "latin-1"}}


def _arrow(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    feather.write_feather(pa.Table.from_pandas(frame), folder / "t.arrow", chunksize=70)
    return {"path": "t.arrow"}


def _files(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    for start in range(0, len(frame), 100):
        write(folder / f"parts/p{start}.csv", frame.iloc[start : start + 100])
    return {"path": "parts"}


def _glob(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    write(folder / "parts/other.csv", frame)
    return _files(folder, frame) | {"path": "parts/p*.csv"}


WRITERS = (_csv_gz, _csv_zst, _latin_1, parquet, _arrow, json_lines, _files, _glob, sqlite)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.__name__.strip("_"))
def test_a_table_is_the_same_examples_in_the_same_splits_in_every_format(
    reference: tuple[pd.DataFrame, dict[str, Counter[Any]]],
    writer: Callable[[Path, pd.DataFrame], dict[str, Any]],
    tmp_path: Path,
) -> None:
    frame, examples = reference
    ingested(project(tmp_path, **writer(tmp_path, frame)))
    assert content(tmp_path / "root") == examples


@pytest.fixture
def server() -> Iterator[Any]:
    with postgres_server() as running:
        yield running


def test_postgresql_too_and_nobody_finds_the_password(
    reference: tuple[pd.DataFrame, dict[str, Counter[Any]]],
    server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame, examples = reference
    types = {"id": "bigint", "price": "double precision", "items": "bigint"}
    columns = ", ".join(f"{name} {types.get(name, 'text')}" for name in frame.columns)
    rows = ", ".join(
        "(" + ", ".join("NULL" if pd.isna(cell) else f"'{cell}'" for cell in row) + ")"
        for row in frame.itertuples(index=False)
    )
    server.execute(f"CREATE TABLE orders ({columns})", f"INSERT INTO orders VALUES {rows}")  # noqa: S608 - our own
    monkeypatch.setenv("ORDERS_URL", server.url)
    config = project(tmp_path, sql={"url_env": "ORDERS_URL", "query": "SELECT * FROM orders"})
    screen = ingested(config).screen
    assert content(tmp_path / "root") == examples
    written = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert written
    for secret in (PASSWORD, server.url):
        assert secret not in screen
        assert not [path for path in written if secret.encode() in path.read_bytes()]


def test_tfrecords_are_the_same_rows_and_with_keys_in_the_same_splits(
    reference: tuple[pd.DataFrame, dict[str, Counter[Any]]], tmp_path: Path
) -> None:
    """Their floats have 32 bits, so that the hash of a row with such numbers is another one; that of its key is not."""
    frame, examples = reference
    keys = ("--set", "data.split={keys: [customer]}")
    write(tmp_path / "t.csv", frame)
    config, root = project(tmp_path, path="t.csv"), tmp_path / "root"
    ingested(config, *keys)
    by_key = content(root)
    customers = [{dict(row)["customer"] for row in by_key[split]} for split in SPLITS]
    assert sum(by_key.values(), Counter()) == sum(examples.values(), Counter())
    assert len(set().union(*customers)) == sum(map(len, customers)) == frame["customer"].nunique()

    for split in SPLITS:
        for number, shard in enumerate(sorted((Path(newest(root).uri) / f"Split-{split}").iterdir())):
            (tmp_path / "records").mkdir(exist_ok=True)
            shutil.copy(shard, tmp_path / f"records/{split}-{number}.tfrecord.gz")
    again = ("--set", f"data.path={tmp_path / 'records'}", "--set", f"root={tmp_path / 'again'}")
    ingested(config, *keys, *again)
    assert content(tmp_path / "again") == by_key
    ingested(config, *again)
    assert sum(content(tmp_path / "again").values(), Counter()) == sum(examples.values(), Counter())


# TFX's own readers


def test_a_table_that_tfx_would_misread_is_refused_before_anything_runs(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", table().assign(price=1.5), na_rep="NA")
    error, hint = error_of(lockgate_run(project(tmp_path, path="t.csv", reader="tfx")))
    assert "holds a word for missing, which reader: tfx reads as a value" in error
    assert "data.reader: arrow" in hint
    assert not (tmp_path / "root").exists()


def test_tfx_reads_csv_and_the_gate_says_what_it_could_not_check(tmp_path: Path) -> None:
    frame = table()
    write(tmp_path / "t.csv", frame)
    ended = lockgate_run(project(tmp_path, path="t.csv", reader="tfx"), "--to", "DataGate")
    ended.passed()
    assert sum(content(tmp_path / "root").values(), Counter()) == expected(frame)
    skipped = check(ended, "duplicate_files")
    assert skipped["state"] == "skipped"
    assert f"duplicate_files ({skipped['reason']})" in ended.screen
    assert "data.reader: tfx" in skipped["reason"]
    assert not (Path(newest(tmp_path / "root").uri) / "ingest.json").exists()


def test_tfx_reads_parquet_and_leaves_nothing_outside_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A number that is 0 would be missing to TFX's Parquet reader.
    frame = table(first=1).assign(items=lambda each: each["items"] + 1)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    ingested(project(tmp_path, reader="tfx", **parquet(tmp_path, frame)))
    assert sum(content(tmp_path / "root").values(), Counter()) == expected(frame)
    # TFX would have left a package of itself here, made for Beam's workers elsewhere.
    assert not list((tmp_path / "temporary").iterdir())

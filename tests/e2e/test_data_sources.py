"""Every way that a table gets in, through the real command: spans, formats, databases, splits, bad rows, a kill."""

import json
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2
from support.bad_data import REFUSED, Ended, lockgate_run
from support.examples import SPLITS, by_split, unframed
from support.postgres import PASSWORD, postgres_server

from pipeline.cli import main

PENGUINS = Path(__file__).parent.parent.parent / "data/penguins"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CONFIG: dict[str, Any] = {
    "name": "orders",
    "root": "root",
    "data": {},
    "features": {
        "label": {"column": "late", "task": "binary"},
        "numeric": [{"columns": ["price", "items"]}],
        "categorical": [{"columns": ["colour"]}],
    },
    "model": {"family": "mlp", "params": {"hidden": [4]}},
    "train": {"epochs": 1, "batch_size": 64},
    "evaluate": {"thresholds": [{"metric": "auc", "min": 0}]},
}
COLOURS = ["rot", "grün", "blau"]


def table(first: int = 0, rows: int = 300, price: float = 10.0) -> pd.DataFrame:
    """Orders with numbers from `first` on. Prices are no 32-bit floats; some prices and colours are missing."""
    rng = np.random.default_rng(first + 1)
    frame = pd.DataFrame(
        {
            "id": np.arange(first, first + rows),
            "customer": [f"k{number:03d}" for number in rng.integers(0, 150, rows)],
            "price": rng.normal(price, 2, rows).round(2),
            "items": rng.integers(0, 9, rows),
            "colour": rng.choice(COLOURS, rows),
            "day": [f"2020-{1 + row * 12 // rows:02d}-{1 + row % 28:02d}" for row in range(rows)],
            "late": rng.choice(["no", "yes"], rows),
        }
    )
    frame.loc[frame.index % 17 == 3, "price"] = None
    frame.loc[frame.index % 29 == 5, "colour"] = None
    return frame


def write(path: Path, frame: pd.DataFrame, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, **options)
    return path


def project(folder: Path, **data: Any) -> Path:
    """A pipeline.yaml with this `data:` section."""
    path = folder / "pipeline.yaml"
    path.write_text(yaml.safe_dump(CONFIG | {"data": data}, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def ingested(config: Path, *options: str) -> Ended:
    """Runs ExampleGen alone."""
    ended = lockgate_run(config, "--to", "ExampleGen", *options)
    assert ended.code == 0, ended.screen
    return ended


def error_of(ended: Ended) -> tuple[str, str]:
    """The error and the next step of a run that failed: a line each, and no stack trace."""
    assert ended.code == 1, ended.screen
    assert "Traceback" not in ended.screen
    lines = ended.screen.splitlines()
    [start] = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    error, hint, *rest = lines[start:]
    assert hint.startswith("  next: ")
    assert all(line.startswith("  log: ") for line in rest)
    return error, hint


def newest(root: Path) -> metadata_store_pb2.Artifact:
    """The last complete Examples artifact."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.sqlite")
    found = mlmd.MetadataStore(connection).get_artifacts_by_type("Examples")
    live = metadata_store_pb2.Artifact.LIVE
    return max((each for each in found if each.state == live), key=lambda each: int(each.id))


def content(root: Path) -> dict[str, Counter[Any]]:
    """The newest examples of each split, in any order."""
    return {
        split: Counter(tuple((name, tuple(values)) for name, values in sorted(row.items())) for row in rows)
        for split, rows in by_split(Path(newest(root).uri)).items()
    }


def ids(root: Path) -> dict[str, list[int]]:
    return {split: sorted(row["id"][0] for row in rows) for split, rows in by_split(Path(newest(root).uri)).items()}


def all_ids(root: Path) -> list[int]:
    return sorted(number for numbers in ids(root).values() for number in numbers)


def expected(frame: pd.DataFrame) -> Counter[Any]:
    """What the rows of a table are as examples: worked out without any of our readers."""

    def cell(value: Any) -> tuple[Any, ...]:
        if pd.isna(value):
            return ()
        return (value.encode(),) if isinstance(value, str) else (float(np.float32(value)),)

    return Counter(
        tuple((name, cell(value)) for name, value in sorted(row.items())) for row in frame.to_dict("records")
    )


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


def check(ended: Ended, name: str) -> dict[str, Any]:
    return next(each for each in ended.result["data_gate"]["checks"] if each["name"] == name)


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


def _parquet(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    pq.write_table(pa.Table.from_pandas(frame), folder / "t.parquet", row_group_size=70)
    return {"path": "t.parquet"}


def _arrow(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    feather.write_feather(pa.Table.from_pandas(frame), folder / "t.arrow", chunksize=70)
    return {"path": "t.arrow"}


def _json_lines(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    frame.to_json(folder / "t.jsonl", orient="records", lines=True, force_ascii=False)
    return {"path": "t.jsonl"}


def _files(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    for start in range(0, len(frame), 100):
        write(folder / f"parts/p{start}.csv", frame.iloc[start : start + 100])
    return {"path": "parts"}


def _glob(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    write(folder / "parts/other.csv", frame)
    return _files(folder, frame) | {"path": "parts/p*.csv"}


def _sqlite(folder: Path, frame: pd.DataFrame) -> dict[str, Any]:
    import sqlite3

    with sqlite3.connect(folder / "t.db") as connection:
        frame.to_sql("orders", connection, index=False)
    return {"sql": {"url": "sqlite:///t.db", "query": "SELECT * FROM orders"}}


WRITERS = (_csv_gz, _csv_zst, _latin_1, _parquet, _arrow, _json_lines, _files, _glob, _sqlite)


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


def test_tfx_reads_parquet(tmp_path: Path) -> None:
    frame = table()
    ingested(project(tmp_path, reader="tfx", **_parquet(tmp_path, frame)))
    assert sum(content(tmp_path / "root").values(), Counter()) == expected(frame)


# Splits


def test_the_split_is_as_the_configuration_says(tmp_path: Path) -> None:
    frame = table(rows=400)
    frame["late"] = np.where(frame.index % 4 == 0, "yes", "no")
    write(tmp_path / "t.csv", frame)
    config, root = project(tmp_path, path="t.csv"), tmp_path / "root"

    ingested(config, "--set", "data.split={by: time, column: day, eval_from: '2020-07-01', test_from: '2020-10-01'}")
    assert ids(root) == {"train": [*range(200)], "eval": [*range(200, 300)], "test": [*range(300, 400)]}

    ingested(config, "--set", "data.split={by: time, column: day, train: 2, eval: 1, test: 1}")
    days = {split: sorted(frame["day"][numbers]) for split, numbers in ids(root).items()}
    assert {split: len(each) for split, each in days.items()} == pytest.approx(
        {"train": 200, "eval": 100, "test": 100}, abs=2
    )
    assert days["train"][-1] < days["eval"][0]
    assert days["eval"][-1] < days["test"][0]

    ingested(config, "--set", "data.split={train: 8, eval: 1, test: 1, stratify: true}")
    classes = {split: Counter(frame["late"][numbers]) for split, numbers in ids(root).items()}
    assert classes == {
        "train": {"no": 240, "yes": 80},
        "eval": {"no": 30, "yes": 10},
        "test": {"no": 30, "yes": 10},
    }


# Bad rows, and a run that is killed


def test_bad_rows_are_quarantined_and_the_screen_says_so(tmp_path: Path) -> None:
    """Split by a column: that no other split knows its values is no finding of the data gate."""
    frame = table()
    frame["fold"] = np.where(frame["id"] % 5 < 3, "fit", np.where(frame["id"] % 5 == 3, "stop", "measure"))
    frame.loc[77, "fold"] = "lost"
    lines = frame.to_csv(index=False).splitlines()
    lines[10] += ",surplus"
    (tmp_path / "t.csv").write_text("\n".join([*lines, "short"]) + "\n", encoding="utf-8")
    split = {"by": "column", "column": "fold", "train": ["fit"], "eval": ["stop"], "test": ["measure"]}
    limit = {"on_bad_row": "quarantine", "max_bad_fraction": 0.01}
    config = project(tmp_path, path="t.csv", split=split, **limit)
    ended = lockgate_run(config, "--to", "DataGate")
    ended.passed()
    assert ended.findings() == ended.findings("warn") == {}

    folder = Path(newest(tmp_path / "root").uri)
    assert all_ids(tmp_path / "root") == [number for number in range(300) if number not in (9, 77)]
    assert ids(tmp_path / "root")["eval"] == [*range(3, 300, 5)]
    [warning] = [line for line in ended.screen.splitlines() if line.startswith(" ! ")]
    assert warning.startswith(
        f" ! 3 of 301 rows are bad: quarantined in {folder / 'quarantine'}; first: {tmp_path / 't.csv'}, line 11: "
        "expected 8 cells as in the header, received 9"
    )
    [file] = (folder / "quarantine").iterdir()
    kept = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {row["place"]: row["row"] for row in kept if row["place"] != 79} == {11: lines[10], 302: "short"}
    # Its cells could be read: it became bad as a row of typed columns.
    [lost] = [json.loads(row["row"]) for row in kept if row["place"] == 79]
    assert (lost["id"], lost["fold"]) == (77, "lost")
    report = json.loads((folder / "ingest.json").read_text(encoding="utf-8"))
    assert [(row["place"], bool(row["reason"])) for row in report["bad_rows"]] == [(11, True), (79, True), (302, True)]
    # From the cache too: the rows are still not there.
    assert warning in ingested(config).screen.splitlines()


def test_too_many_bad_rows_end_the_run_in_one_line(tmp_path: Path) -> None:
    lines = table().to_csv(index=False).splitlines()
    (tmp_path / "t.csv").write_text("\n".join([*lines, *["short"] * 4]) + "\n", encoding="utf-8")
    ended = lockgate_run(project(tmp_path, path="t.csv", on_bad_row="skip"), "--to", "ExampleGen")
    error, hint = error_of(ended)
    assert error.startswith("error: ExampleGen: 4 of 304 rows are bad (1.32%); data.max_bad_fraction allows 1.00%.")
    assert f"{tmp_path / 't.csv'}, line 302: expected 7 cells" in error
    assert hint == "  next: mend the source, or raise data.max_bad_fraction"


def test_a_bad_row_of_a_query_is_named_by_the_query(tmp_path: Path) -> None:
    frame = table()
    frame.loc[4, "day"] = "soon"
    split = {"by": "time", "column": "day", "eval_from": "2020-07-01", "test_from": "2020-10-01"}
    config = project(tmp_path, split=split, **_sqlite(tmp_path, frame))
    error, _ = error_of(lockgate_run(config, "--to", "ExampleGen"))
    assert error.startswith("error: ExampleGen: data.sql.query, row 5: 'day': expected an ISO date or time")


def test_a_killed_run_leaves_nothing_that_anybody_takes_for_examples(tmp_path: Path, lockgate: str) -> None:
    rows = 300_000
    write(tmp_path / "t.csv", pd.concat([table(rows=1000)] * (rows // 1000)).assign(id=range(rows)))
    config, root = project(tmp_path, path="t.csv", block_mb=1), tmp_path / "root"
    process = subprocess.Popen(
        [lockgate, "run", str(config), "--to", "ExampleGen"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    until = time.monotonic() + 120
    while not list(root.glob("ExampleGen/examples/*/.ingest-*/*-train.gz")) and time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    [half_made] = root.glob("ExampleGen/examples/*/.ingest-*")
    assert not list(root.glob("ExampleGen/examples/*/Split-*"))

    ended = ingested(config)
    assert f"process {process.pid} on" in ended.screen
    assert ended.result["states"]["ExampleGen"] == "done"
    assert Path(newest(root).uri) != half_made.parent
    folder = Path(newest(root).uri)
    found = [
        record for split in SPLITS for shard in (folder / f"Split-{split}").iterdir() for record in unframed(shard)
    ]
    assert len(set(found)) == len(found) == rows
    assert ingested(config).result["states"]["ExampleGen"] == "cached"


# What `lockgate validate` refuses


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (
            {"split": {"by": "time", "column": "day", "eval_from": "2020-10-01", "test_from": "2020-07-01"}},
            "    test_from:",
            "data.split.test_from: overlapping time ranges: test_from (2020-07-01) must be later than eval_from "
            "(2020-10-01)",
        ),
        ({"path": "t.jsonl", "reader": "tfx"}, "  reader:", "data.reader: tfx reads csv and parquet only"),
        ({"path": "x", "format": "jsonl", "reader": "tfx"}, "  format:", "data.format: reader: tfx reads csv and"),
        ({"spans": {"last": 2}}, "  spans:", "data.spans: no {SPAN} or {DATE} stands in the path"),
        (
            {"path": None, "sql": {"url": "postgresql://me:hunter2@host/db", "query": "SELECT 1"}},
            "    url:",
            "data.sql.url: holds a password; put the URL in an environment variable and name it in url_env",
        ),
        (
            {"path": "data/{SPAN}/t.csv", "spans": {"first_span": 1, "last_span": 3}},
            "  spans:",
            "data.spans: span 2 of ",
        ),
    ],
)
def test_validate_names_field_and_line(
    data: Mapping[str, Any], line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("t.csv", "data/1/t.csv", "data/3/t.csv"):
        write(tmp_path / name, table(rows=20))
    _json_lines(tmp_path, table(rows=20))
    given = {"path": "t.csv", **data}
    config = project(tmp_path, **{name: value for name, value in given.items() if value is not None})
    number = next(n for n, text in enumerate(config.read_text().splitlines(), 1) if text.startswith(line))
    done = CliRunner().invoke(main, ["validate", "pipeline.yaml"])
    assert done.exit_code == 1
    error, *rest = done.stderr.splitlines()
    assert error.startswith(f"error: pipeline.yaml:{number}: {message}")
    assert "hunter2" not in done.stderr
    assert len(rest) <= 1
    assert all(each.startswith("  next: ") for each in rest)

"""What becomes of a table's rows, through the real command: splits, bad rows, a run that is killed, refusals."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from support.bad_data import lockgate_run
from support.examples import SPLITS, unframed
from support.ingested import all_ids, error_of, ids, ingested, json_lines, newest, project, sqlite, table, write

from pipeline.cli import main

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


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
    assert hint == "  next: correct the source, or raise data.max_bad_fraction"


def test_a_bad_row_of_a_query_is_named_by_the_query(tmp_path: Path) -> None:
    frame = table()
    frame.loc[4, "day"] = "soon"
    split = {"by": "time", "column": "day", "eval_from": "2020-07-01", "test_from": "2020-10-01"}
    config = project(tmp_path, split=split, **sqlite(tmp_path, frame))
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


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (
            {"split": {"by": "time", "column": "day", "eval_from": "2020-10-01", "test_from": "2020-07-01"}},
            "    test_from:",
            "data.split.test_from: overlapping time ranges; expected a time later than eval_from (2020-10-01) "
            '(received "2020-07-01")',
        ),
        ({"path": "t.jsonl", "reader": "tfx"}, "  reader:", "data.reader: tfx reads csv and parquet only"),
        ({"path": "x", "format": "jsonl", "reader": "tfx"}, "  format:", "data.format: reader: tfx reads csv and"),
        ({"spans": {"last": 2}}, "  spans:", "data.spans: the path contains no {SPAN} or {DATE}"),
        (
            {"path": None, "sql": {"url": "postgresql://me:hunter2@host/db", "query": "SELECT 1"}},
            "    url:",
            "data.sql.url: holds a password\n  next: put the URL in an environment variable and name it in url_env",
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
    json_lines(tmp_path, table(rows=20))
    given = {"path": "t.csv", **data}
    config = project(tmp_path, **{name: value for name, value in given.items() if value is not None})
    number = next(n for n, text in enumerate(config.read_text().splitlines(), 1) if text.startswith(line))
    done = CliRunner().invoke(main, ["validate", "pipeline.yaml"])
    assert done.exit_code == 1
    _, *rest = done.stderr.splitlines()
    assert done.stderr.startswith(f"error: pipeline.yaml:{number}: {message}")
    assert "hunter2" not in done.stderr
    assert len(rest) <= 1
    assert all(each.startswith("  next: ") for each in rest)

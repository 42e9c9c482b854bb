"""Our driver through TFX's own classes, beside the stock driver on the same folders."""

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.orchestration import data_types
from tfx.orchestration.portable.data_types import ExecutionInfo
from tfx.proto import example_gen_pb2
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.artifacts.splits import SPLITS
from components.example_gen.config import DataConfig
from components.example_gen.driver import Driver
from components.example_gen.job import IngestJob
from preprocessing.errors import UserError


def write(folder: Path, *names: str, rows: int = 1) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a\n" + "1\n" * rows)
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))


def properties(base: Path, patterns: dict[str, str], **data: Any) -> dict[str, Any]:
    config = {"path": patterns["all"]} if "all" in patterns else {"inputs": patterns}
    splits = [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    job = IngestJob(data=DataConfig.model_validate_json(json.dumps(config | data)))
    return {
        "input_base": str(base),
        "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=splits)),
        "ingest": job.to_json(),
    }


def resolved(driver: type[FileBasedDriver], given: dict[str, Any]) -> dict[str, Any]:
    pipeline = data_types.PipelineInfo("", "")
    component = data_types.ComponentInfo("", "", pipeline)
    return driver(None).resolve_exec_properties(dict(given), pipeline, component)


def patterns(found: dict[str, Any]) -> dict[str, str]:
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(found["input_config"], config)
    return {split.name: split.pattern for split in config.splits}


@pytest.mark.parametrize(
    "given",
    [
        {"all": "t.csv"},
        {"all": "*.csv"},
        {"all": "{SPAN}/v{VERSION}/*.csv"},
        {"all": "{SPAN:4}/*"},
        {"all": "{YYYY}-{MM}-{DD}.csv"},
        {split: f"in-{{SPAN}}/{split}.csv" for split in SPLITS},
    ],
)
def test_the_newest_span_is_written_as_the_stock_driver_writes_it(tmp_path: Path, given: dict[str, str]) -> None:
    names = {
        "{SPAN}/v{VERSION}/*.csv": ["2/v1/a.csv", "10/v2/a.csv", "10/v1/a.csv", "10/v2/b.csv"],
        "{SPAN:4}/*": ["0002/a.csv", "0010/a.csv", "0010/b.csv"],
        "{YYYY}-{MM}-{DD}.csv": ["2013-10-01.csv", "2013-09-30.csv"],
    }
    write(tmp_path, "t.csv") if given.get("all") in ("t.csv", "*.csv") else None
    write(tmp_path, *names.get(given.get("all", ""), []))
    if "train" in given:
        write(tmp_path, *(f"in-{span}/{split}.csv" for span in (3, 4) for split in SPLITS))
    asked = properties(tmp_path, given)
    assert resolved(Driver, asked) == resolved(FileBasedDriver, asked)


def test_a_window(tmp_path: Path) -> None:
    write(tmp_path, "1/a.csv", "2/a.csv", "3/a.csv", "3/b.csv")
    found = resolved(Driver, properties(tmp_path, {"all": "{SPAN}/*.csv"}, spans={"last": 2}))
    assert (found["span"], found["version"]) == (3, None)
    assert json.loads(found["window"]) == {"all": ["2/*.csv", "3/*.csv"]}
    assert patterns(found) == {"all": "3/*.csv"}
    # As TFX counts: 4 bytes a file, and the files' times, which cancel out in pairs.
    assert found["input_fingerprint"].splitlines() == [
        "split:all,num_files:1,total_bytes:4,xor_checksum:1000000000,sum_checksum:1000000000",
        "split:all,num_files:2,total_bytes:8,xor_checksum:0,sum_checksum:2000000000",
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [({"first_span": 1, "last_span": 1}, ["1/*.csv"]), ({"last": 3}, ["1/*.csv", "2/*.csv"]), ({"last": 1}, None)],
)
def test_what_is_chosen_is_given_to_the_executor(tmp_path: Path, spans: dict[str, int], expected: list[str]) -> None:
    """Also where it is one span: without it the executor can't tell TFX's own driver, which gives the newest."""
    write(tmp_path, "1/a.csv", "2/a.csv")
    found = resolved(Driver, properties(tmp_path, {"all": "{SPAN}/*.csv"}, spans=spans))
    assert ("window" in found) is (expected is not None)
    if expected is not None:
        assert json.loads(found["window"]) == {"all": expected}


def test_a_date(tmp_path: Path) -> None:
    write(tmp_path, "20131001.csv", "20130930.csv")
    found = resolved(Driver, properties(tmp_path, {"all": "{DATE}.csv"}))
    assert patterns(found) == {"all": "20131001.csv"}
    assert found["span"] == 43 * 365 + 11 + 273
    assert "window" not in found


@pytest.mark.parametrize("pattern", ["{SPAN}/*.csv", "{SPAN}"])
@pytest.mark.parametrize("changed", ["1/a.csv", "2/a.csv", "2/new.csv"])
def test_the_fingerprint_follows_every_file(tmp_path: Path, pattern: str, changed: str) -> None:
    write(tmp_path, "1/a.csv", "2/a.csv")
    asked = properties(tmp_path, {"all": pattern}, spans={"last": 2})
    before = resolved(Driver, asked)
    assert resolved(Driver, asked) == before
    write(tmp_path, changed, rows=2)
    assert resolved(Driver, asked)["input_fingerprint"] != before["input_fingerprint"]


@pytest.mark.parametrize("pattern", ["t", "t/", "t/**/*.csv", "t/y=*", "t/y=*/m=*/*.csv"])
@pytest.mark.parametrize("changed", ["t/y=1/m=2/a.csv", "t/y=3/m=1/new.csv"])
def test_the_fingerprint_follows_files_in_folders_of_folders(tmp_path: Path, pattern: str, changed: str) -> None:
    write(tmp_path, "t/y=1/m=1/a.csv", "t/y=1/m=2/a.csv")
    asked = properties(tmp_path, {"all": pattern})
    before = resolved(Driver, asked)
    assert resolved(Driver, asked) == before
    write(tmp_path, changed, rows=2)
    assert resolved(Driver, asked)["input_fingerprint"] != before["input_fingerprint"]


def test_a_name_that_is_also_a_pattern_has_a_fingerprint(tmp_path: Path) -> None:
    write(tmp_path, "a[1].csv", "b[2]/t.csv")
    for source in ("a[1].csv", "b[2]"):
        (line,) = resolved(Driver, properties(tmp_path, {"all": source}))["input_fingerprint"].splitlines()
        assert line.startswith("split:all,num_files:1,total_bytes:4,")


def test_an_empty_span_is_the_users_to_fix(tmp_path: Path) -> None:
    write(tmp_path, "1/a.csv")
    (tmp_path / "2").mkdir()
    with pytest.raises(UserError, match="span 2 is empty"):
        resolved(Driver, properties(tmp_path, {"all": "{SPAN}/*.csv"}))


def test_a_source_without_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        resolved(Driver, properties(tmp_path, {"all": "t.csv"}))


def test_a_sqlite_file_has_a_fingerprint_and_a_server_never_the_same(tmp_path: Path) -> None:
    def of(url: str) -> str:
        data = DataConfig.model_validate({"sql": {"url": url, "query": "SELECT 1"}})
        given = {"input_config": "{}", "ingest": IngestJob(data=data).to_json()}
        return str(resolved(Driver, given)["input_fingerprint"])

    write(tmp_path, "t.db")
    file = of(f"sqlite:///{tmp_path}/t.db")
    assert of(f"sqlite:///{tmp_path}/t.db") == file
    write(tmp_path, "t.db", rows=9)
    assert of(f"sqlite:///{tmp_path}/t.db") != file
    assert of("postgresql://host/db") != of("postgresql://host/db")


def test_a_sqlite_file_with_a_log_and_in_a_folder_like_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "[a]"
    folder.mkdir()

    def fingerprint() -> str:
        data = DataConfig.model_validate({"sql": {"url": f"sqlite:///{folder}/t.db", "query": "SELECT 1"}})
        given = {"input_config": "{}", "ingest": IngestJob(data=data).to_json()}
        return str(resolved(Driver, given)["input_fingerprint"])

    with contextlib.closing(sqlite3.connect(folder / "t.db", isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE t (x)")
        created = fingerprint()
        writer.execute("INSERT INTO t VALUES (zeroblob(100000))")  # in the log alone, as long as the writer is there
        assert fingerprint() != created
    written = fingerprint()
    assert fingerprint() == written
    with contextlib.closing(sqlite3.connect(folder / "t.db")) as writer:
        writer.execute("CREATE TABLE more AS SELECT zeroblob(100000) AS x")
    assert fingerprint() != written


def test_run_gives_the_launcher_all_of_it(tmp_path: Path) -> None:
    write(tmp_path, "1/v7/a.csv", "2/v3/a.csv")
    asked = properties(tmp_path, {"all": "{SPAN}/v{VERSION}/*.csv"}, spans={"last": 2})
    info = ExecutionInfo(
        exec_properties=asked, output_dict={"examples": [standard_artifacts.Examples()]}, execution_output_uri="x"
    )
    output = Driver(None).run(info)
    assert isinstance(output, driver_output_pb2.DriverOutput)
    written = output.exec_properties
    assert (written["span"].int_value, written["version"].int_value) == (2, 3)
    assert json.loads(written["window"].string_value) == {"all": ["1/v7/*.csv", "2/v3/*.csv"]}
    (artifact,) = output.output_artifacts["examples"].artifacts
    assert artifact.custom_properties["span"].int_value == 2
    assert artifact.custom_properties["version"].int_value == 3
    assert artifact.custom_properties["input_fingerprint"].string_value == written["input_fingerprint"].string_value

"""The executor on real files and Beam's own engine; its output is read with TensorFlow."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from support.beam import UNPACKED
from support.examples import SPLITS, Features, by_split, examples, unframed
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.artifacts.ingest import IngestReport
from components.example_gen import finish
from components.example_gen.columns.use import ColumnUse
from components.example_gen.config import DataConfig
from components.example_gen.executor import Executor
from components.example_gen.job import JOB_KEY, WINDOW_KEY, IngestJob
from preprocessing.errors import UserError
from preprocessing.row_hash import row_hash

pytestmark = pytest.mark.slow

FN_API = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
BUNDLES = "apache_beam.runners.direct.direct_runner.BundleBasedDirectRunner"
ROWS = [f"{i},k{i % 7},{i / 4},2020-01-{1 + i % 28:02d},{'yes' if i % 3 else 'no'}" for i in range(300)]
HEADER = "id,key,x,day,label"


def table(folder: Path, rows: list[str] = ROWS, name: str = "t.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return folder


def run(
    base: Path,
    out: Path,
    *,
    inputs: dict[str, str] | None = None,
    window: dict[str, list[str]] | None = None,
    types: dict[str, Any] | None = None,
    padded: tuple[str, ...] = (),
    required: tuple[str, ...] = ("label",),
    runner: str = FN_API,
    uses: dict[str, ColumnUse] | None = None,
    **data: Any,
) -> IngestReport:
    """Runs the executor as the launcher does, with what the driver resolved."""
    patterns = inputs or {"all": "*.csv"}
    source = {"inputs": patterns} if inputs and "all" not in inputs else {"path": "*.csv"}
    job = IngestJob(
        data=DataConfig.model_validate_json(json.dumps(source | data)),
        uses=uses or {},
        types=types,
        leading_zeros=padded,
        required=required,
    )
    config = example_gen_pb2.Input(
        splits=[example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    )
    artifact = standard_artifacts.Examples()
    artifact.uri = str(out)
    properties = {JOB_KEY: job.to_json(), "input_base": str(base), "input_config": proto_utils.proto_to_json(config)}
    if window:
        properties[WINDOW_KEY] = json.dumps(window)
    context = Executor.Context(
        beam_pipeline_args=[f"--runner={runner}", UNPACKED], tmp_dir=str(out.parent / "tmp"), unique_id="1"
    )
    Executor(context).Do({}, {"examples": [artifact]}, properties)
    assert json.loads(artifact.split_names) == list(SPLITS)
    assert artifact.get_string_custom_property("file_format") == "tfrecords_gzip"
    assert artifact.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"
    return IngestReport.model_validate_json((out / "ingest.json").read_text(encoding="utf-8"))


def ids(out: Path) -> dict[str, list[int]]:
    return {split: sorted(row["id"][0] for row in examples(out, split)) for split in SPLITS}


def all_examples(out: Path) -> list[Features]:
    return [row for rows in by_split(out).values() for row in rows]


def all_ids(out: Path) -> list[int]:
    return sorted(row["id"][0] for row in all_examples(out))


def test_rows_arrive_once_in_tfx_layout_with_nothing_left_behind(tmp_path: Path) -> None:
    report = run(table(tmp_path / "in"), tmp_path / "out")
    found = ids(tmp_path / "out")
    assert all_ids(tmp_path / "out") == list(range(300))
    assert {split: len(rows) for split, rows in found.items()} == report.rows
    assert report.types == {"id": "int64", "key": "string", "x": "double", "day": "string", "label": "string"}
    row = next(row for row in examples(tmp_path / "out", "train") if row["id"][0] == found["train"][0])
    i = found["train"][0]
    assert row == {
        "id": [i],
        "key": [f"k{i % 7}".encode()],
        "x": [i / 4],
        "day": [f"2020-01-{1 + i % 28:02d}".encode()],
        "label": [b"yes" if i % 3 else b"no"],
    }
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "Split-eval", "Split-test", "Split-train", "ingest.json", "row_hashes",
    ]  # fmt: skip
    assert_hashes_lie_beside(tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "Split-eval").iterdir()] == ["data_tfrecord-00000-of-00001.gz"]


def assert_hashes_lie_beside(out: Path) -> None:
    """One file for each shard, with the hashes of its rows as they are decoded, in order."""
    shards = sorted(out.glob("Split-*/*"))
    assert sorted(path.relative_to(out / "row_hashes") for path in out.glob("row_hashes/*/*")) == [
        Path(f"{shard.relative_to(out)}.u64") for shard in shards
    ]
    for shard in shards:
        rows, stored = unframed(shard), (out / "row_hashes" / f"{shard.relative_to(out)}.u64").read_bytes()
        expected = row_hash(ExamplesToRecordBatchDecoder().DecodeBatch(rows)) if rows else np.zeros(0)
        assert np.frombuffer(stored, "<u8").tolist() == expected.tolist()


def test_types_come_from_the_whole_table_not_from_the_first_file(tmp_path: Path) -> None:
    folder = table(tmp_path / "in", ROWS[:100], "a.csv")
    table(folder, [row.replace(",k", ",").replace("2020-01-", "") for row in ROWS[100:200]], "b.csv")
    table(folder, ["007" + row[row.index(",") :] for row in ROWS[200:]], "c.csv")
    report = run(folder, tmp_path / "out")
    assert report.types == {"id": "string", "key": "string", "x": "double", "day": "string", "label": "string"}
    rows = all_examples(tmp_path / "out")
    assert Counter(row["id"][0] == b"007" for row in rows) == {True: 100, False: 200}
    assert {row["key"][0] for row in rows} >= {b"0", b"k0"}


def test_numbers_that_are_written_with_leading_zeros_are_told(tmp_path: Path) -> None:
    """Of a column that stays text, nothing is lost."""
    folder = table(tmp_path / "in", [row.replace(",k", ",00") for row in ROWS])
    uses = {"key": ColumnUse("number"), "x": ColumnUse("number")}
    report = run(folder, tmp_path / "out", uses=uses)
    assert (report.types["key"], report.leading_zeros) == ("double", ("key",))
    as_text = run(folder, tmp_path / "text", uses=uses | {"key": ColumnUse("category")})
    assert (as_text.types["key"], as_text.leading_zeros) == ("string", ())
    # Where something has looked at the table before, it has seen them.
    assert run(folder, tmp_path / "known", types=dict(report.types), padded=("key",)).leading_zeros == ("key",)


def test_a_column_that_nobody_uses_may_be_missing_in_a_file(tmp_path: Path) -> None:
    folder = table(tmp_path / "in", ROWS[:100], "a.csv")
    (folder / "b.csv").write_text("label,id,x\n" + "".join(f"no,{i},{i / 4}\n" for i in range(100, 300)))
    report = run(folder, tmp_path / "out", uses={"x": ColumnUse("number"), "label": ColumnUse("class")})
    assert report.types == {"id": "int64", "x": "double", "label": "string"}
    assert report.left_out == dict.fromkeys(("key", "day"), "nobody uses it, and not every file has it")
    assert all_ids(tmp_path / "out") == list(range(300))
    with pytest.raises(UserError, match=r"b\.csv: no column 'key'"):
        run(folder, tmp_path / "again", uses={"key": ColumnUse("category")})


def test_missing_cells_are_features_without_a_value_and_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    rows = [*ROWS[:50], "50,,NA,2020-01-01,no", "51,k,nan,,yes", "52,k,1,2020-01-01,", "53,k,0,2020-01-01,NULL"]
    report = run(table(tmp_path / "in", rows), tmp_path / "out")
    found = {row["id"][0]: row for row in all_examples(tmp_path / "out")}
    assert sorted(found) == list(range(52))
    assert found[50] == {"id": [50], "key": [], "x": [], "day": [b"2020-01-01"], "label": [b"no"]}
    assert found[51]["x"] == found[51]["day"] == []
    assert report.unlabeled == 2
    assert report.bad == 0


def test_time_shares_keep_the_order_of_time(tmp_path: Path) -> None:
    split = {"by": "time", "column": "day", "train": 0.5, "eval": 0.25, "test": 0.25}
    run(table(tmp_path / "in"), tmp_path / "out", split=split)
    days = {split: [row["day"][0] for row in rows] for split, rows in by_split(tmp_path / "out").items()}
    # 28 days; 1 to 20 occur 11 times and the others 10: half of the 300 rows is nearest to the end of day 14.
    assert (min(days["train"]), max(days["train"])) == (b"2020-01-01", b"2020-01-14")
    assert max(days["train"]) < min(days["eval"]) <= max(days["eval"]) < min(days["test"])


def test_stratified_splits_have_each_class_in_proportion(tmp_path: Path) -> None:
    run(
        table(tmp_path / "in"), tmp_path / "out",
        split={"by": "hash", "train": 8, "eval": 1, "test": 1, "stratify": True},
    )  # fmt: skip
    found = by_split(tmp_path / "out")
    classes = {split: Counter(row["label"][0] for row in rows) for split, rows in found.items()}
    assert classes == {
        "train": {b"yes": 160, b"no": 80},
        "eval": {b"yes": 20, b"no": 10},
        "test": {b"yes": 20, b"no": 10},
    }


def test_separate_inputs_are_the_splits(tmp_path: Path) -> None:
    folder = table(tmp_path / "in", ROWS[:10], "a.csv")
    table(folder, ROWS[10:30], "b.csv")
    table(folder, ROWS[30:60], "c.csv")
    report = run(folder, tmp_path / "out", inputs={"train": "c.csv", "eval": "a.csv", "test": "b.csv"})
    assert ids(tmp_path / "out") == {"train": [*range(30, 60)], "eval": [*range(10)], "test": [*range(10, 30)]}
    assert {Path(file.file).name: (file.input, file.rows) for file in report.files} == {
        "c.csv": ("train", 30), "a.csv": ("eval", 10), "b.csv": ("test", 20),
    }  # fmt: skip


def test_a_window_reads_the_patterns_that_the_driver_found(tmp_path: Path) -> None:
    for span in (1, 2, 3):
        table(tmp_path / "in", ROWS[10 * span : 10 * span + 10], f"{span}.csv")
    run(tmp_path / "in", tmp_path / "out", window={"all": ["2.csv", "3.csv"]})
    assert all_ids(tmp_path / "out") == [*range(20, 40)]


def test_chosen_spans_that_the_driver_did_not_find_are_refused(tmp_path: Path) -> None:
    table(tmp_path / "in", ROWS[:10], "1.csv")
    with pytest.raises(UserError, match=r"other spans of .* than the newest"):
        run(tmp_path / "in", tmp_path / "out", path="{SPAN}.csv", spans={"first_span": 1, "last_span": 1})


def test_a_split_without_rows_has_an_empty_shard(tmp_path: Path) -> None:
    split = {"by": "time", "column": "day", "eval_from": "2030-01-01", "test_from": "2031-01-01"}
    report = run(table(tmp_path / "in"), tmp_path / "out", split=split)
    assert report.rows == {"train": 300, "eval": 0, "test": 0}
    assert examples(tmp_path / "out", "test") == []
    assert len(list((tmp_path / "out" / "Split-test").iterdir())) == 1
    assert_hashes_lie_beside(tmp_path / "out")


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_blocks_of_a_large_file_become_shards_in_its_order(format_: str, tmp_path: Path) -> None:
    count = 3_000  # of a kilobyte each: a block is a megabyte
    data = pa.table(
        {"id": range(count), "text": [f"{i:01000d}" for i in range(count)], "label": ["a", "b"] * (count // 2)}
    )
    (tmp_path / "in").mkdir()
    if format_ == "csv":
        pc.write_csv(data, tmp_path / "in" / "t.csv")
    else:
        pq.write_table(data, tmp_path / "in" / "t.csv", row_group_size=350)
    run(tmp_path / "in", tmp_path / "out", format=format_, block_mb=1)
    shards = sorted(path.name for path in (tmp_path / "out" / "Split-train").iterdir())
    assert len(shards) >= 3
    assert shards == [f"data_tfrecord-{i:05d}-of-{len(shards):05d}.gz" for i in range(len(shards))]
    assert_hashes_lie_beside(tmp_path / "out")
    train = [row["id"][0] for row in examples(tmp_path / "out", "train")]
    assert train == sorted(train), "the order of the file"
    assert all_ids(tmp_path / "out") == list(range(count))


def test_the_splits_do_not_depend_on_the_runner_or_the_size_of_a_block(tmp_path: Path) -> None:
    count = 4_000
    data = pa.table({"id": range(count), "text": [f"{i % 9:0700d}" for i in range(count)], "label": ["a", "b"] * 2_000})
    (tmp_path / "in").mkdir()
    pc.write_csv(data, tmp_path / "in" / "t.csv")
    split = {"by": "hash", "train": 2, "eval": 1, "test": 1, "stratify": True}
    run(tmp_path / "in", tmp_path / "once", split=split, block_mb=1)
    run(tmp_path / "in", tmp_path / "again", split=split, runner=BUNDLES)
    assert_hashes_lie_beside(tmp_path / "again")
    assert ids(tmp_path / "once") == ids(tmp_path / "again")
    assert len(list((tmp_path / "once" / "Split-train").iterdir())) > 1


BAD = [*ROWS[:40], "40,k,1", *ROWS[41:200], "200,k,abc,2020-01-01,yes", *ROWS[201:]]
NUMBER = {"x": ColumnUse("number")}


def test_the_names_of_folders_are_columns_that_can_split(tmp_path: Path) -> None:
    for fold, rows in enumerate((ROWS[:200], ROWS[200:250], ROWS[250:])):
        (tmp_path / f"t/year={2019 + fold}").mkdir(parents=True)
        table(tmp_path / f"t/year={2019 + fold}", rows)
    split = {"by": "column", "column": "year", "train": ["2019"], "eval": ["2020"], "test": ["2021"]}
    for number, types in enumerate((None, {"id": "int64", "year": "int64"})):
        out = tmp_path / f"out{number}"
        report = run(tmp_path, out, inputs={"all": "t"}, types=types, required=(), path="t", split=split)
        assert report.types["year"] == "int64"
        assert ids(out) == {"train": list(range(200)), "eval": list(range(200, 250)), "test": list(range(250, 300))}
        assert {row["year"][0] for row in examples(out, "eval")} == {2020}


def test_fail_names_file_line_and_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        run(table(tmp_path / "in", BAD), tmp_path / "out", uses=NUMBER)
    assert "t.csv, line 42: " in str(caught.value)
    assert "5" in str(caught.value)
    assert "on_bad_row" in str(caught.value.hint)
    assert not list((tmp_path / "out").glob("Split-*")), "no half-made examples"
    assert not list((tmp_path / "out").glob(".ingest*"))


def test_skip_counts_and_goes_on(tmp_path: Path) -> None:
    report = run(table(tmp_path / "in", BAD), tmp_path / "out", uses=NUMBER, on_bad_row="skip")
    assert all_ids(tmp_path / "out") == [i for i in range(300) if i not in (40, 200)]
    assert [(row.place, row.file.rpartition("/")[2]) for row in report.bad_rows] == [(42, "t.csv"), (202, "t.csv")]
    assert "abc" in report.bad_rows[1].reason
    assert report.bad == 2
    assert not (tmp_path / "out" / "quarantine").exists()


def test_quarantine_keeps_the_rows_beside_the_splits(tmp_path: Path) -> None:
    run(table(tmp_path / "in", BAD), tmp_path / "out", uses=NUMBER, on_bad_row="quarantine")
    [file] = (tmp_path / "out" / "quarantine").iterdir()
    kept = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(row["place"], row["row"]) for row in kept] == [(42, "40,k,1"), (202, "200,k,abc,2020-01-01,yes")]


def test_too_many_bad_rows_fail(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"2 of 300 rows are bad \(0.67%\).*max_bad_fraction allows 0.50%.*line 42"):
        run(table(tmp_path / "in", BAD), tmp_path / "out", uses=NUMBER, on_bad_row="skip", max_bad_fraction=0.005)
    assert not list((tmp_path / "out").glob("Split-*"))


def test_a_column_that_the_configuration_names_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'y' is not in the table"):
        run(table(tmp_path / "in"), tmp_path / "out", uses={"y": ColumnUse("number")})


def test_what_a_worker_has_to_say_to_a_person_arrives_whole(tmp_path: Path) -> None:
    error = UserError(field=("data", "csv", "encoding"), expected="text", received=["a", 1], hint="write it again")
    finish.keep_failure(str(tmp_path), error)
    arrived = finish.first_failure(str(tmp_path))
    assert arrived is not None
    assert vars(arrived) == vars(error)

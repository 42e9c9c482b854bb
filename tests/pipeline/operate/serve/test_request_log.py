"""What of the requests is kept, in which files, and for how long."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from components.artifacts.golden import ContractInput, GoldenContract
from components.artifacts.pushed_version import CONTRACT
from components.smoke_test.bench.requests import encode, strings
from pipeline.config.serving import RequestLogConfig
from pipeline.operate.serve.calls import Asked
from pipeline.operate.serve.raw_inputs import InputsByVersion, RawInputs
from pipeline.operate.serve.request_log import RequestLog
from preprocessing.features import argument_names
from preprocessing.missing import MissingWords

pytestmark = pytest.mark.slow  # imports TensorFlow

READS = RawInputs({"price": "price", "country_1f2e": "the country"}, MissingWords(columns={"the country": ("NA",)}))
SIGNATURE = SignatureDef()
for name in ("price", "country_1f2e"):
    SIGNATURE.inputs[name].dtype = 7
OUTPUTS = {
    "label": strings(["late", "on time"]),
    "classes": np.array([[b"on time", b"late"]] * 2, object),
    "probabilities": np.array([[0.25, 0.75], [0.5, 0.5]], np.float32),
}


class Counted:
    def __init__(self) -> None:
        self.kept, self.lost = 0, list[tuple[int, str]]()
        self.left_out, self.unpruned = list[tuple[int, str]](), list[str]()

    def keep(self, rows: int) -> None:
        self.kept += rows

    def lose(self, rows: int, reason: str) -> None:
        self.lost.append((rows, reason))

    def leave_out(self, rows: int, reason: str) -> None:
        self.left_out.append((rows, reason))


def log_in(
    folder: Path, counted: Counted | None = None, reads: Callable[..., RawInputs] = lambda *_: READS, **settings: Any
) -> RequestLog:
    told = counted or Counted()
    return RequestLog(
        folder, RequestLogConfig(**settings), reads,
        kept=told.keep, lost=told.lose, left_out=told.leave_out, unpruned=told.unpruned.append, seed=1,
    )  # fmt: skip


def asked(version: int = 7, signature: str = "serve_features", **inputs: Any) -> Asked:
    inputs = inputs or {"price": np.array([1.5, np.nan], np.float32), "country_1f2e": strings(["é", b""])}
    return Asked(b"", 2, version, signature, inputs, OUTPUTS, {"serve_features": SIGNATURE})


def rows(folder: Path) -> list[dict[str, Any]]:
    return parquet.read_table(folder).to_pylist()


def test_a_request_by_columns_is_kept_under_the_tables_names(tmp_path: Path):
    log = log_in(tmp_path / "log")
    log.add(asked())
    assert list((tmp_path / "log").iterdir()) == []
    log.flush()
    first, second = rows(tmp_path / "log")
    first.pop("prediction_time")
    assert first == {
        "price": 1.5,
        "the country": "é",
        "prediction_label": "late",
        "prediction_probability_on time": 0.25,
        "prediction_probability_late": 0.75,
        "prediction_version": 7,
    }
    assert (second["price"], second["the country"]) == (None, None)


def test_serialized_examples_are_taken_apart(tmp_path: Path):
    examples = [encode({"price": np.array([2.5], np.float32), "other": strings(["x"])}), b""]
    log = log_in(tmp_path)
    log.add(asked(examples=strings(examples)))
    log.flush()
    assert [(row["price"], row["the country"]) for row in rows(tmp_path)] == [(2.5, None), (None, None)]


def test_lists_are_kept_as_lists(tmp_path: Path):
    signature = SignatureDef()
    signature.inputs["tags"].tensor_shape.dim.add(size=-1)
    signature.inputs["tags"].tensor_shape.dim.add(size=-1)
    words = MissingWords(columns={"the tags": ("NA",)})
    log = log_in(tmp_path, reads=lambda *_: RawInputs({"tags": "the tags"}, words))
    padded = np.stack([strings(["a", "", "é"]), strings(["NA", "", ""])])
    examples = [encode({"the tags": strings(["a", "b"])}), b""]
    for inputs in ({"tags": padded}, {"examples": strings(examples)}):
        log.add(Asked(b"", 2, 7, "serve_features", inputs, OUTPUTS, {"serve_features": signature}))
    log.flush()
    assert [row["the tags"] for row in rows(tmp_path)] == [["a", "é"], None, ["a", "b"], None]


def test_transformed_rows_are_left_out(tmp_path: Path):
    counted = Counted()
    log = log_in(tmp_path, counted)
    log.add(asked(signature="predict_transformed", price_xf=np.zeros(2, np.float32)))
    log.add(asked(signature="transform_features", examples=strings([b"", b""])))
    log.flush()
    assert list(tmp_path.iterdir()) == []
    assert counted.left_out == []


def test_rows_whose_columns_nobody_knows_are_counted_and_the_reason_is_told(tmp_path: Path):
    counted = Counted()
    log = log_in(tmp_path, counted)
    log.add(asked(other=np.zeros(2, np.float32)))
    log.add(asked(examples=strings([b"\xff", b""])))
    log.flush()
    assert list(tmp_path.iterdir()) == []
    assert [rows for rows, _ in counted.left_out] == [2, 2]
    assert "input other" in counted.left_out[0][1]
    assert "can't be read" in counted.left_out[1][1]


def test_words_that_mean_missing_are_null(tmp_path: Path):
    log = log_in(tmp_path)
    log.add(asked(country_1f2e=strings([" NA ", "DE"]), price=np.zeros(2, np.float32)))
    log.add(asked(examples=strings([encode({"the country": strings([word])}) for word in ("NA", "DE")])))
    log.flush()
    assert [row["the country"] for row in rows(tmp_path)] == [None, "DE"] * 2


def test_the_columns_are_those_of_the_version_and_not_of_todays_configuration(tmp_path: Path):
    words = MissingWords(table=("?",))
    found = InputsByVersion(str(tmp_path / "serving"), {"price": "price", "new": "new"}, words).of
    # The configuration has lost a column, `country`, that version 7 still reads.
    seven = SignatureDef()
    for name in ("price", "country"):
        seven.inputs[name].dtype = 7
    assert found(7, {"serve_features": seven}) == RawInputs({"price": "price", "country": "country"}, words)
    # Nobody knows the column behind a name that was made up for one that a signature can't have.
    made_up = argument_names(["the country"])["the country"]
    seven.inputs[made_up].dtype = 7
    assert set(found(8, {"serve_features": seven}).columns) == {"price", "country"}
    contract = tmp_path / "serving/9" / CONTRACT.version
    contract.parent.mkdir(parents=True)
    inputs = {"the country": ContractInput(argument=made_up, dtype="string")}
    contract.write_text(
        GoldenContract(
            task="regression", classes=None, row_key="key", label="y", inputs=inputs,
            missing_words={"the country": ("NA",)},
        ).model_dump_json(),
        encoding="utf-8",
    )  # fmt: skip
    assert found(9, {"serve_features": seven}) == RawInputs(
        {made_up: "the country"}, MissingWords(columns={"the country": ("NA",)})
    )


def test_a_file_is_written_when_it_is_full_and_when_the_version_changes(tmp_path: Path):
    counted = Counted()
    log = log_in(tmp_path, counted, rows_per_file=4)
    for version in (7, 7, 7, 8):
        log.add(asked(version))
    assert counted.kept == 6
    log.flush()
    files = sorted(tmp_path.iterdir())
    assert [parquet.read_table(file)["prediction_version"].to_pylist() for file in files] == [[7] * 4, [7] * 2, [8] * 2]
    assert all(file.name.startswith("requests-") and file.suffix == ".parquet" for file in files)


def test_what_is_young_waits(tmp_path: Path):
    log = log_in(tmp_path)
    log.add(asked())
    log.flush(older=3600)
    assert list(tmp_path.iterdir()) == []


def test_a_share_is_drawn(tmp_path: Path):
    log = log_in(tmp_path, sample=0.2)
    for _ in range(500):
        log.add(asked())
    log.flush()
    # 100 requests are expected, give or take 4 standard deviations of 9.
    assert 64 <= len(rows(tmp_path)) // 2 <= 136


def test_the_oldest_files_go_and_half_written_ones_of_the_dead(tmp_path: Path):
    log = log_in(tmp_path, max_mb=1)
    old, older = tmp_path / "requests-20200102T000000000000Z-1-aa.parquet", tmp_path / "requests-2019-1-aa.parquet"
    for file in (old, older):
        file.write_bytes(bytes(600_000))
    dead, alive = tmp_path / ".requests-a.parquet.part", tmp_path / ".requests-b.parquet.part"
    dead.touch()
    alive.touch()
    os.utime(dead, (0, 0))
    mine = tmp_path / "table.parquet"
    mine.write_bytes(bytes(2_000_000))
    log.add(asked())
    log.flush()
    assert old.exists()
    assert not older.exists()
    assert not dead.exists()
    assert alive.exists()
    assert mine.exists()


def test_rows_that_can_not_be_written_are_told_and_nothing_is_left(tmp_path: Path):
    counted = Counted()
    log = log_in(tmp_path / "log", counted)
    (tmp_path / "log").rmdir()
    (tmp_path / "log").write_text("a file", encoding="utf-8")
    log.add(asked())
    log.flush()
    assert counted.kept == 0
    [(lost, reason)] = counted.lost
    assert lost == 2
    assert reason


def test_written_rows_are_not_lost_when_an_old_file_can_not_be_removed(tmp_path: Path):
    counted = Counted()
    log = log_in(tmp_path, counted, max_mb=1)
    old = tmp_path / "requests-2019-1-aa.parquet"
    old.mkdir()
    (old / "a").write_bytes(b"")
    (tmp_path / "requests-2020-1-aa.parquet").write_bytes(bytes(2_000_000))
    log.add(asked())
    log.flush()
    assert (counted.kept, counted.lost) == (2, [])
    assert len(counted.unpruned) == 1


def test_a_feature_keeps_its_name_where_an_answer_is_called_the_same(tmp_path: Path):
    log = log_in(tmp_path, reads=lambda *_: RawInputs({"v": "prediction_version"}, MissingWords()))
    log.add(asked(v=np.array([1.0, 2.0], np.float32)))
    log.flush()
    assert [row["prediction_version"] for row in rows(tmp_path)] == [1.0, 2.0]

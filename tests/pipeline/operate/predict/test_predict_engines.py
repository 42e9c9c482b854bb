"""The same rows here and on Beam, as one file and as shards, and nothing of a prediction that was killed."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.served import configured, species

from components.progress import LOGGER
from pipeline.operate.predict import prediction
from pipeline.operate.predict.prediction import Predicted, predict
from pipeline.operate.predict.request import Request, checked
from preprocessing.errors import UserError

ISLANDS = ("Biscoe", "Dream", "Torgersen")
ROWS = 6_000
BEAM = ("engine=beam",)
WORKERS = (
    "beam_args=[--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner,"
    "--direct_running_mode=multi_processing,--direct_num_workers=2]"
)


def row(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "bill length": 30 + number % 300 / 10,
        "mass": 3000 + number % 2000,
        "island": ISLANDS[number % 3],
        "year": 2007 + number % 3,
    }


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files with a large one among them: 2.4 MB, so that it is three blocks of 1 MB. A row of each is bad."""
    folder = tmp_path_factory.mktemp("rows")
    lines = [",".join([*map(str, row(number).values()), "x" * 360]) for number in range(ROWS)]
    header = ",".join([*row(0), "note"])
    lines[9] = "9,long,3009,Biscoe,2007,x"
    (folder / "a.csv").write_text("\n".join([header, *lines[:10]]) + "\n")
    lines[4_000] = "4000,1"
    (folder / "b.csv").write_text("\n".join([header, *lines[10:]]) + "\n")
    return folder


def predicted(config: Path, rows: Path, output: Path, *overrides: str, **wishes: Any) -> Predicted:
    loaded = configured(config, "data.block_mb=1", *overrides)
    return predict(loaded, checked(loaded, Request(str(rows), None, str(output), keep="id,mass", **wishes)))


def good() -> list[int]:
    return [number for number in range(ROWS) if number not in (9, 4_000)]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["parquet", "csv", "jsonl"])
def test_beam_gives_the_same_rows_in_the_same_order(config: Path, rows: Path, tmp_path: Path, target: str):
    here = predicted(config, rows, tmp_path / f"here.{target}")
    beam = predicted(config, rows, tmp_path / f"beam.{target}", *BEAM)
    assert (here.engine, beam.engine) == ("auto", "beam")
    assert (here.rows, here.bad_rows) == (beam.rows, beam.bad_rows) == (ROWS - 2, 2)
    if target == "parquet":
        tables = [pq.read_table(tmp_path / f"{side}.parquet") for side in ("here", "beam")]
        assert tables[0].equals(tables[1])
        assert tables[0]["id"].to_pylist() == [str(number) for number in good()]
        sample = good()[::97]
        chosen = {int(each["id"]): each["predicted_species"] for each in tables[0].to_pylist()}
        assert [chosen[number] for number in sample] == species([row(number) for number in sample])
    else:
        assert (tmp_path / f"here.{target}").read_bytes() == (tmp_path / f"beam.{target}").read_bytes()
    bad = [Path(each.bad_rows_file).read_text() for each in (here, beam)]
    assert bad[0] == bad[1]
    assert [json.loads(line)["place"] for line in bad[0].splitlines()] == [11, 3_992]


@pytest.mark.slow
def test_a_folder_gets_shards_that_are_the_file_together(
    config: Path, rows: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO, LOGGER):
        predicted(config, rows, tmp_path / "one.parquet")
    # Megabytes, because they are known before the rows are: of them the time that is left follows.
    [last] = [each for each in caplog.records if each.name == LOGGER][-1:]
    assert last.component == "Predict"
    assert last.getMessage().endswith(f"2 MB   {ROWS - 1:,} rows")  # the ragged one is not among them
    for side, overrides in (("here", ()), ("beam", BEAM)):
        result = predicted(config, rows, tmp_path / side, *overrides)
        names = sorted(each.name for each in (tmp_path / side).iterdir())
        assert len(result.files) > 2
        assert names == ["_bad_rows.jsonl", *(Path(each).name for each in result.files)]
        assert names[1] == f"part-00000-of-{len(result.files):05d}.parquet"
        # A folder of Parquet is a data set to Arrow, pandas and Spark: what begins with _ is passed over.
        assert pq.read_table(tmp_path / side).equals(pq.read_table(tmp_path / "one.parquet"))
    before = {each: (tmp_path / "here" / each).read_bytes() for each in names}
    with pytest.raises(UserError, match="is there already"):
        predicted(config, rows, tmp_path / "here")
    predicted(config, rows, tmp_path / "here", overwrite=True, format="parquet")
    assert {each: (tmp_path / "here" / each).read_bytes() for each in names} == before


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("LOCKGATE_SOAK"), reason="each worker imports TensorFlow: a minute or two")
def test_beams_workers_may_be_processes(config: Path, rows: Path, tmp_path: Path):
    result = predicted(config, rows, tmp_path / "out.parquet", *BEAM, WORKERS)
    assert result.engine == "beam"
    assert pq.read_table(tmp_path / "out.parquet")["id"].to_pylist() == [str(number) for number in good()]


def test_a_mistake_in_a_later_file_is_told_in_one_line_by_beam_too(config: Path, tmp_path: Path):
    folder = tmp_path / "rows"
    folder.mkdir()
    for name, code in (("a", pa.array([1])), ("b", pa.array(["x"]))):
        columns = {"bill length": [40.0], "mass": [4000], "island": ["Dream"], "year": [2007], "code": code}
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    for overrides in ((), BEAM):
        loaded = configured(config, *overrides)
        asked = checked(loaded, Request(str(folder), None, str(tmp_path / "out.parquet")))
        with pytest.raises(UserError, match=r"b\.parquet: the column 'code' has values of the type string") as caught:
            predict(loaded, asked)
        assert "leave it out with --keep" in str(caught.value)
        assert [each.name for each in tmp_path.iterdir()] == ["rows"]  # nothing half-written


def test_what_was_interrupted_leaves_nothing_and_what_was_killed_is_removed_by_the_next(
    config: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "out.csv").write_text("before")

    def stopped(*_: object) -> None:
        assert any(tmp_path.glob(".out.csv.predicting-*/all.csv"))  # all of it is written, and nothing is in place
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(prediction, "place_shards", stopped)
        with pytest.raises(KeyboardInterrupt):
            predicted(config, rows, tmp_path / "out.csv", overwrite=True)
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "before"
    left = tmp_path / ".out.csv.predicting-x"
    left.mkdir()
    (left / "lock").touch()
    (left / "all.csv").write_text("half")
    predicted(config, rows / "a.csv", tmp_path / "out.csv", overwrite=True)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.csv", "out.csv.bad_rows.jsonl"]

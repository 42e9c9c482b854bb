"""Requests beside training data: the data gate's distances and limits, also where nothing is wrong."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from support.gated import orders, statistics_of
from tensorflow_metadata.proto.v0 import schema_pb2

from components.artifacts.golden import ContractInput, GoldenContract
from components.artifacts.pushed_version import CONTRACT, STATISTICS
from components.data_gate.columns import Columns
from components.data_gate.comparisons import Pair, compare
from components.data_gate.summary import from_statistics
from components.data_gate.tables import serving_sample
from pipeline.cli import main
from pipeline.config.loader import load
from pipeline.operate.monitor import comparing
from pipeline.operate.monitor.comparing import PREDICTION, UNSEEN, Line, Monitored, monitor
from pipeline.operate.monitor.learned import Learned, Predictions
from pipeline.operate.monitor.table import text
from preprocessing.errors import UserError

pytestmark = pytest.mark.slow  # imports TFDV
CONFIG = """\
name: orders
data: {path: orders.csv}
features:
  label: {column: late, task: binary, classes: ["0", "1"]}
  numeric:
    - columns: [price, count]
  categorical:
    - columns: [country]
evaluate:
  thresholds:
    - {metric: auc, min: 0.5}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with a version that a cluster pushed: it brings its statistics along."""
    folder = tmp_path_factory.mktemp("orders")
    version = folder / "output/serving/1764000000"
    statistics = version / STATISTICS.version
    statistics.parent.mkdir(parents=True)
    statistics.write_bytes(statistics_of(orders(1200, 1)).SerializeToString())
    (version / "saved_model.pb").write_bytes(b"")
    (folder / "pipeline.yaml").write_text(CONFIG, encoding="utf-8")
    return folder / "pipeline.yaml"


def kept(folder: Path, *frames: pd.DataFrame) -> str:
    for number, frame in enumerate(frames):
        frame.drop(columns="late").to_parquet(folder / f"requests-{number}.parquet")
    return str(folder)


def by_column(found: Monitored, measure: str = "") -> dict[str, Line]:
    return {line.column: line for line in found.lines if measure in line.measure}


def test_requests_like_the_training_data_are_within_every_limit(config: Path, tmp_path: Path):
    found = monitor(load(config), kept(tmp_path, orders(300, 5), orders(300, 6)))
    assert (found.version, found.rows, found.training_rows, found.exceeded) == ("1764000000", 600, 1200, False)
    assert {line.state for line in found.lines} == {"within"}
    assert {line.column for line in found.lines} == {"price", "count", "country"}
    assert len(found.lines) == 6, "missing values and distribution of each"


def test_distances_are_those_that_the_gate_finds(config: Path, tmp_path: Path):
    moved = orders(600, 5)
    moved["price"] *= 100
    moved["country"] = ["be"] * 600
    place = kept(tmp_path, moved)
    loaded = load(config)
    found = monitor(loaded, place)
    assert found.exceeded
    schema = schema_pb2.Schema()
    for name, kind in {"price": "FLOAT", "count": "INT", "country": "BYTES"}.items():
        schema.feature.add(name=name, type=schema_pb2.FeatureType.Value(kind))
    train = from_statistics(statistics_of(orders(1200, 1)))
    sample = serving_sample(place, schema, loaded.config.data.missing("csv"), 1000).summary
    gate = loaded.config.data_gate
    pair = Pair("serving_skew", train, "train", sample, None, "")
    blocking = {
        finding.feature: finding.received.partition(":")[0]
        for finding in compare(pair, gate.serving, Columns.of(loaded.config.features), gate.chance)
    }
    beyond = {line.column: f"{line.distance:.3g}" for line in found.lines if line.state == "beyond"}
    assert beyond == blocking
    assert beyond.keys() == {"price", "country"}
    # Half of the rows were from "de" and a fifth from "be", of which now all are.
    country = by_column(found, "shares")["country"]
    shares = orders(1200, 1)["country"].value_counts(normalize=True)
    assert country.distance == pytest.approx(1 - shares["be"])


def test_missing_values_new_categories_and_an_absent_column(config: Path, tmp_path: Path):
    frame = orders(1000, 5).drop(columns="count")
    frame.loc[:399, "price"] = np.nan
    frame.loc[900:, "country"] = "nl"
    found = monitor(load(config), kept(tmp_path, frame))
    assert by_column(found, "missing")["price"].distance == pytest.approx(0.4)
    unseen = by_column(found, UNSEEN)["country"]
    assert (unseen.distance, unseen.limit, unseen.state) == (pytest.approx(0.1), 0.05, "beyond")
    assert "nl" in unseen.detail
    absent = by_column(found, "the column")["count"]
    assert (absent.distance, absent.state, absent.detail) == (None, "beyond", "no such column")


def test_of_a_long_log_the_newest_rows_count_and_that_is_said(config: Path, tmp_path: Path):
    place = kept(tmp_path, orders(300, 5).assign(price=1.0), orders(300, 6))
    found = monitor(load(config, ["data_gate.serving.max_rows=300"]), place)
    assert (found.rows, found.cut, found.exceeded) == (300, True, False)
    assert "the newest 300 rows of requests" in text(found, io.StringIO())


def test_the_columns_are_those_of_the_served_version(config: Path, tmp_path: Path):
    contract = config.parent / "output/serving/1764000000" / CONTRACT.version
    inputs = {name: ContractInput(argument=name, dtype="string") for name in ("price", "country")}
    promised = GoldenContract(task="regression", classes=None, row_key="k", label="late", inputs=inputs)
    contract.write_text(promised.model_dump_json(), encoding="utf-8")
    try:
        # `count` is an input of today's configuration, and `country` is not one any more.
        loaded = load(config, ["features.categorical=[]"])
        found = monitor(loaded, kept(tmp_path, orders(300, 5).drop(columns="count").assign(country="be")))
    finally:
        contract.unlink()
    assert {line.column for line in found.lines} == {"price", "country"}
    assert by_column(found, "shares")["country"].state == "beyond"


def test_few_rows_are_told_from_a_real_difference(config: Path, tmp_path: Path):
    found = monitor(load(config), kept(tmp_path, orders(2, 5).assign(country="be")))
    line = by_column(found, "shares")["country"]
    assert line.distance is not None
    assert line.distance > line.limit
    assert line.state == "chance"
    assert not found.exceeded


def test_limits_are_those_of_the_configuration(config: Path, tmp_path: Path):
    moved = orders(600, 5)
    moved["price"] *= 100
    place = kept(tmp_path, moved)
    warned = monitor(load(config, ["data_gate.serving.severity=warn"]), place)
    assert by_column(warned, "distribution")["price"].state == "warned"
    assert not warned.exceeded
    raised = monitor(load(config, ["data_gate.serving.features.price.limit=1.0"]), place)
    assert by_column(raised, "distribution")["price"].state == "within"


def test_answers_of_the_served_version_are_compared_with_those_for_the_test_split():
    import pyarrow as pa

    contract = GoldenContract(
        task="binary",
        classes=("no", "yes"),
        decision_threshold=0.25,
        row_key="k",
        label="late",
        inputs={"price": ContractInput(argument="price", dtype="float32")},
    )
    positive = np.linspace(0, 1, 1000, dtype=np.float32)
    predictions = Predictions(contract, np.stack([1 - positive, positive], axis=1))
    assert predictions.labels().count("yes") == 750
    # Of version 8, of which all say yes, nothing counts.
    table = pa.table(
        {
            "prediction_label": ["yes"] * 750 + ["no"] * 250 + ["yes"] * 500,
            "prediction_probability_yes": [float(each) for each in positive] + [1.0] * 500,
            "prediction_version": [7] * 1000 + [8] * 500,
        }
    )
    from_training = Learned("7", "run", from_statistics(statistics_of(orders(30, 1))), predictions)
    gate = load_gate()
    same = {line.column: line for line in comparing._answers(from_training, table, gate)}
    assert same.keys() == {PREDICTION, f"{PREDICTION}: probability of yes"}
    assert {line.state for line in same.values()} == {"within"}
    other = {
        line.column: line
        for line in comparing._answers(Learned("8", "", from_training.train, predictions), table, gate)
    }
    assert other[PREDICTION].distance == pytest.approx(0.25)
    assert {line.state for line in other.values()} == {"beyond"}


def load_gate() -> Any:
    from components.data_gate.config import DataGateConfig

    return DataGateConfig()


def test_the_command_prints_a_table_and_ends_with_3_beyond_a_limit(config: Path, tmp_path: Path):
    runner = CliRunner()
    sound = runner.invoke(main, ["monitor", str(config), "--requests", kept(tmp_path, orders(400, 5))])
    assert sound.exit_code == 0, sound.output
    assert "version 1764000000" in sound.stdout
    assert "0 of 6 comparisons beyond the limit" in sound.stdout
    moved = tmp_path / "moved"
    moved.mkdir()
    place = kept(moved, orders(400, 5).assign(price=1.0))
    beyond = runner.invoke(
        main, ["monitor", str(config), "--set", f"serving.request_log.folder={json.dumps(place)}", "--json"]
    )
    assert beyond.exit_code == 3
    content = json.loads(beyond.stdout)
    assert content["exceeded"] is True
    assert content["lines"][0]["column"] == "price"
    assert content["lines"][0]["state"] == "beyond"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere", "no such file"),
        ("empty", r"has no \.parquet file"),
        ("pipeline.yaml", r"expected a \.csv, \.parquet or \.tfrecord file"),
    ],
)
def test_requests_that_are_none(config: Path, place: str, message: str):
    (config.parent / "empty").mkdir(exist_ok=True)
    with pytest.raises(UserError, match=message) as caught:
        monitor(load(config), str(config.parent / place))
    assert "data_gate" not in str(caught.value)
    assert caught.value.hint


def test_a_version_of_an_unknown_run_is_told(config: Path, tmp_path: Path):
    (tmp_path / "serving/5").mkdir(parents=True)
    (tmp_path / "serving/5/saved_model.pb").write_bytes(b"")
    with pytest.raises(UserError, match="the statistics that version 5 learned from are not there"):
        monitor(load(config, [f"push.directory={tmp_path}/serving"]), "requests")
    with pytest.raises(UserError, match="no version of orders was pushed"):
        monitor(load(config, [f"push.directory={tmp_path}/nothing"]), "requests")


def test_the_command_says_when_no_requests_are_named(config: Path):
    ended = CliRunner().invoke(main, ["monitor", str(config)])
    assert ended.exit_code == 1
    assert "no requests were named" in ended.stderr

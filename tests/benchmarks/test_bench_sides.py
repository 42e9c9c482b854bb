"""The sides of the comparison: Lockgate's configuration has the stock pipeline's model, and what runs say is read."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from benchmarks.stock.features import HIDDEN_UNITS
from benchmarks.whole import measuring, sides
from benchmarks.whole.measuring import FEW_STEPS, MANY_STEPS, Bench
from benchmarks.whole.results import Key
from benchmarks.whole.sides import NotPushedError, all_cached, lockgate_components, serving_values, stock_components
from benchmarks.whole.tables import Table, flights_table, wide_table

from pipeline.config.loader import load


@pytest.mark.parametrize("table", [flights_table(15_000), wide_table()], ids=lambda table: table.name)
@pytest.mark.parametrize("engine", ["auto", "beam"])
def test_lockgates_configuration_is_of_the_stock_model(tmp_path: Path, table: Table, engine: str):
    path = sides.write_config(table, tmp_path / "data", tmp_path / "root", engine)
    loaded = load(path, ())
    config = loaded.config
    assert config.engine == engine
    assert loaded.root() == tmp_path / "root"
    [scaled, cut] = config.features.numeric
    [named] = config.features.categorical
    columns = table.columns
    assert [tuple(each.columns) for each in (scaled, cut, named)] == [
        columns.dense, columns.buckets, columns.vocabularies,
    ]  # fmt: skip
    assert (scaled.scale, cut.quantile_buckets, named.top_k, named.oov_buckets) == (
        "z_score", 10, columns.vocabulary_size, 10,
    )  # fmt: skip
    assert tuple(config.model.params.hidden) == HIDDEN_UNITS
    assert config.model.params.embedding_dim == columns.embedding
    assert (config.train.steps_per_epoch, config.train.epochs, config.train.batch_size) == (table.steps, 1, table.batch)


def test_stock_gets_the_same_steps_and_batch(tmp_path: Path):
    command = sides.stock(flights_table(300_000), tmp_path / "data", tmp_path / "root")
    assert {"--steps=3000", "--batch=40", "--table=flights", f"--data={tmp_path / 'data'}"} < set(command)


def store(root: Path, *executions: tuple[int, str, int, int]) -> None:
    """A metadata store with the two tables that are read: state, type, begin and end in milliseconds."""
    with closing(sqlite3.connect(root / "metadata.db")) as database:
        database.execute("CREATE TABLE Type (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute(
            "CREATE TABLE Execution (id INTEGER PRIMARY KEY, type_id INTEGER, last_known_state INTEGER, "
            "create_time_since_epoch INTEGER, last_update_time_since_epoch INTEGER)"
        )
        for state, kind, began, ended in executions:
            identity = database.execute("INSERT INTO Type (name) VALUES (?)", (kind,)).lastrowid
            values = (identity, state, began, ended)
            database.execute("INSERT INTO Execution VALUES (NULL, ?, ?, ?, ?)", values)
        database.commit()


def test_stock_components_are_the_newest_complete_executions(tmp_path: Path):
    store(
        tmp_path,
        (3, "tfx.components.trainer.component.Trainer", 1000, 8000),
        (3, "tfx.components.pusher.component.Pusher", 9000, 9040),
        (3, "tfx.components.trainer.component.Trainer", 20_000, 22_500),
        (5, "tfx.components.pusher.component.Pusher", 30_000, 39_000),
    )
    with pytest.raises(NotPushedError, match="did not bless"):
        stock_components(tmp_path)
    (tmp_path / "serving" / "1").mkdir(parents=True)
    assert stock_components(tmp_path) == {"Trainer": 2.5, "Pusher": 0.04}


CACHED = {"Baseline": "done", "Champion": "done", "Trainer": "cached", "Pusher": "done"}


def finished(root: Path, name: str, **result: object) -> None:
    folder = root / "runs" / name
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result))


def test_lockgates_components_are_those_of_the_newest_run(tmp_path: Path):
    finished(tmp_path, "b", state="pushed", seconds={"Trainer": 4.0}, states={"Trainer": "done"})
    finished(tmp_path, "a", state="pushed", seconds={"Trainer": 0.004}, states=CACHED)
    assert lockgate_components(tmp_path) == {"Trainer": 0.0}
    assert all_cached(tmp_path)
    finished(tmp_path, "c", state="refused", gates=[{"name": "Evaluator"}], seconds={}, states={"Trainer": "done"})
    assert not all_cached(tmp_path)
    with pytest.raises(NotPushedError, match=r"refused: .*Evaluator"):
        lockgate_components(tmp_path)


def test_a_root_of_other_code_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A champion, or a model to serve, that an earlier version of the code made would be measured as this one's."""
    bench, key, table = Bench(tmp_path), Key("15,000", "champion", "auto"), flights_table(15_000)
    root = bench.root(key.table, key.side)
    made = []

    def first(_: Bench, key: Key, table: Table) -> None:
        assert table.name == key.table
        made.append(key.side)
        root.mkdir(parents=True, exist_ok=True)
        root.with_suffix(".code").write_text(measuring.code_hash())

    monkeypatch.setattr(Bench, "_first", first)
    assert [bench._after_first(key, table) for _ in range(2)] == [root, root]
    assert made == ["auto"]
    monkeypatch.setattr(measuring, "code_hash", lambda: "other")
    bench._after_first(key, table)
    assert made == ["auto", "auto"]


def test_what_serving_took_is_read():
    measured = {
        "operations": {"ours": 900, "theirs": 800},
        "batch 1": {"p50 ms": {"ours": 0.5, "theirs": 0.4}, "ours / theirs, wall": 1.3},
        "batch 1024": {"rows/s": {"ours": 500.0, "theirs": 400.0}, "ours / theirs, wall": 0.8},
    }
    assert serving_values(measured) == {
        "p50_ms": 0.5, "stock_p50_ms": 0.4, "p50_ratio": 1.3,
        "rows_per_s": 500, "stock_rows_per_s": 400, "rows_ratio": 1.25,
    }  # fmt: skip


def test_the_training_loop_is_what_lies_between_two_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Starting takes 9 seconds, a step 2 milliseconds."""
    asked = []

    def trainer_seconds(_: Bench, table: Table, root: Path, side: str) -> float:
        assert root.name == "training-auto"
        asked.append((table.steps, table.batch, side))
        return 9 + 0.002 * table.steps

    monkeypatch.setattr(Bench, "_trainer_seconds", trainer_seconds)
    values, _ = Bench(tmp_path).measure(Key("", "training", "auto", "256", turn=2), None)
    assert values["steps_per_s"] == 500
    assert asked == [(FEW_STEPS, 256, "auto"), (MANY_STEPS, 256, "auto")]

"""What a rehearsal says beside what TFX's launcher then does, on a graph whose components do nothing."""

import shutil
import sqlite3

import pytest
from support.toy_graph import graph

from pipeline.runners import local
from pipeline.runners.launching import STOPS, UNCACHED
from pipeline.runners.rehearsal import copied_store, rehearse
from pipeline.selection import Selection
from pipeline.store.place import StorePlace
from preprocessing.errors import UserError

pytestmark = pytest.mark.slow


@pytest.fixture
def both(tmp_path):
    """Rehearses a run in the root and then makes it. What ran, when the rehearsal said exactly that."""

    def run(selection=None, **settings):
        asked = selection or Selection()
        before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()}
        with copied_store(StorePlace(tmp_path)) as store:
            rehearsed = rehearse(graph(tmp_path, **settings), store, asked)
        assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*") if file.is_file()} == before
        number = sum(1 for _ in tmp_path.glob("run-*"))
        (tmp_path / f"run-{number}").mkdir()
        results = local.run(
            graph(tmp_path, **settings),
            f"run-{number}",
            asked,
            lambda _: None,
            seed=1,
            uncached=UNCACHED,
            stops=STOPS,
        )
        states = {each.name: each.state for each in results}
        said = {each.name: "done" if each.state == "runs" else each.state for each in rehearsed}
        if settings.get("blessed") == 0 and states["DataGate"] == "done":
            # The one thing that nobody knows before: what a gate that runs will say.
            assert {said.pop(name) for name in ("Transform", "Trainer", "Pusher")} == {"done"}
            assert {states.pop(name) for name in ("Transform", "Trainer", "Pusher")} == {"skipped"}
        assert said == states
        return {name for name, state in states.items() if state == "done"} - {"Baseline"}

    return run


ALL = {"ExampleGen", "StatisticsGen", "ExampleValidator", "DataGate", "Transform", "Trainer", "Pusher"}


def test_a_rehearsal_says_what_the_run_then_does(both, tmp_path):
    assert both() == ALL
    # Something was pushed, which the statistics are compared with now.
    assert both() == {"DataGate", "Pusher"}
    assert both() == {"Pusher"}
    assert both(Selection(first="Trainer")) == {"Trainer", "Pusher"}
    assert both(Selection(last="Transform", use_cache=False)) == ALL - {"Trainer", "Pusher"}
    # The rows that were made anew are others, as far as a cache can know.
    assert both() == {"Trainer", "Pusher"}
    assert both(content="other") == ALL
    # Back: everything is from the cache but what depends on the last push.
    assert both() == {"DataGate", "Pusher"}
    shutil.rmtree(next((tmp_path / "Transform").glob("transformed_examples/*")).parent)
    # And the last push was of these rows again.
    assert both() == {"DataGate", "Transform", "Trainer", "Pusher"}


def test_a_refusal_from_the_cache_keeps_the_rest_from_running(both):
    assert both(blessed=0, kind="previous_span") == {"ExampleGen", "StatisticsGen", "ExampleValidator", "DataGate"}
    assert both(blessed=0, kind="previous_span") == set()
    assert both(Selection(first="Trainer"), blessed=0, kind="previous_span") == set()
    assert both(span=1, kind="previous_span") == ALL
    assert both(span=2, kind="previous_span") == ALL
    assert both(span=2, kind="previous_span") == {"Pusher"}


def test_a_killed_run_leaves_a_journal_that_the_copy_rolls_back(both, tmp_path):
    both()
    store = tmp_path / "metadata.sqlite"
    writer = sqlite3.connect(store)
    writer.execute("PRAGMA cache_size = 1")  # what is not committed is in the file already
    writer.execute("BEGIN")
    writer.execute("DELETE FROM Execution")
    writer.executemany("INSERT INTO Execution (id, type_id) VALUES (?, 1)", [(each,) for each in range(1000, 9000)])
    killed = tmp_path / "killed"
    killed.mkdir()
    for file in (store, tmp_path / "metadata.sqlite-journal"):
        shutil.copyfile(file, killed / file.name)
    writer.rollback()
    with copied_store(StorePlace(killed)) as copy:
        found = sqlite3.connect(copy).execute("SELECT COUNT(*), MAX(id) FROM Execution").fetchone()
    assert found == sqlite3.connect(store).execute("SELECT COUNT(*), MAX(id) FROM Execution").fetchone()
    store.write_text("no store")
    with pytest.raises(UserError, match="not a metadata store"), copied_store(StorePlace(tmp_path)):
        pass


def test_a_store_that_is_written_to_is_not_copied_half(tmp_path, monkeypatch):
    (tmp_path / "metadata.sqlite").touch()
    (tmp_path / "metadata.sqlite-journal").touch()

    def locked(*_, **__):
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error

    monkeypatch.setattr(sqlite3, "connect", locked)
    with pytest.raises(UserError, match="another process is writing to it"), copied_store(StorePlace(tmp_path)):
        pass


def test_what_is_still_in_a_log_of_the_store_is_in_the_copy(tmp_path, monkeypatch):
    file = tmp_path / "metadata.sqlite"
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("CREATE TABLE T (x)")
    writer.commit()
    connect = sqlite3.connect

    def in_a_folder_that_may_not_be_written(place, **options):
        if options.get("uri"):
            raise sqlite3.OperationalError("unable to open database file")
        return connect(place, **options)

    monkeypatch.setattr(sqlite3, "connect", in_a_folder_that_may_not_be_written)
    with copied_store(StorePlace(tmp_path)) as copy:
        assert connect(copy).execute("SELECT COUNT(*) FROM T").fetchone() == (0,)
    writer.close()  # with it goes the log
    with pytest.raises(UserError, match="unable to open"), copied_store(StorePlace(tmp_path)):
        pass

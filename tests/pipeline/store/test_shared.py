"""Several pipelines in one database: none sees, takes or removes what another one has there."""

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2
from support.mariadb import MariaDb
from support.stored_runs import StoredRuns
from support.toy_graph import graph

from pipeline.config.metadata import MysqlStore
from pipeline.operate.clean_up import Rule, clean_up
from pipeline.operate.inside import Inside
from pipeline.operate.recorded import lost, model_of, record
from pipeline.operate.removal import remove
from pipeline.operate.stored import connection, pipelines, stored_pipeline
from pipeline.results.executions import Executions
from pipeline.results.operations import Operation
from pipeline.results.store import stored_run
from pipeline.runners import launching, local
from pipeline.runners.rehearsal import copied_store, rehearse
from pipeline.selection import Selection
from pipeline.store import database
from pipeline.store.claiming import claim
from pipeline.store.opened import of_file, opened
from pipeline.store.place import PLACE_FILE, StorePlace, place_of
from preprocessing.errors import UserError

RUN = "20260101T000000Z"
TOLD = Selection()


def new_place(root: Path, mysql: MysqlStore) -> StorePlace:
    """The store of a root that a first run would make."""
    root.mkdir(parents=True, exist_ok=True)
    return StorePlace(root, mysql, f"identity of {root}")


def claimed(root: Path, mysql: MysqlStore, name: str = "toy") -> StorePlace:
    claim(new_place(root, mysql), name)
    return place_of(root)


def run(place: StorePlace, name: str, run_id: str, **settings: Any) -> dict[str, str]:
    """Runs the toy; the state of each node."""
    results = local.run(
        graph(place.root, name=name, **settings),
        run_id,
        TOLD,
        lambda _: None,
        seed=1,
        uncached=launching.UNCACHED,
        stops=launching.STOPS,
        store=place,
    )
    return {each.name: each.state for each in results}


def of_a_machine(root: Path, mysql: MysqlStore, name: str, said: Any) -> None:
    """What one process does: claims, and runs twice."""
    place = new_place(root, mysql)
    claim(place, name)
    said.put((name, [run(place, name, RUN), run(place, name, f"{RUN}-1")]))


def test_first_runs_of_several_machines_at_once(server: MariaDb, tmp_path: Path) -> None:
    mysql, names = server.database(), ("one", "two", "three")
    forking = multiprocessing.get_context("fork")
    said = forking.SimpleQueue()
    started = [forking.Process(target=of_a_machine, args=(tmp_path / each, mysql, each, said)) for each in names]
    for each in started:
        each.start()
    for each in started:
        each.join(120)
    assert [each.exitcode for each in started] == [0, 0, 0]
    ended = dict(said.get() for _ in names)
    for first, second in ended.values():
        # Equal inputs, and yet nothing from the cache of another pipeline.
        assert set(first.values()) == {"done"}
        assert {name for name, state in second.items() if state == "cached"} == {
            *("ExampleGen", "StatisticsGen", "ExampleValidator", "Transform", "Trainer")
        }
    known = server.execute("SELECT name, type_kind, COUNT(*) FROM Type GROUP BY 1, 2", database=mysql.database)
    assert {count for _, _, count in known} == {1}
    for each in names:
        # All three runs have one name, as of runs that began in the same second.
        place = place_of(tmp_path / each)
        executions = Executions(opened(place), place)
        uris = [uri for found in executions.of_run(RUN).values() for uri in found.uris.values()]
        assert uris
        assert all(uri.startswith(str(tmp_path / each / "")) for uri in uris)
        assert executions.pipelines() == [each]
        outputs = [out for node in stored_run(tmp_path / each, RUN).values() for out in node.outputs.values()]
        assert all(artifact.uri.startswith(f"{tmp_path / each}/") for listed in outputs for artifact in listed)


def test_all_types_are_made_before_the_first_node_by_one_process_at_a_time(
    server: MariaDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = claimed(tmp_path / "root", server.database())
    assert place.mysql is not None
    seen: list[list[tuple[Any, ...]]] = []

    def look(_: object) -> None:
        seen.append(server.execute("SELECT id, name FROM Type ORDER BY id", database=place.mysql.database))

    local.run(graph(place.root), RUN, TOLD, look, seed=1, store=place)
    assert len(seen[0]) > 20
    assert seen[0] == seen[-1]
    monkeypatch.setattr(database, "_SECONDS_ALONE", 0)
    with database.alone(place.mysql):
        with pytest.raises(UserError, match="another run has been making tables"):
            local.run(graph(place.root), f"{RUN}-1", TOLD, look, seed=1, store=place)
        with pytest.raises(UserError, match="another run has been making tables"):
            claim(place, "toy")


def test_one_name_means_one_root(server: MariaDb, tmp_path: Path) -> None:
    mysql = server.database()
    claimed(tmp_path / "ours", mysql)
    with pytest.raises(UserError, match=rf"has a pipeline 'toy' already, of .*{tmp_path}/ours"):
        claimed(tmp_path / "theirs", mysql)
    assert not (tmp_path / "theirs" / PLACE_FILE).exists()
    claimed(tmp_path / "ours", mysql)
    claimed(tmp_path / "theirs", mysql, "other")
    assert sorted(pipelines(opened(tmp_path / "ours"))) == ["other", "toy"]
    # The root was removed, and its next run is at the same place.
    (tmp_path / "ours" / PLACE_FILE).unlink()
    claim(StorePlace(tmp_path / "ours", mysql, "new identity"), "toy")
    # It has moved since then.
    (tmp_path / "ours").rename(tmp_path / "moved")
    claim(StorePlace(tmp_path / "moved", mysql, "new identity", ("toy",)), "toy")


def test_a_database_that_has_lost_the_pipeline_is_no_new_beginning(server: MariaDb, tmp_path: Path) -> None:
    place = claimed(tmp_path / "root", server.database())
    with pytest.raises(UserError, match="has no pipeline 'toy', although runs of this root are recorded there"):
        claim(StorePlace(place.root, server.database(), place.identity, place.pipelines), "toy")


def test_a_rehearsal_foresees_a_run_and_writes_nothing(server: MariaDb, tmp_path: Path) -> None:
    mysql = server.database()
    place, other = claimed(tmp_path / "root", mysql), claimed(tmp_path / "other", mysql, "other")
    run(other, "other", RUN)
    run(place, "toy", RUN)
    run(place, "toy", f"{RUN}-1")
    before = server.content(mysql)
    with copied_store(place) as copy:
        known = of_file(copy)
        theirs = opened(place)
        ours = {each.id for each in stored_pipeline(theirs, "toy").artifacts.values()}
        copies = {each.id: each for each in known.get_artifacts()}
        assert set(copies) == ours
        # With numbers, times and properties: the keys of the cache are made of them.
        assert theirs.get_artifacts_by_id(sorted(ours)) == [copies[each] for each in sorted(ours)]
        [pipeline] = known.get_contexts_by_type("pipeline")
        assert pipeline.name == "toy"
        for ask in ("get_artifacts_by_context", "get_executions_by_context", "get_children_contexts_by_context"):
            copied, stored = (getattr(each, ask)(pipeline.id) for each in (known, theirs))
            assert copied, ask
            assert sorted(each.id for each in copied) == sorted(each.id for each in stored)
        assert stored_pipeline(known, "toy") == stored_pipeline(theirs, "toy")
        foreseen = {each.name: each for each in rehearse(graph(place.root), copy, TOLD)}
    assert server.content(mysql) == before
    states = run(place, "toy", f"{RUN}-2")
    assert {name for name, each in foreseen.items() if each.state == "cached"} == {
        name for name, state in states.items() if state == "cached"
    }
    assert len([state for state in states.values() if state == "cached"]) == 6


def test_nothing_is_copied_where_nothing_is_known(server: MariaDb, tmp_path: Path) -> None:
    mysql = server.database()
    with copied_store(new_place(tmp_path / "root", mysql)) as copy:
        assert not copy.exists()
    claimed(tmp_path / "other", mysql, "other")
    with copied_store(new_place(tmp_path / "root", mysql)) as copy:
        assert not copy.exists()


def test_texts_are_copied_as_they_were_written(server: MariaDb, tmp_path: Path) -> None:
    place = claimed(tmp_path / "root", server.database(charset="latin1"))
    runs = StoredRuns(place.root)
    hard = "C:\\data ä→😀 'x' " + "y" * 5000
    [number] = runs.node(RUN, "Trainer", (), {"model": "Model"}, properties={"text": hard})
    with copied_store(place) as copy:
        [copied] = of_file(copy).get_artifacts_by_id([number])
    assert copied.custom_properties["text"].string_value == hard
    assert [copied] == opened(place).get_artifacts_by_id([number])


def test_a_clean_up_of_one_root_leaves_the_other_alone(server: MariaDb, tmp_path: Path) -> None:
    mysql = server.database()
    made: dict[str, tuple[StoredRuns, list[int]]] = {}
    for name in ("toy", "other"):
        runs = StoredRuns(claimed(tmp_path / name, mysql, name).root, name)
        numbers = []
        for each in (RUN, "20260102T000000Z"):
            runs.run(each, state="refused")
            numbers += runs.node(each, "ExampleGen", (), {"examples": "Examples"})
        made[name] = runs, numbers
    ours, numbers = made["toy"]
    root = ours.root
    store = connection(root, writes=True)
    stored = stored_pipeline(store, "toy")
    assert set(stored.artifacts) == set(numbers)
    found = clean_up(Inside(root), stored, Rule(1, 1, None, records=True), [], "/nowhere", idle=True)
    assert [each.number for each in found.going] == numbers[:1]
    remove(Inside(root), store, stored, found)
    assert [ours.state(each) for each in numbers] == ["DELETED", "LIVE"]
    theirs, others = made["other"]
    assert [theirs.state(each) for each in others] == ["LIVE", "LIVE"]
    assert all(theirs.folder(each).is_dir() for each in others)
    assert sorted(each.name for each in (theirs.root / "runs").iterdir()) == [RUN, "20260102T000000Z"]


def test_pushes_to_an_equal_path_on_another_machine_are_not_ours(server: MariaDb, tmp_path: Path) -> None:
    mysql = server.database()
    version = tmp_path / "serving/1"
    version.mkdir(parents=True)
    numbers = {}
    for name in ("toy", "other"):
        runs = StoredRuns(claimed(tmp_path / name, mysql, name).root, name)
        [numbers[name]] = runs.node(RUN, "Trainer", (), {"model": "Model"})
    push = Operation(
        id=RUN,
        kind="push",
        state="done",
        by="somebody",
        pipeline="other",
        run=RUN,
        serving=str(version.parent),
        model=numbers["other"],
        version=str(version),
    )
    record(tmp_path / "other", push)
    assert model_of(tmp_path / "other", str(version)) == numbers["other"]
    assert model_of(tmp_path / "toy", str(version)) is None
    [gone] = lost(tmp_path / "toy", str(version), "none")
    assert "the Model artifact" in gone


def test_a_run_goes_on_when_the_server_is_restarted_in_it(server: MariaDb, tmp_path: Path) -> None:
    place = claimed(tmp_path / "root", server.database())

    def restarts(node: local.NodeResult) -> None:
        if (node.name, node.state) in (("StatisticsGen", "running"), ("Trainer", "done")):
            server.kill()
            server.start()

    results = local.run(graph(place.root), RUN, TOLD, restarts, seed=1, store=place)
    assert {each.state for each in results} == {"done"}
    executions = Executions(opened(place), place).of_run(RUN)
    assert {each.state for each in executions.values()} == {"done"}
    assert {len(each.outputs.get("model", ())) for each in executions.values() if each.node == "Trainer"} == {1}


def test_a_rerun_goes_on_where_the_server_stayed_away(
    server: MariaDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.store import opened as opening

    monkeypatch.setattr(opening, "_gave_up", {})
    place = claimed(tmp_path / "root", server.database(patience=0))

    def breaks(node: local.NodeResult) -> None:
        if (node.name, node.state) == ("Transform", "running"):
            server.kill()

    try:
        with pytest.raises(UserError, match="Connection refused"):
            local.run(graph(place.root), RUN, TOLD, breaks, seed=1, store=place)
    finally:
        server.start()
    states = run(place, "toy", f"{RUN}-1")
    assert {states[name] for name in ("ExampleGen", "StatisticsGen", "ExampleValidator")} == {"cached"}
    assert {states[name] for name in ("Transform", "Trainer", "Pusher")} == {"done"}
    kinds = metadata_store_pb2.Execution.State
    known = opened(place).get_executions()
    assert kinds.Name(known[-1].last_known_state) == "COMPLETE"

"""The order of the measurements, and going on after a benchmark was killed."""

import getpass
import socket
from pathlib import Path

import pytest
from benchmarks.bench_samples import MACHINE
from benchmarks.whole import plan, results
from benchmarks.whole.measuring import Bench, Measured
from benchmarks.whole.plan import carry_out
from benchmarks.whole.results import FILE, Key, Results, ResultsError, code_hash, opened
from benchmarks.whole.sides import SIDES
from benchmarks.whole.tables import Table, flights_table, wide_table

SMALL = flights_table(15_000)


class Counting(Bench):
    """Measures nothing: each measurement takes as many seconds as were made before, until it is killed."""

    def __init__(self, work: Path, killed_at: int | None = None) -> None:
        super().__init__(work)
        self.made: list[Key] = []
        self._killed_at = killed_at
        (work / "table.csv").write_text("a,b,c\n1,2,3\n")

    def measure(self, key: Key, table: Table | None) -> Measured:
        assert table is not None
        if len(self.made) == self._killed_at:
            raise KeyboardInterrupt
        self.made.append(key)
        return {"wall_s": float(len(self.made))}, {"Trainer": 1.0}

    def data(self, table: Table) -> Path:
        assert table.columns
        return self._work


def keys(turns: int = 2) -> list[Key]:
    return list(plan.plan([SMALL], ["first"], turns, SIDES))


def quiet(_: str) -> None:
    pass


def test_sides_take_turns():
    assert [(each.side, each.turn) for each in keys()] == [
        ("stock", 0), ("auto", 0), ("beam", 0), ("beam", 1), ("auto", 1), ("stock", 1),
    ]  # fmt: skip


def test_runs_with_a_champion_follow_the_first_runs_of_their_turn():
    planned = plan.plan([SMALL], plan.WHAT, 2, SIDES)
    found = [f"{each.turn} {each.what} {each.side}" for each in planned if each.table == "15,000"]
    assert found == [
        "0 first stock", "0 first auto", "0 first beam", "0 champion auto", "0 cached auto",
        "1 first beam", "1 first auto", "1 first stock", "1 champion auto", "1 cached auto",
    ]  # fmt: skip


def test_large_tables_have_first_runs_alone():
    large = list(plan.plan([flights_table(3_000_000)], ["first", "champion", "cached"], 1, SIDES))
    assert [each.what for each in large] == ["first"] * 3


def test_one_side_alone():
    chosen = list(plan.plan([SMALL, wide_table()], plan.WHAT, 2, ["stock"]))
    assert {each.side for each in chosen} == {"stock"}
    assert {each.what for each in chosen} == {"first", "training"}  # serving compares two exports


def test_a_killed_benchmark_goes_on_where_it_stopped(tmp_path: Path):
    file = tmp_path / "results.json"
    first = Counting(tmp_path, killed_at=4)
    with pytest.raises(KeyboardInterrupt):
        carry_out(keys(), {"15,000": SMALL}, Results(MACHINE), file, first, quiet)
    left = Results.read(file)
    assert [each.key for each in left.measurements] == keys()[:4]
    assert left.tables["15,000"] == {
        "kind": "flights", "rows": 15_000, "columns": 3, "bytes": 12, "steps": 1000, "batch": 40,
    }  # fmt: skip

    second = Counting(tmp_path)
    carry_out(keys(), {"15,000": SMALL}, left, file, second, quiet)
    assert second.made == keys()[4:]
    whole = Results.read(file)
    assert [each.key for each in whole.measurements] == keys()
    assert [each.values["wall_s"] for each in whole.measurements] == [1, 2, 3, 4, 1, 2]
    assert {each.code for each in whole.measurements} == {code_hash()}


def test_measurements_of_other_code_are_made_again_for_their_table_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file, held = tmp_path / "results.json", Results(MACHINE)
    wide = list(plan.plan([wide_table()], ["first"], 1, SIDES))
    tables = {"15,000": SMALL, "wide": wide_table()}
    carry_out(keys(1) + wide, tables, held, file, Counting(tmp_path), quiet)
    monkeypatch.setattr(plan, "code_hash", lambda: "other")
    again = Counting(tmp_path)
    carry_out(keys(1), tables, held, file, again, quiet)
    assert again.made == keys(1)
    assert [each.key for each in held.measurements] == wide + keys(1)


def test_results_of_another_machine_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "results.json"
    Results(MACHINE).write(file)
    with pytest.raises(ResultsError, match=r"results.json: of another machine or other versions \(cpu"):
        opened(file)
    monkeypatch.setattr(results, "machine", lambda: MACHINE)
    assert opened(file).measurements == []


@pytest.mark.parametrize("file", [None, FILE], ids=["written here", "committed"])
def test_the_results_don_t_say_whose_machine_it_was(tmp_path: Path, file: Path | None):
    if file is None:
        file = tmp_path / "results.json"
        held = opened(file)
        carry_out(keys(1), {"15,000": SMALL}, held, file, Counting(tmp_path), quiet)
    elif not file.exists():
        pytest.skip("no results are committed yet")
    text = file.read_text()
    assert socket.gethostname() not in text
    assert f"/{getpass.getuser()}" not in text
    assert not any(folder in text for folder in ("/tmp", "/home", "/work", str(tmp_path)))  # noqa: S108


def test_the_code_is_the_source_that_is_measured(tmp_path: Path):
    for name in results.MEASURING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "run.py").write_text("1")
    before = code_hash(tmp_path)
    (tmp_path / "tests" / "benchmarks" / "whole" / "page.py").write_text("changed")
    assert code_hash(tmp_path) == before
    (tmp_path / "pipeline" / "run.py").write_text("2")
    assert code_hash(tmp_path) != before

"""Which version answers while versions come, go and fail."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.operate.serve import versions as module
from pipeline.operate.serve.errors import RefusalError
from pipeline.operate.serve.versions import NotLoadedError, Versions
from preprocessing.errors import UserError


class Model:
    signatures: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.closed = threading.Event()

    def ask(self, signature: str, inputs: Mapping[str, Any]) -> Any:
        assert not self.closed.is_set(), "asked after its end"
        return signature, inputs

    def close(self) -> None:
        assert not self.closed.is_set(), "closed twice"
        self.closed.set()


class Place:
    """A push destination, and who is told of it."""

    def __init__(self, *there: int, broken: tuple[int, ...] = ()) -> None:
        self.there, self.broken = list(there), set(broken)
        self.loaded: dict[int, Model] = {}
        self.told: list[str] = []

    def versions(self) -> list[int]:
        return sorted(self.there, reverse=True)

    def load(self, version: int) -> Model:
        self.told.append(f"load {version}")
        if version in self.broken:
            raise NotLoadedError("NotFound", "no variables\nin it")
        return self.loaded.setdefault(version, Model())

    def serves(self, version: int) -> None:
        self.told.append(f"serves {version}")

    def failed(self, version: int, error: NotLoadedError) -> None:
        self.told.append(f"failed {version}: {error.code}: {error}")

    def unreadable(self, error: OSError, *, again: bool) -> None:
        self.told.append(f"unreadable{' again' * again}: {error}")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def following(place: Place) -> Versions:
    versions = Versions("toy", place, place, 1.0)
    versions.start()
    return versions


def served(versions: Versions) -> int:
    with versions.use() as current:
        return current.version


def test_the_highest_number_is_served_and_a_higher_one_takes_its_place():
    place = Place(9, 10)
    versions = following(place)
    assert served(versions) == 10
    place.there.append(11)
    versions.look()
    versions.look()
    assert served(versions) == 11
    assert place.told == ["load 10", "serves 10", "load 11", "serves 11"]
    assert place.loaded[10].closed.is_set()


def test_an_old_version_ends_with_its_last_request():
    place = Place(1)
    versions = following(place)
    with versions.use() as first:
        with versions.use(1) as second:
            place.there.append(2)
            versions.look()
            assert served(versions) == 2
        assert not place.loaded[1].closed.is_set()
        assert first is second
        first.model.ask("still", {})
    assert place.loaded[1].closed.is_set()


def test_a_broken_version_is_told_once_and_the_old_one_stays(clock: list[float]):
    place = Place(1)
    versions = following(place)
    place.there.append(2)
    place.broken.add(2)
    versions.look()
    versions.look()
    assert served(versions) == 1
    assert place.told[2:] == ["load 2", "failed 2: NotFound: no variables in it"]
    clock[0] += 2
    versions.look()
    assert place.told[4:] == ["load 2"]
    status = {each.version: each for each in versions.statuses()}
    assert (status[2].state, status[2].code, status[2].message) == ("END", "NotFound", "no variables in it")
    assert status[1].state == "AVAILABLE"
    place.broken.clear()
    clock[0] += 4
    versions.look()
    assert served(versions) == 2


def test_a_rollback_is_a_higher_number_and_a_removed_version_gives_way():
    place = Place(1, 2)
    versions = following(place)
    place.there.append(3)
    versions.look()
    assert served(versions) == 3
    place.there.remove(3)
    versions.look()
    assert served(versions) == 2
    place.there.clear()
    versions.look()
    assert served(versions) == 2, "what is served goes on when nothing else is there"


def test_at_the_start_the_newest_version_that_loads_is_taken():
    place = Place(1, 2, broken=(2,))
    assert served(following(place)) == 1


def test_a_start_without_a_version_that_loads_says_why():
    with pytest.raises(UserError, match="no version of toy was pushed"):
        following(Place())
    with pytest.raises(UserError, match="no version of toy loads; 2: no variables in it"):
        following(Place(1, 2, broken=(1, 2)))


def test_another_version_than_the_served_one_is_not_found():
    versions = following(Place(1, 2))
    with (
        pytest.raises(RefusalError, match=r"Servable not found for request: Specific\(toy, 1\)") as caught,
        versions.use(1),
    ):
        pass
    assert caught.value.status == 404
    versions.close()
    with pytest.raises(RefusalError, match=r"Latest\(toy\)"), versions.use():
        pass


def test_no_request_meets_a_closed_model_while_versions_change():
    place = Place(1)
    versions = following(place)
    failures: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                with versions.use() as current:
                    current.model.ask("predict", {})
        except BaseException as failure:  # noqa: BLE001 - told to the test
            failures.append(failure)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    for version in range(2, 60):
        place.there.append(version)
        versions.look()
    done.set()
    for client in clients:
        client.join()
    assert failures == []
    assert [number for number, model in place.loaded.items() if not model.closed.is_set()] == [59]


def test_the_follower_goes_on_when_the_store_can_not_be_listed():
    place = Place(1)
    versions = following(place)
    stop = threading.Event()
    seen = iter([OSError("away"), OSError("away"), [1], OSError("away"), [2, 1]])

    def listed() -> list[int]:
        found = next(seen)
        if isinstance(found, OSError):
            raise found
        if found == [2, 1]:
            stop.set()
        return found

    place.versions = listed  # type: ignore[method-assign]
    versions._poll = 0.001
    versions.follow(stop)
    assert place.told[2:] == [
        *("unreadable: away", "unreadable again: away", "unreadable: away"),
        *("load 2", "serves 2"),
    ]


def test_the_status_keeps_the_newest_of_many_that_ended():
    place = Place(1)
    versions = following(place)
    for version in range(2, 50):
        place.there = [version]
        versions.look()
    numbers = [status.version for status in versions.statuses()]
    assert numbers == list(range(49, 28, -1))

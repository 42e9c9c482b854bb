"""A model that a rollback withdrew is not pushed again by the next run that makes it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.bucket import use_folder_as_storage
from support.pushed import model, provenance
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components.artifacts.pushed_version import SERVED_ALREADY, WITHDRAWN
from components.artifacts.version_manifest import GateVerdict, RollbackRecord
from components.pusher.executor import Executor, push_local
from components.pusher.manifest import completing, pushed_now
from components.pusher.remote import push_remote
from components.pusher.withdrawn import why_withdrawn

VERDICT = GateVerdict(name="SmokeTest", passed=True, reason="fine")


class Served:
    """A serving folder, and models by name."""

    def __init__(self, base: str, folder: Path) -> None:
        self.base, self._folder = base, folder
        self._into = push_remote if "://" in base else push_local

    def model(self, name: str) -> str:
        folder = self._folder / name
        return str(folder if folder.exists() else model(folder, name))

    def push(self, name: str, rollback: RollbackRecord | None = None, reason: str = "") -> str:
        how = pushed_now("rollback" if rollback else "push", reason=reason)
        complete = completing(provenance(), how, None, rollback=rollback)
        return self._into(self.model(name), self.base, {}, complete, again=True)[0].rpartition("/")[2]

    def roll_back(self, name: str, to: str, now: str, reason: str) -> str:
        record = RollbackRecord(rolled_back_from=now, bytes_of=to, smoke_test=VERDICT)
        return self.push(name, record, reason)

    def why(self, name: str) -> str:
        return why_withdrawn(self.model(name), self.base)


@pytest.fixture(params=["folder", "bucket"])
def served(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    return Served("gs://bucket/serving" if request.param == "bucket" else str(tmp_path / "serving"), tmp_path)


def test_names_the_rollback_and_its_reason_until_the_model_is_pushed_by_force(served: Served) -> None:
    good, bad = served.push("good"), served.push("bad")
    assert [served.why(name) for name in ("good", "bad", "new")] == ["", "", ""]

    back = served.roll_back("good", good, bad, "worse on Mondays")

    assert [served.why(name) for name in ("good", "new")] == ["", ""]
    assert served.why("bad").startswith(f"this model is version {bad}, byte for byte, from which ")
    assert served.why("bad").endswith(f" (version {back}): worse on Mondays")
    forced = served.push("bad", reason="it was the table")
    assert served.why("bad") == ""
    again = served.roll_back("good", good, forced, "worse on Tuesdays too")
    assert served.why("bad").endswith(f" (version {again}): worse on Tuesdays too")


def test_what_was_served_in_between_is_withdrawn_too_and_by_the_first_rollback(served: Served) -> None:
    first, _, third = (served.push(name) for name in ("first", "second", "third"))
    back = served.roll_back("first", first, third, "both are worse")
    fourth = served.push("fourth")
    served.roll_back("first", back, fourth, "this one as well")
    assert [served.why(name).rpartition(": ")[2] for name in ("first", "second", "third", "fourth")] == [
        "",
        "both are worse",
        "both are worse",
        "this one as well",
    ]


def test_a_rollback_to_a_later_version_withdraws_what_was_served_alone(served: Served) -> None:
    first, second = served.push("first"), served.push("second")
    back = served.roll_back("first", first, second, "worse")
    served.roll_back("second", second, back, "it was not the model")
    assert served.why("second") == ""
    assert served.why("first").endswith("it was not the model")


@pytest.fixture
def pusher(tmp_path: Path, served: Served) -> Callable[[str], standard_artifacts.PushedModel]:
    """The executor's own way, on a blessed model."""

    def do(name: str) -> standard_artifacts.PushedModel:
        made, blessing, pushed = (
            kind()
            for kind in (standard_artifacts.Model, standard_artifacts.ModelBlessing, standard_artifacts.PushedModel)
        )
        folder = tmp_path / f"artifact of {name}"
        if not folder.exists():
            model(folder / "Format-Serving", name)
        made.uri, pushed.uri = str(folder), str(tmp_path / "archive")
        blessing.set_int_custom_property("blessed", 1)
        filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=served.base)
        destination = proto_utils.proto_to_json(pusher_pb2.PushDestination(filesystem=filesystem))
        Executor().Do(
            {"model": [made], "model_blessing": [blessing]},
            {"pushed_model": [pushed]},
            {"push_destination": destination},
        )
        return pushed

    return do


def test_the_pusher_says_what_it_did_not_push(
    served: Served, pusher: Callable[[str], standard_artifacts.PushedModel]
) -> None:
    def done(name: str) -> tuple[int, int]:
        pushed = pusher(name)
        return pushed.get_int_custom_property("pushed"), pushed.get_int_custom_property(SERVED_ALREADY)

    good = served.push("good")
    assert done("good") == (1, 1)
    assert done("bad") == (1, 0)
    bad = pusher("bad").get_string_custom_property("pushed_version")
    served.roll_back("good", good, bad, "worse on Mondays")
    refused = pusher("bad")
    assert refused.get_int_custom_property("pushed") == 0
    assert refused.get_string_custom_property(WITHDRAWN).endswith("worse on Mondays")
    assert done("good") == (1, 1)
    assert done("new") == (1, 0)

"""A model that a rollback withdrew is not pushed again by the next run that makes it."""

import shutil
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
from components.pusher.withdrawn import why_withdrawn, withdrawn_models, withdrawn_with

VERDICT = GateVerdict(name="SmokeTest", passed=True, reason="fine")


class Served:
    """A serving folder, and models by name."""

    def __init__(self, base: str, folder: Path, *, told: bool) -> None:
        """`told`: each manifest tells what is withdrawn, as those of older Lockgates do not."""
        self.base, self._folder, self._told = base, folder, told
        self._into = push_remote if "://" in base else push_local

    def model(self, name: str) -> str:
        folder = self._folder / name
        return str(folder if folder.exists() else model(folder, name))

    def push(self, name: str, rollback: RollbackRecord | None = None, reason: str = "") -> str:
        how = pushed_now("rollback" if rollback else "push", reason=reason)
        withdrawn = withdrawn_with(self.base, how, rollback) if self._told else None
        complete = completing(provenance(), how, None, rollback=rollback, withdrawn=withdrawn)
        return self._into(self.model(name), self.base, {}, complete, again=True)[0].rpartition("/")[2]

    def roll_back(self, name: str, to: str, now: str, reason: str) -> str:
        record = RollbackRecord(rolled_back_from=now, bytes_of=to, smoke_test=VERDICT)
        return self.push(name, record, reason)

    def why(self, name: str) -> str:
        return why_withdrawn(self.model(name), withdrawn_models(self.base))

    def delete(self, *versions: str) -> None:
        """By hand."""
        for each in versions:
            shutil.rmtree(Path(self.base) / each)


@pytest.fixture(params=["folder", "bucket", "folder of older manifests"])
def served(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    base = "gs://bucket/serving" if request.param == "bucket" else str(tmp_path / "serving")
    return Served(base, tmp_path, told="older" not in request.param)


@pytest.fixture
def in_folder(tmp_path: Path) -> Served:
    return Served(str(tmp_path / "serving"), tmp_path, told=True)


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


def test_what_is_withdrawn_is_known_when_its_version_and_the_rollback_s_were_deleted(in_folder: Served) -> None:
    served = in_folder
    good, bad = served.push("good"), served.push("bad")
    back = served.roll_back("good", good, bad, "worse on Mondays")
    said = served.why("bad")
    assert said.startswith(f"this model is version {bad}, byte for byte, from which ")
    assert said.endswith(f" (version {back}): worse on Mondays")
    served.delete(bad)
    assert served.why("bad") == said
    newer = served.push("new")
    served.delete(good, back)
    assert [served.why(name) for name in ("bad", "good", "new")] == [said, "", ""]
    again = served.roll_back("good", back, newer, "that one too")
    assert served.why("bad") == said
    assert served.why("new").endswith(f" (version {again}): that one too")


def test_a_model_that_was_pushed_by_force_is_not_withdrawn_again_for_what_was_deleted(in_folder: Served) -> None:
    served = in_folder
    good, bad = served.push("good"), served.push("bad")
    served.roll_back("good", good, bad, "worse on Mondays")
    forced = served.push("bad", reason="it was the table")
    served.push("new")
    served.delete(bad, forced)
    assert served.why("bad") == ""


def test_a_version_of_an_older_lockgate_among_those_that_tell_changes_only_what_it_did(in_folder: Served) -> None:
    good, bad = in_folder.push("good"), in_folder.push("bad")
    in_folder.roll_back("good", good, bad, "worse on Mondays")
    older = Served(in_folder.base, Path(in_folder.model("good")).parent, told=False)
    third = older.push("third")
    in_folder.delete(bad)
    assert in_folder.why("bad").endswith("worse on Mondays")
    older.roll_back("good", good, third, "third is worse")
    assert [in_folder.why(name).rpartition(": ")[2] for name in ("bad", "third", "good")] == [
        "worse on Mondays",
        "third is worse",
        "",
    ]
    older.push("bad")
    assert in_folder.why("bad") == ""


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

"""What a pushed version tells of itself, and what becomes of a push that can't be signed or is killed."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from pydantic import ValidationError
from support.bucket import use_folder_as_storage
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts

from components.artifacts.version_manifest import MANIFEST, SIGNATURE, Provenance, VersionManifest, differences
from components.pusher.config import SigningConfig
from components.pusher.executor import Executor
from components.pusher.manifest import completing, pushed_now
from components.pusher.push import listed_files, push
from components.pusher.signing import why_not_verified
from preprocessing.errors import UserError

MakeModel = Callable[..., Path]


def do(model: Path, base: str, archive: Path, **properties: str) -> str:
    """Pushes by the executor; the version's folder."""
    artifact, pushed = standard_artifacts.Model(), standard_artifacts.PushedModel()
    artifact.uri, pushed.uri = str(model.parent), str(archive)
    destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=base))
    stated = {"push_destination": json_format.MessageToJson(destination, preserving_proto_field_name=True)}
    Executor().Do({"model": [artifact]}, {"pushed_model": [pushed]}, stated | properties)
    version: str = pushed.get_string_custom_property("pushed_destination")
    return version


def manifest(version: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((version / MANIFEST).read_text())
    return content


def told(_inputs: object, given: dict[str, Any], run: str) -> Provenance:
    """What a run says; found by its path."""
    return Provenance(pipeline=given["pipeline"], run=run, commit="c0ffee", metrics={"accuracy": 0.75})


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    return tmp_path / "storage"


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_lists_every_file_with_its_size_and_hash(
    tmp_path: Path, make_model: MakeModel, storage: Path, where: str
) -> None:
    model = make_model(assets=3)
    base = str(tmp_path / "serving") if where == "folder" else "gs://bucket/serving"
    version = Path(do(model, base, tmp_path / "archive").replace("gs:/", str(storage)))
    expected = {
        path.relative_to(model).as_posix(): {
            "size": len(path.read_bytes()),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in model.rglob("*")
        if path.is_file()
    }
    found = manifest(version)
    assert found["files"] == expected
    assert found["format"] == 1
    assert found["pushed"]["how"] == "run"
    assert found["pushed"]["by"].endswith(f"@{os.uname().nodename}")
    times = {path.name: path.stat().st_mtime_ns for path in version.rglob("*") if path.is_file()}
    if where == "bucket":
        assert max(times, key=lambda name: times[name]) == "saved_model.pb"
    # It is none of the model's own files: the same model is not pushed again because of it.
    assert do(model, base, tmp_path / "archive-2") == do(model, base, tmp_path / "archive-3")
    assert len(list(version.parent.iterdir())) == 1


@pytest.mark.parametrize("place", ["custom_config", "parameters"])
def test_holds_what_the_run_knows(tmp_path: Path, make_model: MakeModel, place: str) -> None:
    job = json.dumps({"function": f"{__name__}.told", "given": {"pipeline": "birds"}})
    sys.modules.setdefault(__name__, sys.modules[told.__module__])
    properties = {"custom_config": json.dumps({"provenance": job})} if place == "custom_config" else {"provenance": job}
    version = do(make_model(), str(tmp_path / "serving"), tmp_path / "archive", run="birds-7", **properties)
    made_from = manifest(Path(version))["made_from"]
    assert (made_from["pipeline"], made_from["run"], made_from["commit"]) == ("birds", "birds-7", "c0ffee")
    assert made_from["metrics"] == {"accuracy": 0.75}


def test_the_same_push_gives_the_same_content_but_for_moment_and_person(tmp_path: Path, make_model: MakeModel) -> None:
    model = make_model()
    versions = [Path(do(model, str(tmp_path / name), tmp_path / f"archive-{name}")) for name in ("a", "b")]
    one, other = (manifest(each) for each in versions)
    assert one["files"]
    assert {name: value for name, value in one.items() if name != "pushed"} == {
        name: value for name, value in other.items() if name != "pushed"
    }


def test_a_file_of_a_newer_form_is_refused(tmp_path: Path, make_model: MakeModel) -> None:
    content = manifest(Path(do(make_model(), str(tmp_path / "serving"), tmp_path / "archive")))
    assert VersionManifest.model_validate(content | {"another": 1}).files
    with pytest.raises(ValidationError, match="format"):
        VersionManifest.model_validate(content | {"format": 2})


def test_tells_a_changed_a_missing_and_an_added_file(tmp_path: Path, make_model: MakeModel) -> None:
    version = Path(do(make_model(), str(tmp_path / "serving"), tmp_path / "archive"))
    said = VersionManifest.model_validate(manifest(version))
    assert differences(said, listed_files(version)) == []
    weights = version / "variables/variables.data-00000-of-00001"
    weights.write_bytes(b"weighty")  # as many bytes
    (version / "assets/vocabulary-0").unlink()
    (version / "assets/more").write_bytes(b"x")
    (version / "saved_model.pb").write_bytes(b"")
    assert differences(said, listed_files(version)) == [
        "assets/vocabulary-0: missing",
        "assets/more: added after the push",
        "saved_model.pb: 0 bytes, expected 16",
        f"variables/variables.data-00000-of-00001: its content differs (sha256 "
        f"{hashlib.sha256(b'weighty').hexdigest()[:12]}, not {hashlib.sha256(b'weights').hexdigest()[:12]})",
    ]


def signing(*sign: str, verify: tuple[str, ...] = ("true", "{file}", "{signature}"), seconds: float = 30) -> str:
    return SigningConfig(sign=sign, verify=verify, timeout_seconds=seconds).to_json()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("sh", "-c", "echo no key >&2; exit 4", "{file}", "{signature}"), "sh: exit code 4: no key"),
        # What went wrong stands behind the warnings, as cosign writes them.
        (
            ("sh", "-c", "yes careful | head -500 >&2; echo no key >&2; exit 4", "{file}", "{signature}"),
            "careful no key",
        ),
        (("no-such-program", "{file}", "{signature}"), "no-such-program: no such program on this machine"),
        (("true", "{file}", "{signature}"), "true: it ended well, but wrote no signature"),
        (("sleep", "30", "{file}", "{signature}"), "sleep: "),
    ],
)
@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_without_a_signature_nothing_is_pushed(
    tmp_path: Path, make_model: MakeModel, storage: Path, where: str, command: tuple[str, ...], why: str
) -> None:
    base = str(tmp_path / "serving") if where == "folder" else "gs://bucket/serving"
    with pytest.raises(UserError, match="is not pushed") as caught:
        do(make_model(), base, tmp_path / "archive", signing=signing(*command, seconds=1))
    assert why in caught.value.message
    assert caught.value.field == ("push", "signing", "sign")
    folder = Path(base.replace("gs:/", str(storage)))
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_file_name_can_be_no_option_and_no_shell_reads_it(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "a folder; touch owned $(touch owned)"
    version = Path(
        do(make_model(), str(base), tmp_path / "archive", signing=signing("cp", "--", "{file}", "{signature}"))
    )
    assert (version / SIGNATURE).read_bytes() == (version / MANIFEST).read_bytes()
    assert not list(tmp_path.rglob("owned"))


@pytest.mark.parametrize(
    ("field", "command"), [("sign", ("gpg", "{file}")), ("verify", ("gpg", "{signature}")), ("verify", ("{file}",))]
)
def test_a_command_that_lacks_a_path_is_refused(field: str, command: tuple[str, ...]) -> None:
    commands = {"sign": ["a", "{file}", "{signature}"], "verify": ["a", "{file}", "{signature}"]} | {
        field: list(command)
    }
    with pytest.raises(ValidationError, match="no argument has"):
        SigningConfig.from_json(json.dumps(commands))


@pytest.fixture
def gpg_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A throwaway key in a home of its own; a socket of gpg's agent needs a short path."""
    import tempfile

    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    with tempfile.TemporaryDirectory(prefix="gpg-") as folder:
        monkeypatch.setenv("GNUPGHOME", folder)
        make = ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "push@example.com", "ed25519", "sign"]
        subprocess.run(make, check=True, capture_output=True)
        yield Path(folder)
        subprocess.run(["gpgconf", "--kill", "all"], check=True, capture_output=True)


def test_gpg_signs_and_finds_what_was_changed(tmp_path: Path, make_model: MakeModel, gpg_home: Path) -> None:
    config = SigningConfig(
        sign=("gpg", "--batch", "--yes", "--detach-sign", "--output", "{signature}", "{file}"),
        verify=("gpg", "--batch", "--verify", "{signature}", "{file}"),
    )
    assert gpg_home.is_dir()
    version = Path(do(make_model(), str(tmp_path / "serving"), tmp_path / "archive", signing=config.to_json()))
    files = version / MANIFEST, version / SIGNATURE
    assert why_not_verified(*files, config) == ""
    assert SIGNATURE not in manifest(version)["files"]
    text = files[0].read_text()
    files[0].write_text(text.replace('"run"', '"push"', 1))
    assert "BAD signature" in why_not_verified(*files, config)


PUSH_KILLED_WHILE_SIGNING = """
import sys
from pathlib import Path
from components.artifacts.version_manifest import Provenance
from components.pusher.config import SigningConfig
from components.pusher.manifest import completing, pushed_now
from components.pusher.push import push
config = SigningConfig.from_json(sys.argv[3])
push(Path(sys.argv[1]), Path(sys.argv[2]), {}, completing(Provenance(), pushed_now("push"), config))
"""


def test_a_push_that_is_killed_after_the_copy_leaves_no_version(tmp_path: Path, make_model: MakeModel) -> None:
    model, base = make_model(), tmp_path / "serving"
    kill = signing("sh", "-c", "kill -9 $PPID; sleep 10", "{file}", "{signature}")
    done = subprocess.run(
        [sys.executable, "-c", PUSH_KILLED_WHILE_SIGNING, str(model), str(base), kill],
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    [left] = base.iterdir()
    assert left.name.startswith(".pushing-")
    assert (left / "saved_model.pb").is_file()  # all of it was copied
    version, new = push(model, base, {}, completing(Provenance(), pushed_now("push"), None))
    assert new
    assert list(base.iterdir()) == [version]


def test_an_older_version_is_a_new_one_again_with_a_manifest_of_its_own(tmp_path: Path, make_model: MakeModel) -> None:
    base = tmp_path / "serving"
    complete = completing(Provenance(run="first"), pushed_now("run"), None)
    extra = tmp_path / "contract.json"
    extra.write_text("{}")
    old, _ = push(make_model(), base, {"assets.extra/champion/contract.json": extra}, complete)
    later = completing(Provenance(run="first"), pushed_now("rollback", reason="worse"), None)
    version, new = push(old, base, {}, later, again=True)
    assert new
    assert int(version.name) > int(old.name)
    assert manifest(version)["files"] == manifest(old)["files"]
    assert "assets.extra/champion/contract.json" in manifest(version)["files"]
    assert (manifest(old)["pushed"]["how"], manifest(version)["pushed"]["reason"]) == ("run", "worse")


def test_two_pushes_of_one_moment_into_a_bucket_do_not_mix(
    tmp_path: Path, make_model: MakeModel, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_model("one", b"one"), make_model("two", b"two")
    first = Path(do(one, "gs://bucket/serving", tmp_path / "archive").replace("gs:/", str(storage)))
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    # Both have looked before the other had written anything.
    monkeypatch.setattr("components.pusher.remote.next_version", lambda _: int(first.name))
    with pytest.raises(UserError, match="another push is writing this version"):
        do(two, "gs://bucket/serving", tmp_path / "archive-2")
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before

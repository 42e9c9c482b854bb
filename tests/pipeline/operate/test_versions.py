"""What is served, whether its bytes are those that were pushed, and which version a rollback goes back to."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.bucket import forbid_storage, use_folder_as_storage
from support.pushed import model, provenance, pushed

from components.artifacts.version_manifest import MANIFEST, SIGNATURE, GateVerdict, RollbackRecord
from components.pusher.config import SigningConfig
from components.pusher.manifest import completing, pushed_now
from components.pusher.push import push
from components.pusher.versions import standing, versions
from pipeline.cli import main
from pipeline.commands.versions import _working
from pipeline.operate.rollback import plan
from pipeline.operate.serving import Serving
from pipeline.operate.version_lines import version_lines
from pipeline.results.runs import sha256
from preprocessing.errors import UserError

COPY = SigningConfig(sign=("cp", "{file}", "{signature}"), verify=("cmp", "{file}", "{signature}"))
"""A signature that is a copy: cmp tells whether the manifest is another one."""


@pytest.fixture(params=["folder", "bucket"])
def serving(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """A serving folder with two versions by its name, and as the folder where its files are."""
    use_folder_as_storage(tmp_path / "storage", monkeypatch)
    bucket = request.param == "bucket"
    base = "gs://bucket/serving" if bucket else str(tmp_path / "serving")
    for number, content in enumerate(("one", "two"), start=1):
        pushed(model(tmp_path / content, content), base, provenance(f"2026110{number}T000000Z", number / 4), COPY)
    return base, tmp_path / "storage/bucket/serving" if bucket else tmp_path / "serving"


def asked(*arguments: str, code: int = 0) -> Any:
    done = CliRunner().invoke(main, ["versions", *arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def numbers(folder: Path) -> list[str]:
    return sorted((each.name for each in folder.iterdir()), key=int)


def test_says_what_is_served_from_which_run_and_who_pushed_it(serving: tuple[str, Path]) -> None:
    base, folder = serving
    old, new = numbers(folder)
    found = asked(base)
    assert (found["serving"], found["served"]) == (base, new)
    first, second = found["versions"]
    assert (first["version"], first["state"], first["run"]) == (new, "served", "20261102T000000Z")
    assert (second["version"], second["state"], second["run"]) == (old, "", "20261101T000000Z")
    assert first["metrics"] == {"accuracy": 0.5}
    assert (first["how"], first["commit"], first["forced"], first["rolled_back_from"]) == ("run", "c0ffee", [], "")
    assert [each["name"] for each in first["gates"]] == ["DataGate", "Evaluator", "SmokeTest"]
    assert first["differences"] is None
    text = CliRunner().invoke(main, ["versions", base]).stdout
    line = next(each for each in text.splitlines() if each.strip().startswith(new))
    assert re.search(r"served +20261102T000000Z +accuracy +0.5 +\S+Z run +\S+@\S+ +✓ DataGate ✓ Evaluator", line)
    assert "\x1b" not in text


@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_finds_a_byte_that_changed_and_a_missing_or_added_file(serving: tuple[str, Path], damage: str) -> None:
    base, folder = serving
    old = folder / numbers(folder)[0]
    assert [each["differences"] for each in asked(base, "--verify")["versions"]] == [[], []]
    file = old / "variables/variables.index"
    if damage == "changed":
        file.write_text("onf")
    elif damage == "missing":
        file.unlink()
    else:
        (old / "variables/more").write_text("")
    served, other = asked(base, "--verify", code=3)["versions"]
    assert served["differences"] == []
    [difference] = other["differences"]
    assert {"changed": "content differs", "missing": "missing", "added": "added"}[damage] in difference


def test_a_signature_shows_that_the_manifest_was_changed_too(serving: tuple[str, Path]) -> None:
    base, folder = serving
    old, new = numbers(folder)

    def differences() -> list[list[str]]:
        return [each["differences"] for each in version_lines(Serving(base, COPY), verify=True)]

    assert differences() == [[], []]
    manifest = folder / new / MANIFEST
    manifest.write_text(manifest.read_text().replace("c0ffee", "c0ffef"))
    (folder / old / SIGNATURE).unlink()
    [of_new], [of_old] = differences()
    assert of_new.startswith(f"{SIGNATURE}: not verified by cmp: exit code 1: ")
    assert of_old == f"{SIGNATURE}: missing, and push.signing is configured"
    # Without the commands nobody can tell, which is said where there is a signature.
    found = asked(base, "--verify")["versions"]
    assert [each["differences"] for each in found] == [[], []]
    assert [each["unchecked"].partition(":")[0] for each in found] == ["signature not checked", ""]
    text = CliRunner().invoke(main, ["versions", base, "--verify"]).stdout
    assert f"{new}: signature not checked: give the pipeline.yaml" in text
    assert [each["unchecked"] for each in version_lines(Serving(base, COPY), verify=True)] == ["", ""]


@pytest.mark.parametrize(
    ("content", "why"), [(None, "no manifest"), ("{", "can't be read"), ('{"format": 2}', "newer")]
)
def test_a_version_without_a_manifest_is_told_of_and_not_verified(
    tmp_path: Path, content: str | None, why: str
) -> None:
    version = model(tmp_path / "7", "by hand")
    if content is not None:
        (version / MANIFEST).parent.mkdir(parents=True)
        (version / MANIFEST).write_text(content)
    [found] = asked(str(tmp_path))["versions"]
    assert found["state"] == "served"
    assert why in found["problem"]
    assert asked(str(tmp_path), "--verify", code=3)["versions"][0]["differences"] == [found["problem"]]


def test_a_version_without_a_model_is_not_served(serving: tuple[str, Path]) -> None:
    base, folder = serving
    old, new = numbers(folder)
    (folder / new / "saved_model.pb").unlink()
    found = asked(base)
    assert found["served"] == old
    assert [each["state"] for each in found["versions"]] == ["unfinished", "served"]
    # Where a push is one rename, somebody has removed the file; in a bucket a push was killed.
    asked(base, "--verify", code=0 if "://" in base else 3)


def rolled_back(folder: Path, back_from: str, to: str) -> str:
    """A version as a rollback makes it."""
    passed = GateVerdict(name="SmokeTest", passed=True, reason="fine")
    record = RollbackRecord(rolled_back_from=back_from, bytes_of=to, smoke_test=passed)
    complete = completing(provenance(), pushed_now("rollback"), None, rollback=record)
    return push(folder / to, folder, {}, complete, again=True)[0].name


def test_one_rollback_after_the_other_goes_back_and_never_forward(tmp_path: Path) -> None:
    base = tmp_path / "serving"
    a, b, c = (Path(pushed(model(tmp_path / each, each), str(base), provenance())).name for each in "abc")
    place = Serving(str(base))
    assert plan(place, None).back_to.name == b
    first = rolled_back(base, c, b)
    assert plan(place, None).back_to.name == a
    second = rolled_back(base, first, a)
    with pytest.raises(UserError, match=f"no version before {second} has another model"):
        plan(place, None)
    # A run's push goes on from there: the newest before it, and not what was rolled back from.
    latest = Path(pushed(model(tmp_path / "d", "d"), str(base), provenance())).name
    assert plan(place, None).back_to.name == second
    assert [each.name for each in standing(versions(str(base)))] == [latest, second]


def test_what_a_command_that_pushes_leaves_in_the_temporary_folder_is_its_own(tmp_path: Path) -> None:
    before = tempfile.gettempdir()
    with _working(tmp_path, "push"):
        inside = Path(tempfile.gettempdir())
        assert [each.name.startswith(".made-by-") for each in inside.iterdir()] == [True]
    assert tempfile.gettempdir() == before
    assert not inside.exists()


def test_says_when_nothing_was_pushed_and_when_there_is_no_such_place(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["versions", str(tmp_path)])
    assert done.exit_code == 1
    assert "no run was made there" in done.stderr
    missing = CliRunner().invoke(main, ["versions", str(tmp_path / "missing")])
    assert missing.exit_code == 1
    assert "no such file or folder" in missing.stderr


def test_a_bucket_that_nobody_may_look_into_is_an_error_and_not_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_storage(monkeypatch)
    done = CliRunner().invoke(main, ["versions", "gs://bucket/serving"])
    assert done.exit_code == 1
    assert "gs://bucket/serving: can't be read: 403 storage.objects.get" in done.stderr
    assert "next: check the name, and sign in" in done.stderr


def test_lineage_of_a_version_folder_alone(serving: tuple[str, Path], tmp_path: Path) -> None:
    base, folder = serving
    new = numbers(folder)[1]
    place = f"{base}/{new}" if "://" in base else shutil.copytree(folder / new, tmp_path / "elsewhere/9")
    done = CliRunner().invoke(main, ["lineage", str(place)])
    assert done.exit_code == 0, done.output
    for expected in (
        "20261102T000000Z", "commit c0ffee", "Evaluator passed: fine", "train 60 rows", "span 3",
        "digest 00000000000000ff", "split:all,num_files:1", "accuracy 0.5", "by its run",
    ):  # fmt: skip
        assert expected in done.stdout, expected
    found = json.loads(CliRunner().invoke(main, ["lineage", str(place), "--json"]).stdout)
    assert found["made_from"]["data"]["files"][0]["rows"] == 100
    drawn = CliRunner().invoke(main, ["lineage", str(place), "--mermaid"]).stdout
    assert drawn.splitlines()[0] == "flowchart LR"
    assert "  data --> run" in drawn
    assert "  gate2 --> push0" in drawn
    assert all(line.count('"') in (0, 2) for line in drawn.splitlines())


def test_lineage_of_a_pushed_run_needs_no_tensorflow(tmp_path: Path) -> None:
    folder = tmp_path / "runs/20261101T000000Z"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("name: birds\n")
    made_from = provenance(folder.name).model_copy(update={"config_sha256": sha256(folder / "config.yaml")})
    pushed(model(tmp_path / "model", "x"), str(tmp_path / "serving"), made_from)
    told = (
        "import sys; from pipeline.operate.lineage import lineage_of; "
        f"found = lineage_of({str(folder)!r}); print(found.made_from.metrics, found.made_from.data.rows['train'], "
        "sorted({'tensorflow', 'tfx', 'apache_beam'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "{'accuracy': 0.9} 60 []\n"


def test_lineage_of_an_evaluated_run_needs_no_tensorflow(tmp_path: Path) -> None:
    folder = tmp_path / "runs/20261101T000000Z"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("name: birds\n")
    gates = [
        {"name": "DataGate", "passed": True, "reason": "fine"},
        {"name": "Evaluator", "passed": False, "reason": "x"},
    ]
    (folder / "result.json").write_text(json.dumps({"state": "refused", "gates": gates, "metrics": {"rmse": None}}))
    told = (
        "import sys; from pipeline.operate.lineage import lineage_of; "
        f"found = lineage_of({str(folder)!r}).made_from; print(found.metrics, [each.passed for each in found.gates], "
        "sorted({'tensorflow', 'tfx', 'apache_beam'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "{'rmse': None} [True, False] []\n"


def test_lineage_wants_a_manifest(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["lineage", str(model(tmp_path / "7", "by hand"))])
    assert done.exit_code == 1
    assert "no manifest" in done.stderr

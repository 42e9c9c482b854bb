"""Push by hand, roll back, and what the next run makes of it, in the root of penguins after its run."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.version_manifest import MANIFEST
from pipeline.results.store import stored_run

REPOSITORY = Path(__file__).parent.parent.parent
PENGUINS = REPOSITORY / "data/penguins/pipeline.yaml"
SHORT = "smoke_test.search.seconds=0.1"
REASON = "agreed with <the owners>"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Command = Callable[..., tuple[int, Any, str]]


@pytest.fixture(scope="module")
def command(forks, tmp_path_factory) -> Command:
    """Runs a command of `lockgate`: exit code, what it printed, as JSON unless told otherwise, and stderr."""

    def run(*arguments: str, as_json: bool = True) -> tuple[int, Any, str]:
        folder = tmp_path_factory.mktemp("command")
        files = [folder / name for name in ("stdout", "stderr")]
        code = forks.lockgate([*arguments, *(["--json"] if as_json else [])], dict(os.environ), folder, *files)
        out, err = (file.read_text() for file in files)
        return code, json.loads(out) if as_json and out else out, err

    return run


@pytest.fixture(scope="module")
def refused(penguins, penguins_again, lockgate_run) -> str:  # noqa: ARG001 - its run comes before
    """The folder of a run whose model the Evaluator refuses."""
    _, root = penguins
    strict = "evaluate.thresholds=[{metric: log_loss, max: 0.000001}]"
    finished = lockgate_run(PENGUINS, root, "--set", strict, "--set", "train.epochs=11")
    assert finished.result["state"] == "refused", finished.stderr
    folder: str = finished.result["run_dir"]
    return folder


@pytest.fixture(scope="module")
def forced(penguins, refused, command) -> tuple[str, str]:
    """The version that was served before, and that of the refused model, pushed all the same."""
    _, root = penguins
    before = command("versions", str(root))[1]["served"]
    code, answer, stderr = command("push", refused)
    assert code == 3, stderr
    assert set(answer["refused"]) == {"Evaluator"}
    code, _, stderr = command("push", refused, "--force", as_json=False)
    assert (code, "--force needs --reason" in stderr) == (2, True)
    assert command("versions", str(root))[1]["served"] == before
    code, answer, stderr = command("push", refused, "--force", "--reason", REASON)
    assert code == 0, stderr
    assert answer["forced_over"] == ["Evaluator"]
    return before, Path(answer["version"]).name


@pytest.fixture(scope="module")
def rolled_back(penguins, forced, command) -> str:
    """The version of the rollback from there."""
    _, root = penguins
    code, answer, stderr = command(
        *("rollback", str(PENGUINS), "--set", f"root={root}", "--set", SHORT),
        *("--yes", "--reason", "worse on Mondays"),
    )
    assert code == 0, stderr
    assert (answer["rolled_back_from"], answer["bytes_of"]) == (forced[1], forced[0])
    return Path(answer["version"]).name


def test_a_forced_push_is_told_of_wherever_the_version_is(penguins, refused, forced, command) -> None:
    _, root = penguins
    before, name = forced
    assert int(name) > int(before)
    _, text, _ = command("versions", str(root), as_json=False)
    assert re.search(rf"{name}: forced over Evaluator by \S+, \S+; reason: {REASON}", text)
    assert re.search(
        rf"over Evaluator as .*{name}, by .*; reason: {REASON}", command("show", refused, as_json=False)[1]
    )
    assert "agreed with &lt;the owners&gt;" in (Path(refused) / "report.html").read_text()
    _, lineage, _ = command("lineage", str(root / "serving" / name))
    assert [each["reason"] for each in lineage["pushes"]] == [REASON]
    assert [gate["passed"] for gate in lineage["made_from"]["gates"]] == [True, False, True]


def test_a_rollback_serves_the_old_bytes_and_the_champion_follows(
    penguins, refused, forced, rolled_back, command, lockgate_run
) -> None:
    first, root = penguins
    before, bad = forced
    assert int(rolled_back) > int(bad)
    code, found, _ = command("versions", str(root), "--verify")
    assert code == 0
    newest = found["versions"][0]
    assert (found["served"], newest["rolled_back_from"], newest["reason"]) == (rolled_back, bad, "worse on Mondays")
    old, new = (root / "serving" / name for name in (before, rolled_back))
    for file in ("saved_model.pb", "variables/variables.data-00000-of-00001"):
        assert (new / file).read_bytes() == (old / file).read_bytes()
    _, lineage, _ = command("lineage", str(new))
    assert [each["how"] for each in lineage["pushes"]] == ["run", "rollback"]
    assert lineage["rollback"]["smoke_test"]["passed"] is True
    assert "worse on Mondays" in (Path(first.result["run_dir"]) / "report.html").read_text()
    code, answer, _ = command("push", refused, "--yes")
    assert (code, sorted(answer["refused"])) == (3, ["Evaluator", "Rollback"])
    assert answer["refused"]["Rollback"].endswith("worse on Mondays")

    # What a run would find there is foreseen: the withdrawn model again, and the served one.
    planned = command("plan", str(PENGUINS), "--set", f"root={root}", "--set", "train.epochs=11")[1]
    assert planned["verdict"].startswith(f"Pusher would refuse: this model is version {bad}, byte for byte, from which")
    assert planned["verdict"].endswith(f"(version {rolled_back}): worse on Mondays; nothing would be pushed")
    planned = command("plan", str(PENGUINS), "--set", f"root={root}")[1]
    assert planned["verdict"] == ""
    assert planned["steps"][-1]["reasons"][-1] == f"version {rolled_back} is this model already"

    looked = lockgate_run(PENGUINS, root, "--to", "Champion")
    assert looked.code == 0, looked.stderr
    looked_up = stored_run(root, Path(looked.result["run_dir"]).name)["Champion"].outputs["model"]
    trained = stored_run(root, newest["run"])["Trainer"].outputs["model"]
    assert [each.id for each in looked_up] == [each.id for each in trained]


def test_a_rollback_is_refused_by_the_smoke_test_and_by_changed_files(penguins, rolled_back, command) -> None:
    _, root = penguins
    arguments = ("rollback", str(PENGUINS), "--set", f"root={root}", "--yes")
    code, _, stderr = command(*arguments, "--to", rolled_back)
    assert (code, "served already" in stderr) == (1, True)
    code, _, stderr = command(*arguments)
    assert (code, "was not rolled back from" in stderr) == (1, True)
    names = sorted(each.name for each in (root / "serving").iterdir())
    other = next(each for each in reversed(names) if each != rolled_back)
    manifest = root / "serving" / other / MANIFEST
    text = manifest.read_text()
    manifest.write_text(re.sub(r'"size": \d+', '"size": 1', text, count=1))
    code, answer, stderr = command(*arguments, "--to", other, "--set", "smoke_test.process.start_seconds=0.1")
    assert code == 3, stderr
    assert set(answer["refused"]) == {"SmokeTest", "files"}
    assert sorted(each.name for each in (root / "serving").iterdir()) == names
    manifest.write_text(text)

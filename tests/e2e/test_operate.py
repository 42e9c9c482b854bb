"""Push by hand, roll back, and what the next run makes of it, in the root of penguins after its run."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
PENGUINS = REPOSITORY / "data/penguins/pipeline.yaml"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Command = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def command(forks, tmp_path: Path) -> Command:
    """Runs a command of `lockgate`: exit code, what it printed as JSON, and stderr."""

    def run(*arguments: str, as_json: bool = True) -> tuple[int, Any, str]:
        number = len(list(tmp_path.iterdir()))
        files = [tmp_path / f"{number}-{name}" for name in ("stdout", "stderr")]
        words = [*arguments, *(["--json"] if as_json else [])]
        code = forks.lockgate(words, dict(os.environ), tmp_path, *files)
        out, err = (file.read_text() for file in files)
        return code, json.loads(out) if as_json and out else out, err

    return run


def test_a_stopped_run_is_pushed_and_rolled_back_and_the_champion_follows(penguins, lockgate_run, command) -> None:
    _, root = penguins
    with_root = ("--set", f"root={root}")
    _, before, _ = command("versions", str(root))
    first = before["served"]

    # A second model, which nothing pushes.
    other = ("--set", "train.epochs=12")
    stopped = lockgate_run(PENGUINS, root, *other, "--to", "SmokeTest")
    assert stopped.result["state"] == "stopped", stopped.stderr
    code, pushed, stderr = command("push", stopped.result["run_dir"])
    assert code == 0, stderr
    second = Path(pushed["version"]).name
    assert int(second) > int(first)
    _, found, _ = command("versions", str(root))
    served = found["versions"][0]
    assert (found["served"], served["how"], served["run"]) == (second, "push", Path(stopped.result["run_dir"]).name)
    assert [gate["passed"] for gate in served["gates"]] == [True, True, True]
    assert command("push", stopped.result["run_dir"])[1]["state"] == "abandoned"  # it is served already

    # The older version's bytes again.
    code, back, stderr = command("rollback", str(PENGUINS), *with_root, "--yes", "--reason", "a trial")
    assert code == 0, stderr
    third = Path(back["version"]).name
    assert int(third) > int(second)
    assert (back["rolled_back_from"], back["bytes_of"]) == (second, first)
    code, found, _ = command("versions", str(root), "--verify")
    assert code == 0
    newest, middle, oldest = found["versions"][:3]
    assert (newest["version"], newest["state"], newest["rolled_back_from"]) == (third, "served", second)
    assert newest["reason"] == "a trial"
    assert newest["run"] == oldest["run"]
    assert (root / "serving" / third / "saved_model.pb").read_bytes() == (
        root / "serving" / first / "saved_model.pb"
    ).read_bytes()

    # The rolled back model is the champion: the run of the second one compares with it, and pushes over it.
    again = lockgate_run(PENGUINS, root, *other)
    assert again.code == 0, again.stderr
    assert again.result["states"]["Trainer"] == "cached"
    first_metrics = next(each["metrics"] for each in found["versions"] if each["version"] == first)
    assert again.result["champion"]["log_loss"] == pytest.approx(first_metrics["log_loss"])
    assert Path(again.result["pushed"]).name not in (first, second, third)

    # It is all told, for ever.
    _, shown, _ = command("show", str(root / "runs" / newest["run"]))
    assert any("rolled back from" in line and "a trial" in line for line in shown["operations"])
    page = (root / "runs" / newest["run"] / "report.html").read_text()
    assert "rolled back from" in page
    _, lineage, _ = command("lineage", str(root / "serving" / third))
    assert [each["how"] for each in lineage["pushes"]] == ["run", "rollback"]
    assert lineage["rollback"]["smoke_test"]["passed"] is True
    assert middle["version"] == second


def test_what_a_gate_refused_is_pushed_with_a_reason_alone(penguins, lockgate_run, command) -> None:
    _, root = penguins
    strict = ("--set", "evaluate.thresholds=[{metric: log_loss, max: 0.000001}]")
    refused = lockgate_run(PENGUINS, root, *strict, "--set", "train.epochs=11")
    assert refused.result["state"] == "refused"
    run = refused.result["run_dir"]
    before = sorted(each.name for each in (root / "serving").iterdir())
    code, answer, _ = command("push", run)
    assert code == 3
    assert set(answer["refused"]) == {"Evaluator"}
    assert command("push", run, "--force")[0] == 2
    assert sorted(each.name for each in (root / "serving").iterdir()) == before
    code, answer, stderr = command("push", run, "--force", "--reason", "agreed with <the owners>")
    assert code == 0, stderr
    name = Path(answer["version"]).name
    assert answer["forced_over"] == ["Evaluator"]
    _, text, _ = command("versions", str(root), as_json=False)
    assert re.search(rf"{name}: forced over Evaluator by \S+, \S+; reason: agreed with <the owners>", text)
    assert "over Evaluator" in command("show", run, as_json=False)[1]
    assert "agreed with &lt;the owners&gt;" in (Path(run) / "report.html").read_text()
    # Back again, for the tests after this one; the reason stays with the version.
    assert command("rollback", str(PENGUINS), "--set", f"root={root}", "--yes")[0] == 0
    assert "agreed with <the owners>" in command("versions", str(root), as_json=False)[1]


def test_a_rollback_is_refused_by_the_smoke_test_and_by_changed_files(penguins, command) -> None:
    _, root = penguins
    arguments = ("rollback", str(PENGUINS), "--set", f"root={root}", "--yes")
    before = sorted(each.name for each in (root / "serving").iterdir())
    served = max(before, key=int)
    code, answer, stderr = command(*arguments, "--set", "smoke_test.process.start_seconds=0.5")
    assert code == 3, stderr
    assert set(answer["refused"]) == {"SmokeTest"}
    assert answer["state"] == "refused"
    assert sorted(each.name for each in (root / "serving").iterdir()) == before
    code, _, stderr = command(*arguments, "--to", served)
    assert code == 1
    assert "served already" in stderr
    assert command(*arguments, "--to", "12")[0] == 1

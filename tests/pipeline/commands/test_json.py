"""`--json` of the commands that make and check a configuration: one object, whatever is wrong with it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main

PENGUINS = Path(__file__).resolve().parents[3] / "data/penguins/pipeline.yaml"


def test_a_valid_configuration() -> None:
    done = CliRunner().invoke(main, ["validate", str(PENGUINS), "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "valid": True,
        "problems": [],
        "notes": [],
        "task": "multiclass",
        "label": "species",
        "features": 6,
        "family": "mlp",
        "target": None,
    }


def test_a_webhook_that_nobody_could_reach_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["validate", str(PENGUINS), "--json", "--set", "notify={url_env: HOOK, token_env: HOOK_TOKEN}"]
    monkeypatch.delenv("HOOK", raising=False)
    monkeypatch.setenv("HOOK_TOKEN", "x")
    [note] = json.loads(CliRunner().invoke(main, command).stdout)["notes"]
    assert note == "notify: HOOK not set here: the webhook would not be told"
    monkeypatch.setenv("HOOK", "https://hooks.example.com")
    assert json.loads(CliRunner().invoke(main, command).stdout)["notes"] == []


def test_what_is_wrong_has_its_place_and_the_message_is_on_stderr_too() -> None:
    for setting, field, nearest in (
        ("train.epoch=3", "train.epoch", "epochs"),  # found when it is read
        ("features.label.column=specie", "features.label.column", "species"),  # found in the table
    ):
        done = CliRunner().invoke(main, ["validate", str(PENGUINS), "--json", "--set", setting])
        assert done.exit_code == 1
        printed = json.loads(done.stdout)
        assert printed["valid"] is False
        problem = printed["problems"][0]
        assert (problem["field"], problem["nearest"]) == (field, nearest)
        assert done.stderr.startswith("error: ")
        assert problem["message"] in done.stderr


def test_init(tmp_path: Path) -> None:
    data = PENGUINS.with_name("penguins.csv")
    command = ["init", str(tmp_path / "birds"), "--data", str(data), "--label", "species", "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert Path(printed["config"]).is_file()
    assert Path(printed["schema"]).is_file()
    assert isinstance(printed["notes"], list)

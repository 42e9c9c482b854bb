"""A version with a champion's files, as the smoke test sees it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.champions import Trained, push, trained

from components.smoke_test.checks.safety import check_safety
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.export.saved_model import read_export
from pipeline.cli import main


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(tmp_path_factory.mktemp("run"))


def test_the_files_that_a_champion_keeps_are_no_fault(run: Trained, tmp_path: Path) -> None:
    version = Path(push(run, str(tmp_path / "serving"), tmp_path / "archive"))
    assert (version / "assets.extra/champion/contract.json").exists()
    results = list(check_safety(read_export(version), SmokeTestConfig()))
    assert {each.check for each in results if each.status == "passed"} == {
        "ops",
        "state",
        "variables",
        "paths",
        "assets",
        "fingerprint",
        "size",
    }
    assert all(each.status == "passed" for each in results)


@pytest.mark.slow
def test_a_serving_folder_can_be_smoke_tested(run: Trained, tmp_path: Path) -> None:
    push(run, str(tmp_path / "serving"), tmp_path / "archive")
    done = CliRunner().invoke(main, ["smoke-test", str(tmp_path / "serving"), "--json", str(tmp_path / "report.json")])
    assert done.exit_code == 0, done.output
    checks = json.loads((tmp_path / "report.json").read_text())["checks"]
    assert {each["status"] for each in checks} == {"passed", "skipped"}

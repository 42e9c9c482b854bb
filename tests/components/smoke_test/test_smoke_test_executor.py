"""The gate through the executor's real `Do`: real artifacts, real SavedModels, a real process each."""

import json
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import support
import tensorflow as tf
from support.zoo.broken_process import InfiniteLoop
from support.zoo.tiny import Exported, TinyModel, export
from tfx.types import standard_artifacts
from tfx.types.artifact_utils import encode_split_names, verify_artifacts

from components.alongside import Lane
from components.smoke_test import executor as executor_module
from components.smoke_test import gate
from components.smoke_test import report as reports
from components.smoke_test.component import SmokeTestReport
from components.smoke_test.config import SmokeTestConfig
from components.smoke_test.executor import Executor
from components.smoke_test.report import Report
from preprocessing.errors import UserError

slow = pytest.mark.slow

MODEL_ID = 7
SHORT = {"search": {"seconds": 0.1}}
"""What the searches find is the zoo's matter."""
CHECKOUT = Path(executor_module.__file__).parents[2]


class Verdict(NamedTuple):
    """What one `Do` left."""

    blessing: standard_artifacts.InfraBlessing
    report: Report


def artifacts(exported: Exported, folder: Path, champion: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    inputs: dict[str, Any] = {
        "model": standard_artifacts.Model(),
        "examples": standard_artifacts.Examples(),
        "schema": standard_artifacts.Schema(),
    }
    for artifact, path in zip(inputs.values(), exported, strict=False):
        artifact.uri = str(path)
    inputs["model"].id = MODEL_ID
    inputs["examples"].split_names = encode_split_names(["test"])
    if champion is not None:
        inputs["champion"] = standard_artifacts.Model()
        inputs["champion"].uri = champion
    outputs: dict[str, Any] = {"blessing": standard_artifacts.InfraBlessing(), "report": SmokeTestReport()}
    for name, artifact in outputs.items():
        artifact.uri = str(folder / name)
        Path(artifact.uri).mkdir(parents=True, exist_ok=True)  # as TFX's launcher does
    return {name: [each] for name, each in inputs.items()}, {name: [each] for name, each in outputs.items()}


def do(exported: Exported, folder: Path, *, champion: str | None = None, **config: Any) -> Verdict:
    inputs, outputs = artifacts(exported, folder, champion)
    section = SmokeTestConfig.from_json(json.dumps(SHORT | config)).to_json()
    Executor().Do(inputs, outputs, {"config": section, "code_fingerprint": ""})
    [blessing], [report] = outputs["blessing"], outputs["report"]
    return Verdict(blessing, reports.read(report.uri))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(TinyModel, tmp_path_factory.mktemp("sound"), None)


def only(report: Report, check: str) -> Any:
    [result] = [each for each in report.checks if each.check == check]
    return result


@slow
def test_a_sound_model_is_blessed(sound: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    verdict = do(sound, tmp_path)
    assert verdict.report.blessed, verdict.report.reason()
    assert not verdict.report.warnings()
    assert verdict.blessing.get_int_custom_property("blessed") == 1
    assert verdict.blessing.get_int_custom_property("current_model_id") == MODEL_ID
    assert {"total", "start", "load"} <= set(verdict.report.seconds)
    assert verdict.report.log_tail == ""
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == ["report.html", "report.json"]
    assert not [record for record in caplog.records if record.name == "lockgate"]
    reasons = {each.check: each.received for each in verdict.report.checks if each.status == "skipped"}
    assert reasons["champion_contract"] == "no champion was given"
    assert "tensorflow_model_server" in reasons["server_rest"]


@slow
def test_what_measures_time_works_alone(sound: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, alone = threading.Lock(), {}

    def watched(family: gate.Family, checks: tuple[str, ...]) -> gate.Family:
        def watch(bench: Any) -> Any:
            for result in family(bench):
                alone.setdefault(checks[0], set()).add(machine.locked())
                yield result

        return watch

    monkeypatch.setattr(gate, "FAMILIES", tuple((watched(*each), each[1]) for each in gate.FAMILIES))
    verdicts = []

    def work() -> None:
        with Lane(machine).entered():
            verdicts.append(do(sound, tmp_path))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert verdicts[0].report.blessed
    # From the start to the budgets, as the time to load the model is one; and endurance.
    assert {name for name, held in alone.items() if True in held} == {"answers", "rest", "load_time", "endurance"}
    assert {name for name, held in alone.items() if False in held} >= {"golden", "batch_sizes", "constant", "harm"}
    assert all(len(held) == 1 for held in alone.values())
    assert not machine.locked()


def to_remote(folder: Path) -> str:
    """Copies a folder into TensorFlow's in-memory file system."""
    remote = f"ram://{folder.parent.name}/{folder.name}"
    for path in folder.rglob("*"):
        if path.is_file():
            target = f"{remote}/{path.relative_to(folder)}"
            tf.io.gfile.makedirs(target.rpartition("/")[0])
            tf.io.gfile.copy(str(path), target)
    return remote


@slow
def test_a_champion_needs_its_contract_but_not_the_trainers_predictions(sound: Exported, tmp_path: Path) -> None:
    champion = shutil.copytree(sound.model, tmp_path / "champion")
    (champion / "golden" / "predictions.npz").unlink()
    report = do(sound, tmp_path, champion=str(champion)).report
    assert only(report, "champion_contract").status == "passed"


@slow
def test_a_remote_model_against_a_remote_champion(sound: Exported, tmp_path: Path) -> None:
    remote = to_remote(sound.model)
    report = do(sound._replace(model=remote), tmp_path, champion=remote).report  # type: ignore[arg-type]
    assert report.blessed, report.reason()
    assert only(report, "champion_contract").status == "passed"
    compared = {each.case for each in report.checks if each.check == "champion_budget"}
    assert compared == {"latency p50", "throughput", "memory", "load time", "size"}


@slow
def test_a_refused_model_says_why_in_the_log(sound: Exported, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="lockgate"):
        verdict = do(sound, tmp_path, budgets={"p50_ms": 0.0001})
    assert verdict.blessing.get_int_custom_property("blessed") == 0
    [warning] = [record.getMessage() for record in caplog.records if record.name == "lockgate"]
    assert warning.startswith("smoke test: not blessed: latency (p50, serve")
    # What is not asked of a model that is too slow is listed, with the reason.
    assert only(report := verdict.report, "harm").received == "the model is too slow to be tested further"
    verify_artifacts(verdict.blessing)  # the model's fault: a result for the cache
    assert not report.process_failed()


@slow
def test_severities(sound: Exported, tmp_path: Path) -> None:
    severity = {"latency": "warn", "throughput": "off"}
    report = do(sound, tmp_path, budgets={"p99_ms": 0.0001, "rows_per_second": 1e12}, severity=severity).report
    assert report.blessed
    assert {each.check for each in report.warnings()} == {"latency"}
    assert only(report, "throughput").status == "skipped"


def test_a_process_that_did_not_finish_is_no_result_for_the_cache(sound: Exported, tmp_path: Path) -> None:
    verdict = do(sound, tmp_path, process={"start_seconds": 0.01})
    assert [each.check for each in verdict.report.failures()] == ["process"]
    # What TFX's cache asks before it reuses a result.
    with pytest.raises(RuntimeError, match="blessing is missing"):
        verify_artifacts(verdict.blessing)


@pytest.mark.parametrize("severity", ["warn", "off"])
def test_what_was_not_asked_is_not_blessed_whatever_the_severities(
    sound: Exported, tmp_path: Path, severity: str
) -> None:
    severities = dict.fromkeys(("process", "loads", "answers"), severity)
    report = do(sound, tmp_path, process={"start_seconds": 0.01}, severity=severities).report
    assert not report.blessed
    assert report.reason().startswith("process: ")


@pytest.mark.parametrize("missing", ["predictions.npz", "contract.json"])
def test_a_model_without_golden_files_is_not_blessed(tmp_path: Path, missing: str) -> None:
    exported = export(TinyModel, tmp_path / "export", None)
    (exported.model / "golden" / missing).unlink()
    report = do(exported, tmp_path).report
    assert [each.check for each in report.failures()] == ["golden"]
    assert f"golden/{missing} is missing" in only(report, "golden").received
    assert only(report, "answers").received == "the model was not executed, because of golden"


@slow
def test_an_empty_split_is_not_blessed(tmp_path: Path) -> None:
    exported = export(TinyModel, tmp_path / "export", None)
    for file in (exported.examples / "Split-test").iterdir():
        file.unlink()
    report = do(exported, tmp_path).report
    assert not report.blessed
    assert "no rows in the test split" in report.reason()


def test_an_unknown_split_is_the_users_mistake(sound: Exported, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no split 'eval', only test"):
        do(sound, tmp_path, split="eval")


GATE = """
import json, sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])
import components.smoke_test.gate as gate
from support.zoo.tiny import Exported

class Telling(gate.Session):
    def load(self, model):
        print("loading", flush=True)
        return super().load(model)

gate.Session = Telling
sys.path.insert(0, sys.argv[3])
import test_smoke_test_executor as tests

model, examples, schema, folder = map(Path, sys.argv[4:])
tests.do(Exported(model, examples, schema), folder, process={"phase_seconds": 300.0})
"""


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


@slow
def test_killed_in_the_middle_and_run_again(sound: Exported, tmp_path: Path) -> None:
    stuck = export(InfiniteLoop, tmp_path / "stuck", None)
    places = [CHECKOUT, Path(support.__path__[0]).parent, Path(__file__).parent]
    arguments = [*places, stuck.model, stuck.examples, stuck.schema, tmp_path]
    with subprocess.Popen(
        [sys.executable, "-c", GATE, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as gate:
        assert gate.stdout is not None
        assert gate.stdout.readline() == "loading\n"
        [child] = children_of(gate.pid)
        descriptor = os.pidfd_open(child)
        gate.send_signal(signal.SIGKILL)
        gate.wait()
    try:
        assert select.select([descriptor], [], [], 20)[0], "the model's process outlives the gate"
    finally:
        os.close(descriptor)
    assert not (tmp_path / "report" / "report.json").exists()
    assert do(sound, tmp_path).report.blessed


@slow
def test_two_at_once(sound: Exported, tmp_path: Path) -> None:
    verdicts: dict[str, Verdict] = {}

    def run(name: str) -> Callable[[], None]:
        return lambda: verdicts.__setitem__(name, do(sound, tmp_path / name))

    threads = [threading.Thread(target=run(name)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: verdict.report.reason() for name, verdict in verdicts.items() if not verdict.report.blessed} == {}
    assert set(verdicts) == {"one", "two"}


@slow
def test_a_test_that_is_cut_short_leaves_what_it_had_found_and_never_a_blessing(
    sound: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(bench: Any) -> Any:
        yield next(iter(gate.check_answers(bench)))
        raise ZeroDivisionError

    monkeypatch.setattr(gate, "FAMILIES", ((broken, ("answers",)), *gate.FAMILIES[1:]))
    inputs, outputs = artifacts(sound, tmp_path)
    with pytest.raises(ZeroDivisionError):
        Executor().Do(inputs, outputs, {"config": SmokeTestConfig().to_json(), "code_fingerprint": ""})
    report = reports.read(outputs["report"][0].uri)
    assert not report.blessed
    assert only(report, "ops").status == "passed"
    assert only(report, "process").received == "it was cut short"
    assert only(report, "parity").received == "the smoke test was cut short"
    assert not outputs["blessing"][0].has_custom_property("blessed")

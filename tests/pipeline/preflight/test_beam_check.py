"""What keeps an engine from doing the work is found before a run begins."""

import socket
from pathlib import Path

import pytest

from pipeline.config.beam import FlinkBeam
from pipeline.config.loader import load
from pipeline.preflight.beam_check import beam_problems

PENGUINS = Path(__file__).parents[3] / "data/penguins/pipeline.yaml"


def found(*overrides: str) -> dict[tuple[str | int, ...], str]:
    return {each.path: each.message for each in beam_problems(load(PENGUINS, list(overrides)))}


def test_nothing_without_an_engine() -> None:
    assert found() == {}


def test_packages_are_not_staged() -> None:
    given = found("beam_args=['--requirements_file=mine.txt']")
    assert "workers install nothing" in given[("beam_args",)]


def test_folders_of_this_machine_are_out_of_reach_for_an_engine_elsewhere() -> None:
    engine = "beam={engine: spark, endpoint: '203.0.113.1:1'%s}"
    remote = found(engine % "")
    assert {("root",), ("push", "directory"), ("data", "path")} <= remote.keys()
    assert not {("root",), ("push", "directory"), ("data", "path")} & found(engine % ", shared_root: true").keys()


def test_a_job_server_that_does_not_answer() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        beam = f"beam={{engine: spark, endpoint: '127.0.0.1:{port}'}}"
        # Bound, and nobody listens.
        assert "does not answer" in found(beam)[("beam", "endpoint")]
        server.listen()
        assert found(beam) == {}


def test_dataflow_needs_a_project_a_region_an_image_and_a_place() -> None:
    missing = found("beam={engine: dataflow}").keys()
    assert {("beam", "project"), ("beam", "region"), ("beam", "image"), ("beam", "temp_location")} <= missing


def test_a_root_of_this_machine_is_not_to_be_moved_to_a_bucket() -> None:
    loaded = load(PENGUINS, ["beam={engine: spark, endpoint: '203.0.113.1:1'}"])
    hints = {each.path: each.hint for each in beam_problems(loaded)}
    assert "use gs://" in (hints[("data", "path")] or "")
    assert "use gs://" not in (hints[("root",)] or "")
    assert "beam.shared_root" in (hints[("root",)] or "")


def test_a_job_server_for_each_step_needs_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Java" in found("beam={engine: spark, master: 'local[2]'}")[("beam", "master")]
    (tmp_path / "java").touch(0o755)
    assert found("beam={engine: spark, master: 'local[2]'}") == {}


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("master: 'local[*]'", True),
        ("master: '[auto]'", True),
        ("master: 'spark://127.0.0.1:7077'", True),
        ("endpoint: 'localhost:8099'", True),
        ("master: 'local-flink:8081'", False),
        ("endpoint: 'localities:8099'", False),
    ],
)
def test_an_engine_on_this_machine_is_told_by_its_address(address: str, here: bool) -> None:
    beam = load(PENGUINS, [f"beam={{engine: flink, {address}}}"]).config.beam
    assert isinstance(beam, FlinkBeam)
    assert beam.here() is here

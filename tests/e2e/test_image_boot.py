"""Workers that an engine starts from the image alone, as Dataflow does, do the steps' work."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.brief_pipeline import write_project
from support.engine_results import rows
from support.image_boot import job_server, why_not

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is one"),
]
IMAGE = "registry.example.com/lockgate:1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


@pytest.fixture(scope="module")
def endpoint(folder: Path) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(job_server(folder))
        except OSError as error:
            pytest.skip(f"Beam's boot can't be had: {error}")
        yield server


def test_the_images_workers_make_what_one_process_makes(
    endpoint: str, folder: Path, lockgate_run: Callable[..., Any], tmp_path: Path
) -> None:
    config = write_project(tmp_path / "seeds")
    here = lockgate_run(config, tmp_path / "here", "--to", "ExampleGen", "--set", "engine=beam")
    beam = f"beam={{engine: spark, endpoint: '{endpoint}', worker_image: '{IMAGE}', worker_idle_seconds: 0}}"
    there = lockgate_run(config, tmp_path / "there", "--to", "ExampleGen", "--set", beam)
    assert (here.code, there.code) == (0, 0), there.stderr
    assert rows(tmp_path / "there") == rows(tmp_path / "here")
    assert sum(map(len, rows(tmp_path / "there").values())) == 240
    assert set((folder / "images").read_text(encoding="utf-8").split()) == {IMAGE}
    assert "Provision info" in (folder / "boot.log").read_text(encoding="utf-8", errors="replace")

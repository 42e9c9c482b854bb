"""`make image`: one clear line where it can't build, and the build itself where there is an engine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _make(*arguments, path=None, **environment):
    return subprocess.run(
        ["make", "--no-print-directory", "image", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment, **({} if path is None else {"PATH": path})},
        capture_output=True,
        text=True,
        check=False,
    )


def _only_line(done):
    assert done.returncode != 0
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


def _programs(folder, **scripts):
    """A PATH of its own: make's tools, and scripts for what the machine may or may not have."""
    folder.mkdir()
    for name in ("bash", "make"):
        (folder / name).symlink_to(shutil.which(name))
    for name, script in scripts.items():
        program = folder / name
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)
    return str(folder)


def test_without_docker_it_says_so(tmp_path):
    done = _make(path=_programs(tmp_path / "bin"))
    assert _only_line(done) == ["docker is missing: install Docker Engine to build the image"]


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker client here")
def test_without_an_engine_it_says_so():
    done = _make(DOCKER_HOST="unix:///nonexistent/docker.sock")
    assert _only_line(done) == ["no Docker engine answers: start one, or name it in DOCKER_HOST"]


def test_without_buildkit_it_says_so(tmp_path):
    done = _make(path=_programs(tmp_path / "bin", docker='[ "$1" = version ]'))
    assert _only_line(done) == ["docker has no BuildKit: install docker-buildx-plugin"]


def test_an_unknown_variant_is_refused_before_anything_else():
    assert _only_line(_make("VARIANT=tpu")) == ["VARIANT is cpu or gpu, not 'tpu'"]


@pytest.mark.e2e
@pytest.mark.slow
def test_the_image_is_built_and_lockgate_runs_in_it():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "version"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine here: test_installed carries out the Dockerfile's steps instead")
    image = f"lockgate-test:{os.getpid()}"
    try:
        done = _make(f"IMAGE={image}")
        assert done.returncode == 0, done.stderr
        script = "import os, pathlib, pipeline.cli; pathlib.Path.home().joinpath('x').touch(); print(os.getuid())"
        options = ["--rm", "--network=none", "--user=12345:0", "--entrypoint=python"]
        said = subprocess.run(
            [docker, "run", *options, image, "-c", script],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (said.returncode, said.stdout) == (0, "12345\n"), said.stderr
    finally:
        subprocess.run([docker, "image", "rm", "--force", image], capture_output=True, check=False)

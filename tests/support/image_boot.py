"""The boot path of the image, without building it: Beam's own `boot`, started in the environment of the Dockerfile.

An engine that knows only images (Dataflow, `workers: container`) runs the image's entry point, and that is `boot`: it
asks the engine for the job, fetches what is staged and starts a Python worker. Beam's portable runner of one machine
does the same by `docker run`; a script takes Docker's place.
"""

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apache_beam
from support.dockerfile import Dockerfile, substituted

ROOT = Path(__file__).parents[2]
_BOOT = f"github.com/apache/beam/sdks/v2/python/container@v{apache_beam.__version__}"
_SECONDS_TO_BUILD, _SECONDS_TO_START = 600, 120
# `docker run -d --network=host IMAGE --id=... ...`: the image's entry point gets what follows the image's name.
_DOCKER = """\
#!/bin/sh
case "$1" in
run)
  while [ "${{1#--id=}}" = "$1" ]; do image=$1; shift; done
  echo "$image" >> {folder}/images
  env -i {environment} {boot} "$@" --semi_persist_dir={folder}/worker </dev/null >>{folder}/boot.log 2>&1 &
  echo $!
  ;;
inspect)
  for container; do :; done
  if kill -0 "$container" 2>/dev/null; then echo running; else echo exited; fi
  ;;
container) cat {folder}/boot.log ;;
kill) kill "$2" ;;
*) exit 1 ;;
esac
"""


def why_not() -> str:
    """Why `boot` can't be built here; empty where it can."""
    return "" if shutil.which("go") else "go missing: install Go, which builds Beam's boot"


def boot(folder: Path) -> Path:
    """Builds `boot` in the version of the installed Beam, as the Dockerfile copies it.

    Raises:
      OSError: Go could not download or build it.
    """
    environment = os.environ | {"GOBIN": str(folder), "GOFLAGS": "-modcacherw"}
    done = subprocess.run(
        ["go", "install", _BOOT],
        capture_output=True,
        text=True,
        env=environment,
        timeout=_SECONDS_TO_BUILD,
        check=False,
    )
    if done.returncode:
        raise OSError(f"go install {_BOOT}: {done.stderr[-400:]}")
    return folder / "container"


def environment(folder: Path) -> dict[str, str]:
    """The environment of the final image, which is all that its processes have."""
    [stated] = Dockerfile.read(ROOT / "Dockerfile").stage("").all("ENV")
    known = {"VENV": sys.prefix, "PATH": "/usr/bin:/bin"}
    found = {name: substituted(value, known) for name, value in stated.pairs().items()}
    return found | {"HOME": str(folder), "TMPDIR": os.environ["TMPDIR"]}


@contextlib.contextmanager
def job_server(folder: Path) -> Iterator[str]:
    """Beam's portable runner of one machine; its workers are containers of images.

    Args:
      folder: for its files, empty. `images` names the images that were started, `boot.log` has what boot said.

    Yields:
      The endpoint.

    Raises:
      OSError: boot can't be built.
    """
    docker = folder / "bin" / "docker"
    docker.parent.mkdir()
    stated = " ".join(f"{name}={value}" for name, value in environment(folder).items())
    docker.write_text(_DOCKER.format(folder=folder, environment=stated, boot=boot(folder)), encoding="utf-8")
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    port = folder / "port"
    command = [
        *(sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main"),
        *(f"--port_file={port}", f"--staging_dir={folder / 'staged'}"),
    ]
    path = f"{docker.parent}:{os.environ['PATH']}"
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PATH": path}, cwd=folder)
    try:
        ends = time.monotonic() + _SECONDS_TO_START
        while not (port.is_file() and port.read_text(encoding="utf-8")):
            running = server.poll() is None and time.monotonic() < ends
            assert running, (folder / "server.log").read_text(encoding="utf-8")[-2000:]
            time.sleep(0.1)
        yield f"127.0.0.1:{port.read_text(encoding='utf-8').strip()}"
    finally:
        server.terminate()
        server.wait()

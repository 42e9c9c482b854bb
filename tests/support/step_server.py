"""Runs the commands of steps in forks of a process that has imported TFX already: seconds less for each step.

What a fork runs is what `python -m pipeline.runners.container_entrypoint` runs, with the arguments, the environment
and the folder that the command would have.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

_MODULE = "pipeline.runners.container_entrypoint"


@contextlib.contextmanager
def forked_steps() -> Iterator["StepServer"]:
    """A server for as long as it is needed."""
    server = StepServer()
    try:
        yield server
    finally:
        server.close()


class StepServer:
    """A `support.launcher.Command`."""

    def __init__(self) -> None:
        # Not this process: it may have threads, and a fork of it would lack them.
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
        )

    def __call__(self, arguments: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> int:
        assert arguments[:3] == ["python", "-m", _MODULE], "the container's command is another one"
        order = {"arguments": arguments[3:], "environment": dict(environment), "folder": str(folder), "log": str(log)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the server has died"
        return int(answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import pipeline.graph  # noqa: F401 - with it come all components
    from pipeline.runners import container_entrypoint, step  # noqa: F401

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(container_entrypoint.main, order)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _run(main, order):
    code = 70
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        code = main(order["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        # Nothing of the parent's is to run in the child: exit handlers, buffers.
        os._exit(code)


if __name__ == "__main__":
    # The folder of this file has modules of other names' sakes.
    sys.path.pop(0)
    _serve()

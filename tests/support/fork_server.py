"""Runs commands in forks of a process that has imported TFX already: seconds less for each of them.

What a fork runs is what `lockgate` or `python -m MODULE` runs, with the arguments, the environment and the folder that
the command would have. The workers that it starts for trials or for members of an ensemble are forks too
(`support.forked_workers`).
"""

import contextlib
import importlib.util
import json
import os
import runpy
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

_SECONDS = 900.0
"""No command of a test takes longer."""
_IMPORTED = (
    "pipeline.graph",
    "pipeline.runners.local",
    "pipeline.runners.step",
    "pipeline.runners.settled",
    "components.evaluator.executor",
    "components.example_gen.executor",
    "components.trainer.export",
    "components.trainer.fit",
    "components.trainer.tuning.worker",
    "components.trainer.tuning.workers",
    "components.transform.executor",
    "pipeline.report.page",
)
"""What commands and steps import anyway; with the graph come all components, with these most of what they work with."""
_ENTRY_POINTS = (
    "pipeline.runners.container_entrypoint",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
)
"""Of the containers of our compiled pipelines and of stock ones."""


@contextlib.contextmanager
def fork_server() -> Iterator["ForkServer"]:
    """A server for as long as it is needed."""
    server = ForkServer()
    try:
        yield server
    finally:
        server.close()


class ForkServer:
    """A process that imports TFX once; it runs one command at a time."""

    def __init__(self) -> None:
        # Not this process: it may have threads, and a fork of it would lack them.
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            start_new_session=True,  # to end it with what it runs
        )

    def step(self, arguments: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> int:
        """Runs the container's command of one step of a compiled pipeline: a `support.launcher.Command`."""
        assert arguments[:2] == ["python", "-m"], "the container's command is another one"
        return self._run("module", arguments[2:], environment, folder, log, log)

    def lockgate(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        stdout: Path,
        stderr: Path,
        moment: Mapping[str, Any] | None = None,
    ) -> int:
        """Runs `lockgate` with these arguments; what it prints goes to the end of two files.

        Args:
          arguments, environment, folder, stdout, stderr: of the command.
          moment: keywords of `support.moments.watch`, and `after`, seconds until the command is killed.
        """
        return self._run("lockgate", arguments, environment, folder, stdout, stderr, moment)

    def _run(
        self,
        what: Literal["module", "lockgate"],
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        stdout: Path,
        stderr: Path,
        moment: Mapping[str, Any] | None = None,
    ) -> int:
        order = {
            "moment": moment,
            "what": what,
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": str(folder),
            "stdout": str(stdout),
            "stderr": str(stderr),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], _SECONDS)
        if not ready:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise TimeoutError(f"no end after {_SECONDS:.0f} s: {what} {shlex.join(arguments)}")
        answer = self._process.stdout.readline()
        assert answer, "the server has died"
        return int(answer)

    def close(self) -> None:
        """Ends the server."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from pipeline import cli
    from pipeline.code.fingerprint import fingerprint
    from pipeline.code.heavy_imports import uncollected

    with uncollected():
        for name in (*_IMPORTED, *_ENTRY_POINTS):
            importlib.import_module(name)
    # Which modules each of ours imports, read again where a file has changed: a second for each graph that is built.
    fingerprint(_IMPORTED)
    mains = {"module": _run_module, "lockgate": lambda arguments: cli.main(arguments, "lockgate")}
    with _beside("forked_workers").forks_of_this() as command:
        sys.modules["components.trainer.tuning.workers"]._COMMAND = command
        for line in sys.stdin:
            order = json.loads(line)
            child = os.fork()
            if child == 0:
                _run(mains[order["what"]], order)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _beside(name):
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(main, order):
    code, watched = 70, None
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        tempfile.tempdir = None  # as a new process, which has not looked yet
        watched = order["moment"] and _watch(**order["moment"])
        code = _exit_code(main, order["arguments"])
    except Exception:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if watched:
            watched()
        # Nothing of the parent's is to run in the child: exit handlers, buffers.
        os._exit(code)


def _watch(place, record=None, at=None, after=None):
    """Has `support.moments` watch this process; what is to be called at its end."""
    moments = _beside("moments")
    if after is not None:
        moments.kill_after(after)
    return moments.watch(place, record, None if at is None else tuple(at))


def _run_module(arguments):
    sys.argv = arguments
    # What was imported as a module is not what runs as a program.
    sys.modules.pop(arguments[0], None)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    return 0


def _exit_code(main, arguments):
    try:
        return main(arguments)
    except SystemExit as ended:  # a command's own end
        return ended.code or 0


if __name__ == "__main__":
    # The folder of this file has modules of other names' sakes.
    sys.path.pop(0)
    _serve()

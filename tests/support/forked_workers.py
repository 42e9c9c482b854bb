"""Forks of a process that has imported TensorFlow for the workers of trainings: seconds less for each of them.

What a fork runs is what `python -m MODULE` runs, with the environment and the streams of the command that stands in for
it, which ends as its fork does; a command that is killed takes its fork along.
"""

import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

TRIALS, TOGETHER = "components.trainer.tuning.worker", "components.trainer.distribution.worker"
"""The workers of trials and members, and those that train one model together."""
_IMPORTED = (
    TRIALS,
    TOGETHER,
    "components.trainer.fit",
    "components.trainer.boosting.boost",
    "components.trainer.distribution.share",
)
"""What a worker imports, at once or with its first order."""
# -I -S: it starts at once.
_CLIENT = """
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    socket.send_fds(server, [json.dumps([sys.argv[2], dict(os.environ)]).encode() + b"\\n"], [0, 1, 2])
    # The streams are the fork's.
    for number in (0, 1):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    code = int(server.makefile().readline())
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextlib.contextmanager
def forked_workers() -> Iterator[tuple[str, ...]]:
    """The command that stands in for that of a worker of trials, for as long as it is needed; see `running`."""
    # Not pytest's folder: the name of a socket is short.
    with tempfile.TemporaryDirectory() as name:
        address = str(Path(name, "socket"))
        server = subprocess.Popen(
            [sys.executable, __file__, address],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == b"ready\n", "the server has died"
            yield _stand_in(address)
        finally:
            server.stdin.close()
            server.stdout.close()
            server.wait(timeout=30)


def running(command: tuple[str, ...], module: str) -> tuple[str, ...]:
    """The command that stands in for a worker of another kind."""
    return (*command[:-1], module)


def _stand_in(address):
    return (sys.executable, "-I", "-S", "-c", _CLIENT, address, TRIALS)


@contextlib.contextmanager
def forks_of_this():
    """The same in a process that has imported TensorFlow already, and has one thread: a fork of it is the server."""
    with tempfile.TemporaryDirectory() as name:
        address = str(Path(name, "socket"))
        theirs, ours = os.pipe()
        ready, said = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(ours)
                os.dup2(theirs, 0)
                os.dup2(said, 1)
                _serve(address)
            finally:
                # Nothing of the parent's is to run in the child.
                os._exit(0)
        os.close(theirs)
        os.close(said)
        # The server ends when nobody has the other end of its stdin: with this process, however that ends.
        try:
            assert os.read(ready, 6) == b"ready\n", "the server has died"
            yield _stand_in(address)
        finally:
            os.close(ready)
            os.close(ours)
            os.waitpid(pid, 0)


def _serve(address):
    from pipeline.code.heavy_imports import uncollected

    with uncollected():
        for name in _IMPORTED:
            importlib.import_module(name)
    selector, forks = selectors.DefaultSelector(), {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        selector.register(listener, selectors.EVENT_READ, "new")
        selector.register(0, selectors.EVENT_READ, "end")
        os.write(1, b"ready\n")
        while True:
            for key, _ in selector.select():
                if key.data == "end":
                    for pid in forks.values():
                        os.kill(pid, signal.SIGKILL)
                    return
                if key.data == "new":
                    client, _ = listener.accept()
                    forks[client] = pid = _forked(client)
                    selector.register(client, selectors.EVENT_READ, "client")
                    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, client)
                elif key.data == "client":
                    # It says nothing more: it has been killed.
                    selector.unregister(key.fileobj)
                    os.kill(forks[key.fileobj], signal.SIGKILL)
                else:
                    _ended(selector, key, forks)


def _forked(client):
    """Starts a worker for who has just come; its number."""
    said, streams, _, _ = socket.recv_fds(client, 1 << 20, 3)
    while not said.endswith(b"\n"):
        more = client.recv(1 << 20)
        if not more:
            raise ConnectionError(f"a client has gone before it had said what to run: {said[:200]!r}")
        said += more
    pid = os.fork()
    if pid:
        for each in streams:
            os.close(each)
        return pid
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.environ.clear()
    module, environment = json.loads(said)
    os.environ.update(environment)
    known = set(sys.path)
    sys.path[:0] = [each for each in os.environ["PYTHONPATH"].split(os.pathsep) if each not in known]
    sys.stdin = os.fdopen(0, encoding="utf-8")
    try:
        sys.modules[module].main()
    finally:
        # Nothing of the parent's is to run in the child.
        os._exit(1)
    return 0


def _ended(selector, key, forks):
    """Tells a client how its fork has ended."""
    client = key.data
    selector.unregister(key.fileobj)
    os.close(key.fileobj)
    _, status = os.waitpid(forks.pop(client), 0)
    with contextlib.suppress(KeyError):
        selector.unregister(client)
    with contextlib.suppress(OSError):
        client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    client.close()


if __name__ == "__main__":
    # The folder of this file has modules of other names' sakes.
    sys.path.pop(0)
    _serve(sys.argv[1])

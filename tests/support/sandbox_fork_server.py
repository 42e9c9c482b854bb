"""The program that tests/support/forked_sandbox.py forks; runs with the standard library alone, as the sandbox's does.

Arguments: the folder of the sandbox's program, that of the packages it may import, and the socket for orders.
"""

import gc
import json
import os
import runpy
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

READY = b"ready"
_MOST_BYTES = 2**16


def serve(worker: str, library: str, descriptor: int) -> None:
    """Imports TensorFlow as the sandbox's program does, and forks for each order until the socket is closed.

    Raises:
      RuntimeError: this process has threads, which a fork of it would lack.
    """
    sys.path[:1] = [worker]
    sys.path.append(library)
    runpy.run_path(str(Path(worker, "__main__.py")), run_name="imported")["import_tensorflow"]()
    gc.freeze()
    with socket.socket(fileno=descriptor) as channel:
        channel.sendall(READY)
        while True:
            message, descriptors, _, _ = socket.recv_fds(channel, _MOST_BYTES, 4)
            if not message:
                return
            if (threads := len(list(Path("/proc/self/task").iterdir()))) != 1:
                raise RuntimeError(f"{threads} threads: a fork would lack all but one")
            between = os.fork()
            if between == 0:
                parent = os.getpid()
                if os.fork() == 0:
                    # Its parent ends at once, so that whoever has sent the order becomes its parent.
                    while os.getppid() == parent:
                        os.sched_yield()
                    _become(channel, json.loads(message), descriptors)
                    return
                os._exit(0)
            os.waitpid(between, 0)
            for each in descriptors:
                os.close(each)


def _become(channel: socket.socket, order: dict[str, Any], descriptors: list[int]) -> None:
    """Runs the sandbox's program in this process, as if whoever has sent the order had started it."""
    os.setsid()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    tempfile.tempdir = None  # as a new process, which has not looked yet
    printed, pipes = descriptors[:2], descriptors[2:]
    for number, each in zip((1, 2), printed, strict=True):
        os.dup2(each, number)
        os.close(each)
    # The pipes have other numbers here.
    job_file = Path(order["exchange"], "job.json")
    job = json.loads(job_file.read_text(encoding="utf-8")) | dict(zip(("commands", "replies"), pipes, strict=True))
    job_file.write_text(json.dumps(job), encoding="utf-8")
    channel.sendall(str(os.getpid()).encode())
    channel.close()
    sys.argv = [order["program"], order["exchange"]]
    runpy.run_path(str(Path(order["program"], "__main__.py")), run_name="__main__")


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""A `lockgate` for a shell's PATH whose commands run in forks of one process: seconds less for each of them."""

import contextlib
import json
import socketserver
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from support.fork_server import ForkServer

# -I -S: it starts at once. What it was started with is opened anew by the fork, in /proc.
_CLIENT = """#!{python} -IS
import json, os, socket, sys
order = {{"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd(),
         "stdout": f"/proc/{{os.getpid()}}/fd/1", "stderr": f"/proc/{{os.getpid()}}/fd/2"}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    server.sendall(json.dumps(order).encode() + b"\\n")
    sys.exit(int(server.makefile().readline()))
"""


Instead = Callable[[Sequence[str], Path, Callable[[], int]], int]
"""Given a command's arguments, its folder, and what runs it: its exit code."""


def search_briefly(arguments: Sequence[str], folder: Path, run: Callable[[], int]) -> int:
    """Runs a command; in the configurations that `init` writes the smoke test searches for a second, not for six."""
    code = run()
    if code == 0 and arguments[0] == "init":
        with (folder / arguments[1] / "pipeline.yaml").open("a", encoding="utf-8") as file:
            file.write(BRIEF_SEARCH)
    return code


BRIEF_SEARCH = "\nsmoke_test: {search: {seconds: 1}}\n"
"""The end of a pipeline.yaml without that section. What the searches find is the zoo's matter."""


@contextlib.contextmanager
def forked_command(forks: ForkServer, instead: Instead = search_briefly) -> Iterator[Path]:
    """A folder with the command, for as long as it is needed; one command runs at a time, without input."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            order = json.loads(self.rfile.readline())
            folder, stdout, stderr = (Path(order[name]) for name in ("folder", "stdout", "stderr"))
            arguments, environment = order["arguments"], order["environment"]
            code = instead(arguments, folder, lambda: forks.lockgate(arguments, environment, folder, stdout, stderr))
            self.wfile.write(f"{code}\n".encode())

    # Not pytest's folder: the name of a socket is short.
    with tempfile.TemporaryDirectory() as name:
        address, command = Path(name, "socket"), Path(name, "lockgate")
        command.write_text(_CLIENT.format(python=sys.executable, address=str(address)))
        command.chmod(0o755)
        with socketserver.UnixStreamServer(str(address), Handler) as server:
            waiting = threading.Thread(target=server.serve_forever, args=(0.05,))
            waiting.start()
            try:
                yield Path(name)
            finally:
                server.shutdown()
                waiting.join()

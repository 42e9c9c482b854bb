"""Which processes train together: those that TF_CONFIG names, or some on this machine."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from preprocessing.errors import UserError

VARIABLE = "TF_CONFIG"
"""The environment variable that names the processes: Vertex's worker pools and Kubeflow's training operator set it."""
_JOBS = ("chief", "worker")
"""In the order in which TensorFlow counts their tasks."""


class Worker(BaseModel):
    """One process among those that train together."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rank: int
    """From 0; that one stores, and its machine exports."""
    of: int
    """How many there are."""
    tf_config: str
    """What TensorFlow is told, as JSON."""
    beside: int = 1
    """How many of them share this machine and its GPUs."""

    @classmethod
    def from_environment(cls) -> Self | None:
        """The worker that TF_CONFIG makes of this machine; None where it is not set, or names one machine alone.

        Raises:
          UserError: TF_CONFIG is not what MultiWorkerMirroredStrategy understands.
        """
        text = os.environ.get(VARIABLE)
        if not text:
            return None
        try:
            told = json.loads(text)
            jobs = {name: list(addresses) for name, addresses in told.get("cluster", {}).items() if addresses}
            name, index = told.get("task", {}).get("type"), int(told.get("task", {}).get("index", 0))
        except (ValueError, TypeError, AttributeError):
            raise _unclear(text) from None
        if sum(map(len, jobs.values())) < 2:
            return None
        if not set(jobs) <= set(_JOBS) or name not in jobs or not 0 <= index < len(jobs[name]):
            raise _unclear(text)
        before = len(jobs.get("chief", ())) if name == "worker" else 0
        return cls(rank=before + index, of=sum(map(len, jobs.values())), tf_config=text)


def _unclear(text: str) -> UserError:
    return UserError(
        f"the environment variable {VARIABLE}",
        expected='{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}, with or without '
        "one chief, and nothing but chief and workers",
        received=text,
        hint="let the service that starts the machines set it, or set train.workers for processes on this machine",
    )


@contextmanager
def on_this_machine(count: int) -> Iterator[list[Worker]]:
    """Workers on this machine, whose ports the operating system chooses and keeps free for them inside.

    Args:
      count: how many.

    Raises:
      OSError: there are not so many free ports.
    """
    with ExitStack() as held:
        ports = [_reserved(held.enter_context(_socket())) for _ in range(count)]
        cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
        yield [Worker(rank=rank, of=count, tf_config=_as_task(cluster, rank), beside=count) for rank in range(count)]


def _socket() -> socket.socket:
    # As TensorFlow's server binds: to the addresses of both families, where the machine has both.
    return socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET)


def _reserved(held: socket.socket) -> int:
    # Bound and not listening: nobody else is given the port, and a server that says SO_REUSEADDR, as gRPC's does, may
    # listen on it.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if held.family == socket.AF_INET6:
        held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    held.bind(("", 0))
    return int(held.getsockname()[1])


def _as_task(cluster: Mapping[str, Any], rank: int) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": rank}})

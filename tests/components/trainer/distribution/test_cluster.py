"""Who trains together: by TF_CONFIG as the services set it, and on this machine."""

import json
import socket

import pytest

from components.trainer.distribution.cluster import VARIABLE, Worker, on_this_machine
from preprocessing.errors import UserError

# What Vertex sets for two worker pools, and Kubeflow's TFJob for workers.
VERTEX = {"chief": ["training-chief-0:2222"], "worker": ["training-worker-0:2222", "training-worker-1:2222"]}
TFJOB = {"worker": ["toy-worker-0.ns.svc:2222", "toy-worker-1.ns.svc:2222"]}


def _told(cluster: object, **task: object) -> str:
    return json.dumps({"cluster": cluster, "task": task, "environment": "cloud"})


@pytest.mark.parametrize(
    ("text", "rank", "of"),
    [
        (_told(VERTEX, type="chief", index=0), 0, 3),
        (_told(VERTEX, type="worker", index=1), 2, 3),
        (_told(TFJOB, type="worker", index="1"), 1, 2),
    ],
)
def test_ranks_are_counted_from_the_chief_on(monkeypatch: pytest.MonkeyPatch, text: str, rank: int, of: int) -> None:
    monkeypatch.setenv(VARIABLE, text)
    worker = Worker.from_environment()
    assert worker is not None
    assert (worker.rank, worker.of, worker.beside, worker.tf_config) == (rank, of, 1, text)


@pytest.mark.parametrize("text", ["", _told({"chief": ["one:2222"]}, type="chief", index=0)])
def test_one_machine_alone_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    assert Worker.from_environment() is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        _told(VERTEX, type="evaluator", index=0),
        _told(VERTEX, type="worker", index=2),
        _told(VERTEX | {"ps": ["training-ps-0:2222"]}, type="worker", index=0),
    ],
)
def test_anything_else_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(UserError, match=r"TF_CONFIG; expected .*cluster"):
        Worker.from_environment()


def test_ports_of_this_machine_are_kept_for_the_workers() -> None:
    with on_this_machine(2) as workers:
        assert [(worker.rank, worker.of, worker.beside) for worker in workers] == [(0, 2, 2), (1, 2, 2)]
        told = [json.loads(worker.tf_config) for worker in workers]
        assert told[0]["cluster"] == told[1]["cluster"]
        assert [each["task"]["index"] for each in told] == [0, 1]
        ports = [int(address.rpartition(":")[2]) for address in told[0]["cluster"]["worker"]]
        assert len(set(ports)) == 2
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", ports[0]))
        with socket.socket() as server:
            # As gRPC binds.
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("0.0.0.0", ports[1]))  # noqa: S104 - as TensorFlow's server does
            server.listen()

"""A real Flink on this machine: a job manager, task managers of one slot and Beam's job server, all on loopback."""

import contextlib
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from support.java_cluster import JavaCluster, free_port, jars

# The Flink that Beam's runner was built with comes along. The log's version is that of its API there.
JARS = (
    ("org.apache.beam", "beam-runners-flink-1.19", "2.62.0"),
    ("org.slf4j", "slf4j-simple", "1.7.36"),
)
_OPENED = ("java.lang", "java.lang.invoke", "java.net", "java.nio", "java.util")
OPENS = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
# Without a strategy a lost task manager ends the job. A worker's start takes longer than Flink's patience otherwise.
_CONFIG = """\
jobmanager.rpc.address: 127.0.0.1
jobmanager.bind-host: 127.0.0.1
jobmanager.rpc.port: {rpc}
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.numberOfTaskSlots: 1
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
io.tmp.dirs: {folder}
classloader.check-leaked-classloader: false
restart-strategy.type: exponential-delay
restart-strategy.exponential-delay.initial-backoff: 5 s
heartbeat.interval: 2000
heartbeat.timeout: 8000
"""
# What Flink's scripts compute of a process's size. Of network memory each edge of a graph takes a part.
_SIZES = {
    "taskmanager.cpu.cores": "1",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "400m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.network.min": "640m",
    "taskmanager.memory.network.max": "640m",
    "taskmanager.memory.managed.size": "320m",
    "taskmanager.memory.jvm-metaspace.size": "384m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
}
_SECONDS_TO_REGISTER = 90


class FlinkCluster(JavaCluster):
    """What runs of it.

    Attributes:
      rest: the address of its REST interface.
    """

    rest: str = ""

    def add_task_manager(self, name: str) -> None:
        """Starts one more; it registers by itself."""
        sizes = [part for key, value in _SIZES.items() for part in ("-D", f"{key}={value}")]
        main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        self.start(
            name, *OPENS, "-XX:MaxDirectMemorySize=900m", main, "--configDir", str(self.folder), *sizes, memory="600m"
        )

    def task_managers(self) -> int:
        """How many have registered and are alive."""
        return int(self._said_by_rest("overview")["taskmanagers"])

    def running(self) -> list[str]:
        """The names of the jobs that run."""
        return [job["name"] for job in self._said_by_rest("jobs/overview")["jobs"] if job["state"] == "RUNNING"]

    def _said_by_rest(self, path: str) -> dict[str, object]:
        with urllib.request.urlopen(f"http://{self.rest}/{path}", timeout=10) as answer:
            found: dict[str, object] = json.load(answer)
        return found


@contextlib.contextmanager
def flink_cluster(folder: Path) -> Iterator[FlinkCluster]:
    """A Flink of two task managers that ends with the block.

    Args:
      folder: of its files, empty.

    Raises:
      OSError: its jars can't be downloaded.
    """
    rpc, rest, job = free_port(), free_port(), free_port()
    cluster = FlinkCluster(folder, jars(folder, JARS), environment={"FLINK_CONF_DIR": str(folder)})
    (folder / "flink-conf.yaml").write_text(_CONFIG.format(rpc=rpc, rest=rest, folder=folder), encoding="utf-8")
    cluster.rest = f"127.0.0.1:{rest}"
    try:
        main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        cluster.start("job-manager", *OPENS, main, "--configDir", str(folder), memory="600m")
        cluster.listening("job-manager", rest)
        for name in ("task-manager-1", "task-manager-2"):
            cluster.add_task_manager(name)
        cluster.start(
            "job-server",
            *OPENS,
            "org.apache.beam.runners.flink.FlinkJobServerDriver",
            f"--flink-master=127.0.0.1:{rest}",
            "--job-host=127.0.0.1",
            f"--job-port={job}",
            "--artifact-port=0",
            "--expansion-port=0",
            f"--artifacts-dir={folder / 'artifacts'}",
            memory="600m",
        )
        cluster.listening("job-server", job)
        cluster.endpoint = f"127.0.0.1:{job}"
        ends = time.monotonic() + _SECONDS_TO_REGISTER
        while cluster.task_managers() < 2:
            assert time.monotonic() < ends, cluster.said("task-manager-1")[-2000:]
            time.sleep(0.2)
        yield cluster
    finally:
        cluster.end()

"""A real Spark on this machine: a master, two workers and Beam's job server, each a process of its own on loopback."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>lockgate</groupId><artifactId>spark</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{}</dependencies></project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
# All of Beam's jars of one version; 2.62 is the newest whose Spark runner is whole on Maven Central.
JARS = (
    ("org.apache.beam", "beam-runners-spark-3", "2.62.0"),
    ("org.apache.beam", "beam-runners-java-job-service", "2.62.0"),
    ("org.apache.spark", "spark-core_2.12", "3.5.0"),
    ("org.apache.spark", "spark-sql_2.12", "3.5.0"),
    ("org.apache.spark", "spark-streaming_2.12", "3.5.0"),
    ("org.slf4j", "slf4j-simple", "1.7.36"),
)
_OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.security.action"),
    "sun.util.calendar",
)
OPENS = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
"""Java of a minute: the thorough compiler and its threads would cost more than they save."""
_SECONDS_TO_DOWNLOAD, _SECONDS_TO_START = 600, 90


def why_not() -> str:
    """Why no Spark can be started here; empty where it can."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"{' and '.join(missing)} missing: install OpenJDK 17 and Maven" if missing else ""


def jars(folder: Path) -> str:
    """The class path, downloaded by Maven (which keeps what it has).

    Raises:
      OSError: Maven could not download them, in time.
    """
    pom = folder / "pom.xml"
    pom.write_text(_POM.format("".join(_DEPENDENCY.format(*each) for each in JARS)), encoding="utf-8")
    command = [
        "mvn",
        "-q",
        "-B",
        "dependency:copy-dependencies",
        f"-DoutputDirectory={folder / 'jars'}",
        "-f",
        str(pom),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_TO_DOWNLOAD, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"Maven: not done after {_SECONDS_TO_DOWNLOAD} s") from error
    if done.returncode:
        raise OSError(f"Maven: {(done.stdout or done.stderr)[-400:]}")
    return str(folder / "jars" / "*")


@dataclass
class SparkCluster:
    """What runs of it.

    Attributes:
      folder: of its logs and files.
      class_path: of all its processes.
      endpoint: of Beam's job server.
      processes: by name.
    """

    folder: Path
    class_path: str
    endpoint: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, memory: str = "300m") -> None:
        """Starts a class of Java's in a group of processes of its own."""
        java = ["java", f"-Xmx{memory}", *_SHORT_LIVED, *OPENS, "-cp", self.class_path, *arguments]
        environment = os.environ | {
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(self.folder),
            # Executors are started with the jars in `jars` below it.
            "SPARK_HOME": str(self.folder),
            "SPARK_SCALA_VERSION": "2.12",
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                java, stdout=log, stderr=log, env=environment, cwd=self.folder, start_new_session=True
            )

    def kill(self, name: str) -> None:
        """Kills one of them with what it started, at once; one that has ended by itself may have left nothing."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def said(self, name: str) -> str:
        """The log of one of them."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def listening(self, name: str, port: int) -> None:
        """Waits until one of them listens."""
        ends = time.monotonic() + _SECONDS_TO_START
        while time.monotonic() < ends and self.processes[name].poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(f"{name} does not listen: {self.said(name)[-2000:]}")


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@contextlib.contextmanager
def spark_cluster(folder: Path, class_path: str) -> Iterator[SparkCluster]:
    """A Spark that ends with the block.

    Args:
      folder: where `jars` put them, otherwise empty.
      class_path: as `jars` gives it.
    """
    cluster = SparkCluster(folder, class_path)
    master, job = free_port(), free_port()
    url = f"spark://127.0.0.1:{master}"
    try:
        where = ["--host", "127.0.0.1", "--port", str(master), "--webui-port", str(free_port())]
        cluster.start("master", "org.apache.spark.deploy.master.Master", *where)
        cluster.listening("master", master)
        for worker in ("worker-1", "worker-2"):
            place = ["--host", "127.0.0.1", "--webui-port", str(free_port()), "--work-dir", str(folder / worker)]
            sizes = ["--cores", "1", "--memory", "1500m"]
            cluster.start(worker, "org.apache.spark.deploy.worker.Worker", *place, *sizes, url)
        cluster.start(
            "job-server",
            "-Dspark.executor.memory=1g",
            "-Dspark.driver.host=127.0.0.1",
            f"-Dspark.executor.extraJavaOptions={' '.join((*_SHORT_LIVED, *OPENS))}",
            # The executors of one job do the next one too; each job has Python workers of its own all the same.
            "-Dbeam.spark.test.reuseSparkContext=true",
            # What fails once is to be seen.
            "-Dspark.task.maxFailures=1",
            "org.apache.beam.runners.spark.SparkJobServerDriver",
            f"--spark-master-url={url}",
            "--job-host=127.0.0.1",
            f"--job-port={job}",
            "--artifact-port=0",
            "--expansion-port=0",
            f"--artifacts-dir={folder / 'artifacts'}",
            memory="1g",
        )
        cluster.listening("job-server", job)
        cluster.endpoint = f"127.0.0.1:{job}"
        yield cluster
    finally:
        for name in [*cluster.processes]:
            cluster.kill(name)

"""A real Spark on this machine: a master, two workers and Beam's job server, each a process of its own on loopback."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from support.java_cluster import SHORT_LIVED, JavaCluster, free_port, jars

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


@contextlib.contextmanager
def spark_cluster(folder: Path, *, failures: int = 1) -> Iterator[JavaCluster]:
    """A Spark that ends with the block.

    Args:
      folder: of its files, empty.
      failures: so many times a task may fail before the job does. Of one, what fails is seen at once.

    Raises:
      OSError: its jars can't be downloaded.
    """
    environment = {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder),
        # Executors are started with the jars in `jars` below it.
        "SPARK_HOME": str(folder),
        "SPARK_SCALA_VERSION": "2.12",
    }
    cluster = JavaCluster(folder, jars(folder, JARS), environment=environment)
    master, job = free_port(), free_port()
    url = f"spark://127.0.0.1:{master}"
    try:
        where = ["--host", "127.0.0.1", "--port", str(master), "--webui-port", str(free_port())]
        cluster.start("master", *OPENS, "org.apache.spark.deploy.master.Master", *where)
        cluster.listening("master", master)
        for worker in ("worker-1", "worker-2"):
            place = ["--host", "127.0.0.1", "--webui-port", str(free_port()), "--work-dir", str(folder / worker)]
            sizes = ["--cores", "1", "--memory", "1500m"]
            cluster.start(worker, *OPENS, "org.apache.spark.deploy.worker.Worker", *place, *sizes, url)
        cluster.start(
            "job-server",
            *OPENS,
            "-Dspark.executor.memory=1g",
            "-Dspark.driver.host=127.0.0.1",
            f"-Dspark.executor.extraJavaOptions={' '.join((*SHORT_LIVED, *OPENS))}",
            # The executors of one job do the next one too; each job has Python workers of its own all the same.
            "-Dbeam.spark.test.reuseSparkContext=true",
            f"-Dspark.task.maxFailures={failures}",
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
        cluster.end()

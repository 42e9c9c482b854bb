"""Programs of the Java world on this machine, each a process of its own on loopback, from the jars of Maven Central."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Jar = tuple[str, str, str]
"""Group, artifact and version."""
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>lockgate</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>{}</dependencies></project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
"""Java of a minute: the thorough compiler and its threads would cost more than they save."""
_SECONDS_TO_DOWNLOAD, _SECONDS_TO_START = 600, 90


def why_not() -> str:
    """Why none can be started here; empty where it can."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"{' and '.join(missing)} missing: install OpenJDK 17 and Maven" if missing else ""


def jars(folder: Path, wanted: Sequence[Jar]) -> str:
    """The class path, downloaded by Maven (which keeps what it has).

    Args:
      folder: they are put into its folder `jars`.
      wanted: with them comes what they need.

    Raises:
      OSError: Maven could not download them, in time.
    """
    pom = folder / "pom.xml"
    pom.write_text(_POM.format("".join(_DEPENDENCY.format(*each) for each in wanted)), encoding="utf-8")
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
class JavaCluster:
    """Processes that belong together.

    Attributes:
      folder: of its logs and files.
      class_path: of all its processes.
      endpoint: of Beam's job server.
      environment: variables of all its processes, beside those of this one.
      processes: by name.
    """

    folder: Path
    class_path: str
    endpoint: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *arguments: str, memory: str = "300m") -> None:
        """Starts a class of Java's in a group of processes of its own."""
        java = ["java", f"-Xmx{memory}", *SHORT_LIVED, "-cp", self.class_path, *arguments]
        environment = os.environ | self.environment
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

    def started(self, name: str) -> list[str]:
        """The command lines of one of them and of what it started, as far as that stayed in its group."""
        group = self.processes[name].pid
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                # pid (name) state parent group: the name may have blanks.
                if int((process / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        return found

    def end(self) -> None:
        """Kills all of them."""
        for name in [*self.processes]:
            self.kill(name)

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

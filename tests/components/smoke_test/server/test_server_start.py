"""Servers that are started for the test, and how that fails. The programs are an emulator, not TensorFlow Serving."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.model_server.benches import toy_bench, with_server
from support.model_server.on_path import write_program

from components.smoke_test.bench.bench import Bench
from components.smoke_test.checks.server import check_server
from components.smoke_test.server import process
from components.smoke_test.server.process import PROGRAM, Ports, StartError, find_program, running_server

pytestmark = pytest.mark.slow

APIS = ["server_rest", "server_grpc"]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """For programs that never look at it."""
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"not read")
    return folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with toy_bench(tmp_path_factory.mktemp("start") / "export") as bench:
        yield bench


def start(folder: Path, export: Path, *options: str, seconds: float = 60.0, output_mb: int = 16) -> StartError:
    write_program(folder, *options)
    with (
        pytest.raises(StartError) as caught,
        running_server(str(folder / PROGRAM), export, seconds=seconds, output_mb=output_mb),
    ):
        pass
    return caught.value


def processes(marker: str) -> list[str]:
    """The command lines of this machine's processes that hold a text."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if marker in command:
            found.append(command)
    return found


def test_an_exit_at_start_is_told_with_the_log(tmp_path: Path, export: Path) -> None:
    error = start(tmp_path / "bin", export, "--emulate=exit")
    assert str(error) == "it ended with exit code 255 before it served the model"
    assert "Failed to start server. Error: the emulator was told to" in error.log_tail


def test_a_hang_at_start_ends_at_the_limit(tmp_path: Path, export: Path) -> None:
    error = start(tmp_path / "bin", export, "--emulate=hang", seconds=2.0)
    assert str(error).startswith("it did not serve the model within 2 s: http://127.0.0.1:")
    assert "was not reached" in str(error)
    assert "told to hang" in error.log_tail
    assert processes(str(tmp_path / "bin")) == []


def test_a_flood_of_output_ends_it(tmp_path: Path, export: Path) -> None:
    error = start(tmp_path / "bin", export, "--emulate=flood", output_mb=1)
    assert str(error) == "it printed more than 1 MiB before it served the model"


def test_its_children_are_gone_too(tmp_path: Path, export: Path) -> None:
    marker = "54321.125"
    start(tmp_path / "bin", export, f"--emulate_child={marker}", seconds=2.0)
    assert processes(marker) == []


def test_the_export_is_copied_and_its_links_are_not_followed(tmp_path: Path, export: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (export / "link").symlink_to(tmp_path / "secret")
    seen = tmp_path / "seen"
    program = tmp_path / PROGRAM
    program.write_text(
        "#!/bin/sh\n"
        'for each in "$@"; do case $each in --model_base_path=*) base=${each#*=};; esac; done\n'
        f'ls -l "$base/1" > {seen}\n'
        'echo changed > "$base/1/saved_model.pb"\n'
        f"env > {seen}.env\n"
    )
    program.chmod(0o755)
    with pytest.raises(StartError, match="exit code 0"), running_server(str(program), export, seconds=30, output_mb=1):
        pass
    assert "link -> " in seen.read_text()
    assert (export / "saved_model.pb").read_bytes() == b"not read"
    inherited = {line.partition("=")[0] for line in Path(f"{seen}.env").read_text().splitlines()}
    # PWD, SHLVL and _ are the shell's own.
    assert inherited <= {
        "PATH",
        "LANG",
        "LC_ALL",
        "LD_LIBRARY_PATH",
        "TZ",
        "HOME",
        "TMPDIR",
        "CUDA_VISIBLE_DEVICES",
    } | {
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }


def test_a_port_that_somebody_took_meanwhile_costs_a_second_start(
    tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free, given = Ports.free, []
    with socket.socket() as holder:
        holder.bind(("", 0))
        holder.listen()

        def ports() -> Ports:
            given.append(Ports(holder.getsockname()[1], free().rest) if not given else free())
            return given[-1]

        monkeypatch.setattr(process.Ports, "free", ports)
        # Twice the same end, but only the first time a port is taken.
        error = start(tmp_path / "bin", export, "--emulate=exit")
    assert len(given) == 2
    assert type(error) is StartError


def test_the_server_ends_with_the_gate(tmp_path: Path, export: Path) -> None:
    """A gate that is killed outright can clean up nothing."""
    pipe, program = tmp_path / "pipe", tmp_path / PROGRAM
    os.mkfifo(pipe)
    program.write_text(f"#!/bin/sh\nexec 3>{pipe}\necho started >&3\nexec sleep 1000\n")
    program.chmod(0o755)
    code = f"""
        from pathlib import Path
        from components.smoke_test.server.process import running_server
        with running_server({str(program)!r}, Path({str(export)!r}), seconds=100, output_mb=1):
            pass
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}  # what a killed gate leaves behind is pytest's to remove
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as gate, pipe.open() as server:
        assert server.readline() == "started\n"
        os.kill(gate.pid, signal.SIGKILL)
        # The pipe ends when the last process that holds it does.
        assert server.read() == ""


def test_never_and_not_found_are_skipped_with_the_reason(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_program() is None
    for use, reason in [("never", "smoke_test.server.use is never"), ("if_found", f"no {PROGRAM} on the PATH")]:
        results = list(check_server(with_server(bench, use=use)))
        assert [(result.check, result.status) for result in results] == [(api, "skipped") for api in APIS]
        assert all(reason in result.received for result in results)
    assert "smoke_test.server.rest" in results[0].received


def test_a_required_server_that_is_not_there_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    results = list(check_server(with_server(bench, use="required")))
    assert [(result.check, result.status) for result in results] == [(api, "failed") for api in APIS]
    assert all(PROGRAM in result.hint for result in results)


def test_a_server_that_fails_at_start_fails_both_checks(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", write_program(tmp_path, "--emulate=exit"))
    results = list(check_server(with_server(bench)))
    assert [(result.check, result.status) for result in results] == [(api, "failed") for api in APIS]
    assert all("exit code 255" in result.received for result in results)
    assert all("the emulator was told to" in result.hint for result in results)


def test_a_server_on_the_path_is_started_asked_and_stopped(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", write_program(tmp_path))
    results = list(check_server(with_server(bench)))
    assert {result.check for result in results} == set(APIS)
    assert {result.status for result in results} == {"passed"}
    assert processes("--model_name=smoke_test_") == []

"""Every end of the model's process has a reason in words, and leaves nothing. No TensorFlow in these processes."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType

import pytest
from support.sandboxed import PAUSE, limits, said, write_program

from components.alongside import Lane
from components.smoke_test.sandbox import process as module
from components.smoke_test.sandbox.process import WORKER, ModelProcess, ProcessEnded

REPOSITORY = Path(__file__).resolve().parents[4]


def end(folder: Path, script: str, *, closed: bool = True, seconds: float = 30.0, **changed: int) -> tuple[str, str]:
    """Why a program ended, and its log."""
    with ModelProcess(limits(**changed), write_program(folder, script, closed=closed)) as process:
        with pytest.raises(ProcessEnded) as raised:
            process.receive(seconds)
        return str(raised.value), process.log_tail()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("os._exit(0)", "exit code 0"),
        ("os.abort()", "killed by signal 6 (Aborted)"),
        ("ctypes.string_at(0)", "killed by signal 11 (Segmentation fault)"),
        ("os.kill(os.getpid(), 9)", "killed by signal 9 (Killed), perhaps because the machine ran out of memory"),
        ("threading.Thread(target=os.abort).start()" + PAUSE, "killed by signal 6 (Aborted)"),
        ("bytearray(2**30)", "it ran out of memory (limit 512 MiB): exit code 1"),
        ("os.write(2, b\"what(): std::bad_alloc\"); os.abort()",
         "it ran out of memory (limit 512 MiB): killed by signal 6 (Aborted)"),
        ("reply({'out_of_memory': True})" + PAUSE, "it ran out of memory (limit 512 MiB)"),
        ("while True: os.write(1, bytes(65536))", "it printed more than 1 MiB"),
        ("while True: os.write(2, bytes(65536))", "it printed more than 1 MiB"),
        ("while True: os.write(job['replies'], bytes(65536))", "its reply has no end"),
        ("os.write(job['replies'], b'not JSON\\n')" + PAUSE, "its reply can't be read"),
        ("reply([1])" + PAUSE, "its reply can't be read"),
    ],
)  # fmt: skip
def test_every_end_has_a_reason(tmp_path: Path, script: str, reason: str) -> None:
    assert end(tmp_path, script)[0] == reason


@pytest.mark.parametrize(
    ("script", "crashed"),
    [
        ("os.abort()", True),
        ("ctypes.string_at(0)", True),
        ("sys.exit(3)", False),
        ("os.kill(os.getpid(), 9)", False),
        ("os.write(2, b'std::bad_alloc'); os.abort()", False),
        ("while True: os.write(1, bytes(65536))", False),
    ],
)
def test_only_native_code_that_fails_is_a_crash(tmp_path: Path, script: str, crashed: bool) -> None:
    with (
        ModelProcess(limits(), write_program(tmp_path / "program", script)) as process,
        pytest.raises(ProcessEnded) as caught,
    ):
        process.receive(30.0)
    assert caught.value.crashed == crashed


@pytest.mark.parametrize(
    "script",
    [
        "while True: pass",
        "signal.pause()",
        "for each in (1, 2, 3, 13, 15): signal.signal(each, signal.SIG_IGN)" + PAUSE,
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "while True: os.write(1, b'x'); libc.usleep(1000)",
    ],
)
def test_the_deadline_holds(tmp_path: Path, script: str) -> None:
    started = time.monotonic()
    assert end(tmp_path, script, seconds=0.4)[0] == "no answer within 0.4 s"
    assert time.monotonic() - started < 5


def test_processor_time_is_limited(tmp_path: Path) -> None:
    reason, _ = end(tmp_path, "while True: pass", cpu_seconds=1)
    assert reason == "it used more than 1 s of processor time: killed by signal 24 (CPU time limit exceeded)"


def test_a_bug_of_the_worker_shows_in_the_log(tmp_path: Path) -> None:
    reason, log = end(tmp_path, "print('before', flush=True)\nraise ValueError('a bug')")
    assert reason == "exit code 1"
    assert log.startswith("before\n")
    assert log.endswith("ValueError: a bug")


def test_an_older_error_of_memory_is_not_the_reason(tmp_path: Path) -> None:
    script = """
os.write(2, b"OOM when allocating tensor\\n")
reply({})
open(job["commands"]).readline()
os.abort()
"""
    with ModelProcess(limits(), write_program(tmp_path, script)) as process:
        assert process.receive(30) == {}
        with pytest.raises(ProcessEnded, match=r"^killed by signal 6 \(Aborted\)$"):
            process.call({}, 30)


def test_closing_every_file_does_not_hide_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SECONDS_TO_END", 0.2)
    assert end(tmp_path, "os.closerange(0, 1000)" + PAUSE)[0] == "it closed the pipe to the gate"


@pytest.mark.parametrize(
    "script",
    [
        "os.fork()",
        "os.forkpty()",
        "os.system('true')",
        "os.execv(sys.executable, [sys.executable, '-V'])",
        "os.posix_spawn(sys.executable, [sys.executable, '-V'], {})",
        "subprocess.run([sys.executable, '-V'])",
        "libc.vfork()",
    ],
)
def test_a_model_that_starts_a_process_ends(tmp_path: Path, script: str) -> None:
    # Whatever it answers afterwards: the reply would be a pass.
    reason, _ = end(tmp_path, f"{script}\nreply({{}})")
    assert reason == "it tried to start another process: killed by signal 31 (Bad system call)"


def test_threads_that_ran_before_are_covered_too(tmp_path: Path) -> None:
    script = """
go = threading.Event()
threading.Thread(target=lambda: (go.wait(), os.fork())).start()
assert confine.close_doors() == ""
go.set()
signal.pause()
"""
    assert "tried to start another process" in end(tmp_path, script, closed=False)[0]


def test_the_other_numbers_of_the_same_calls_are_closed(tmp_path: Path) -> None:
    x32_getpid = 0x40000000 + 39
    assert "signal 31" in end(tmp_path, f"libc.syscall(ctypes.c_long({x32_getpid})); reply({{}})")[0]


def gone(pid: int) -> bool:
    """Whether a process is gone within ten seconds."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("last", ["signal.pause()", "os.abort()"])
def test_without_the_filter_its_children_end_with_it(tmp_path: Path, last: str) -> None:
    script = f"""
pid = os.fork()
if pid == 0:
    signal.pause()
reply({{"pid": pid}})
{last}
"""
    pid = said(tmp_path, script, closed=False)["pid"]
    assert gone(pid)


def leftovers() -> tuple[int, int, set[str]]:
    """Open files, threads and temporary folders of this process."""
    folders = {path.name for path in Path(tempfile.gettempdir()).glob("lockgate-smoke-test-*")}
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), folders


@pytest.mark.parametrize("script", ["reply({})" + PAUSE, "os.abort()", "print('x' * 10000)"])
def test_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = leftovers()
    with ModelProcess(limits(), write_program(tmp_path / "program", script)) as process:
        pid = process._process.pid
        assert leftovers() != before
        try:
            process.receive(30)
        except ProcessEnded as error:
            with pytest.raises(ProcessEnded, match=str(error).replace("(", ".").replace(")", ".")):  # and stays so
                process.call({}, 30)
    assert leftovers() == before
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(ProcessEnded):
        process.call({}, 30)


def test_a_start_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-such-python"))
    before = leftovers()
    with pytest.raises(FileNotFoundError):
        ModelProcess(limits(), write_program(tmp_path / "program", "pass"))
    assert leftovers() == before


def test_an_interrupt_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = leftovers()

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with ModelProcess(limits(), write_program(tmp_path / "program", "reply({})" + PAUSE)) as process:
            process.receive(30)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(KeyboardInterrupt):
                process.receive(30)
            assert not Path(f"/proc/{process._process.pid}").exists()
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert leftovers() == before


def test_a_gate_beside_another_component_can_be_interrupted(tmp_path: Path) -> None:
    lane, asked, ends = Lane(threading.Lock()), threading.Event(), []
    before = leftovers()

    def gate() -> None:
        with (
            lane.entered(),
            ModelProcess(limits(), write_program(tmp_path / "program", "reply({})" + PAUSE)) as process,
        ):
            process.receive(30)
            asked.set()
            with pytest.raises(KeyboardInterrupt):
                process.receive(3600)
            ends.append(process._process.pid)
            assert gone(process._process.pid)
            with pytest.raises(ProcessEnded, match="the gate was interrupted"):
                process.receive(30)
            ends.append("so it is")

    thread = threading.Thread(target=gate)
    thread.start()
    assert asked.wait(30)
    lane.interrupt()
    thread.join(30)
    assert len(ends) == 2
    assert leftovers() == before


def test_the_process_ends_when_the_gate_is_killed(tmp_path: Path) -> None:
    program = write_program(tmp_path, "reply({'pid': os.getpid()})\nwhile True: pass")
    gate = f"""
import signal
from pathlib import Path
from components.smoke_test.config import Process
from components.smoke_test.sandbox.process import ModelProcess
print(ModelProcess(Process(), Path({str(program)!r})).receive(30)["pid"], flush=True)
signal.pause()
"""
    command = [sys.executable, "-c", gate]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY, env={"TMPDIR": str(tmp_path)}
    ) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        run.kill()
        run.wait()
        assert gone(pid)


ECHO = """
for line in open(job["commands"]):
    reply({"size": len(line)})
"""


def test_a_long_command_arrives_and_one_that_nobody_reads_does_not_hang(tmp_path: Path) -> None:
    long = {"text": "x" * 2**20}
    with ModelProcess(limits(), write_program(tmp_path / "echo", ECHO)) as process:
        assert process.call(long, 30) == {"size": 2**20 + len('{"text": ""}\n')}
    with (
        ModelProcess(limits(), write_program(tmp_path / "deaf", "signal.pause()")) as process,
        pytest.raises(ProcessEnded, match=r"no answer within 0.3 s"),
    ):
        process.call(long, 0.3)


WIDE = "import fcntl; fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 2**20)\n"
"""A pipe that holds more than its reader takes at a time."""


def said_all(process: ModelProcess) -> bool:
    """Waits until a reply lies in the pipe, and reads nothing meanwhile."""
    return bool(select.select([process._replies], [], [], 30)[0])


def test_what_it_printed_before_a_reply_is_known_with_the_reply(tmp_path: Path) -> None:
    script = WIDE + "os.write(1, b'y' * 900_000); os.write(2, b'to stderr'); reply({})" + PAUSE
    with ModelProcess(limits(), write_program(tmp_path, script)) as process:
        assert said_all(process)
        process.receive(30)
        assert (process.stdout.count, process.stderr.tail()) == (900_000, "to stderr")


def test_a_flood_just_before_a_reply_is_one(tmp_path: Path) -> None:
    first, second = "os.write(1, b'y' * 500_000); reply({})", "os.write(1, b'y' * 900_000); reply({})"
    script = f"{WIDE}{first}\nos.read(job['commands'], 1)\n{second}{PAUSE}"
    with ModelProcess(limits(), write_program(tmp_path, script)) as process:
        process.receive(30)
        os.write(process._commands, b"!")
        assert said_all(process)
        with pytest.raises(ProcessEnded, match="it printed more than 1 MiB"):
            process.receive(30)


LOOP = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("loop", {str(WORKER / "__main__.py")!r})
loop = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loop)

class Odd:
    def memory(self, command):
        libc.printf(b"held back by C")
        print("held back by Python", end="")
        return {{}}
    def ask(self, command): raise MemoryError
    def load(self, command): raise loop.GiveUpError("its answers take too much")
    def transform(self, command): raise KeyError("a bug")
    measure = repeat = memory

loop.serve(Odd(), open(job["commands"]), reply)
"""


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("ask", "it ran out of memory (limit 512 MiB)"),
        ("load", "its answers take too much"),
        ("transform", "exit code 1"),
    ],
)
def test_the_loop_tells_what_the_model_did_from_its_own_bugs(tmp_path: Path, command: str, reason: str) -> None:
    with ModelProcess(limits(), write_program(tmp_path, LOOP)) as process:
        assert process.call({"command": "memory"}, 30) == {}
        assert sorted(process.stdout.tail().split("held back by ")) == ["", "C", "Python"]
        with pytest.raises(ProcessEnded) as raised:
            process.call({"command": command}, 30)
        assert str(raised.value) == reason
        assert ("KeyError: 'a bug'" in process.log_tail()) == (command == "transform")


def test_the_last_reply_counts_although_the_process_has_ended(tmp_path: Path) -> None:
    with ModelProcess(limits(), write_program(tmp_path, "reply({'last': 1}); os._exit(4)")) as process:
        assert process.receive(30) == {"last": 1}
        with pytest.raises(ProcessEnded, match="exit code 4"):
            process.receive(30)


def test_a_reply_to_no_question_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    with ModelProcess(limits(), write_program(tmp_path, "os.write(job['replies'], b'{}\\n{}\\n')" + PAUSE)) as process:
        process.receive(30)
        with pytest.raises(ProcessEnded, match="answered before it was asked"):
            process.call({}, 30)


def test_two_processes_share_nothing(tmp_path: Path) -> None:
    seen = """
reply({"fds": sorted(os.readlink(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd") if int(each) != 99
       and os.path.exists(f"/proc/self/fd/{each}")), "exchange": str(exchange), "cwd": os.getcwd()})
signal.pause()
"""
    program = write_program(tmp_path, seen)
    with ModelProcess(limits(), program) as first, ModelProcess(limits(), program) as second:
        one, other = first.receive(30), second.receive(30)
    assert not set(one["fds"]) & set(other["fds"]) - {"/dev/null"}
    assert len(one["fds"]) == len(other["fds"]) == 5  # stdin, stdout, stderr, commands, replies
    assert one["exchange"] != other["exchange"]
    assert one["cwd"] != other["cwd"]

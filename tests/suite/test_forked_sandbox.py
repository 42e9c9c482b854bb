"""A fork of a process that has imported TensorFlow is to the gate what a process of its own is."""

import os
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.forked_sandbox import ForkedSandboxes

from components.smoke_test.config import Process
from components.smoke_test.sandbox.session import ProcessEnded, Request, Session

pytestmark = pytest.mark.slow

LIMITS = Process(memory_mb=1024)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Twice a number; as many MiB as it says, for a moment."""
    module = tf.Module()
    spec = [tf.TensorSpec([None], tf.float32, name="x")]
    signatures = {
        "twice": tf.function(lambda x: {"y": 2.0 * x}, input_signature=spec),
        "takes": tf.function(
            lambda x: {"y": tf.reduce_sum(tf.fill([tf.cast(x[0], tf.int32), 2**18], 1.0), axis=1)[:1]},
            input_signature=spec,
        ),
    }
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=signatures)
    return tmp_path / "model"


def ask(session: Session, signature: str, number: float) -> Any:
    [answer] = session.ask([Request(signature, {"x": np.array([number], np.float32)})], phase="asked")
    return answer


def facts(session: Session) -> dict[str, Any]:
    """What a process is, by the kernel, apart from its numbers."""
    pid = session._process._process.pid
    place = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (place / "status").read_text().splitlines() if ":\t" in line)
    limits = [line for line in (place / "limits").read_text().splitlines() if "pending" not in line]
    return {
        "parent": int(status["PPid"]),
        "leads": (os.getsid(pid), os.getpgid(pid)) == (pid, pid),
        "filter": (status["Seccomp"], status["NoNewPrivs"]),
        "limits": limits,
        "folder": (place / "cwd").readlink() == session._process._work,
        "descriptors": len(list((place / "fd").iterdir())),
    }


def test_a_fork_is_what_a_fresh_process_is(model: Path, tmp_path: Path) -> None:
    (tmp_path / "sandboxes").mkdir()
    with (
        closing(ForkedSandboxes(tmp_path / "sandboxes")) as sandboxes,
        sandboxes.one_waiting(LIMITS),
        Session(LIMITS) as fork,
        Session(LIMITS) as fresh,
    ):
        both = (fork, fresh)
        assert type(fork._process) is not type(fresh._process)
        for each in both:
            each.load(model)
            assert (each.isolation, each.stdout()) == ("", (0, ""))
            assert ask(each, "twice", 21.0).outputs["y"].tolist() == [42.0]
            error = ask(each, "takes", 2000.0).error
            assert error is not None
            assert error.code == "ResourceExhausted"
        assert facts(fork) == facts(fresh)
        assert facts(fork)["parent"] == os.getpid()
        numbers = [each._process._process.pid for each in both]
        for each, pid in zip(both, numbers, strict=True):
            os.kill(pid, signal.SIGSEGV)
            with pytest.raises(ProcessEnded, match=r"killed by signal 11") as ended:
                ask(each, "twice", 1.0)
            assert ended.value.crashed
    # No zombie either: both were waited for.
    assert [pid for pid in numbers if Path(f"/proc/{pid}").exists()] == []

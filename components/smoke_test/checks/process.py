"""How the model's process fares: it starts, loads, keeps to its limits, prints nothing, and is cut off."""

import re
from collections.abc import Iterator

from components.smoke_test.checks.placement import DEVICE_HINT
from components.smoke_test.config import Process as Limits
from components.smoke_test.report import LONGEST_MESSAGE, CheckResult
from components.smoke_test.sandbox.process import ProcessEnded
from components.smoke_test.sandbox.session import LoadError, Session
from preprocessing.text import one_line

_SILENT = "nothing on stdout"
_LOADS = "the model loads"
_WRAPPING = re.compile(
    r"Restoring from checkpoint failed\..*?Original error:\s*(Graph execution error:\s*)?"
    r"(Detected at node.*?\nNode: [^\n]*\n)?",
    re.DOTALL,
)
"""What TensorFlow puts before the message that says what is wrong."""
_FILES = re.compile(r"DataLoss|NotFound|OutOfRange|checkpoint|TensorSliceReader|No such file", re.IGNORECASE)


def loaded(seconds: float) -> CheckResult:
    """The export loads as a server loads it."""
    return CheckResult.passes("loads", _LOADS, f"loaded in {seconds:.2f} s", seconds=round(seconds, 4))


def load_failed(error: LoadError) -> CheckResult:
    """The failed check of an export that does not load."""
    message = _WRAPPING.sub("", str(error))
    hint = "the graph or its initialisation fails: try tf.saved_model.load on it in a new process, without your code"
    if "Cannot assign a device" in message:
        hint = DEVICE_HINT
    elif _FILES.search(message):
        hint = "the files are incomplete or belong to another export: export again"
    return CheckResult.fails("loads", _LOADS, one_line(message, LONGEST_MESSAGE), hint=hint)


def ended(error: ProcessEnded, session: Session, limits: Limits) -> CheckResult:
    """The model's process ended before the gate was done with it."""
    hint = "read log_tail in the report; smoke_test.process has the limits"
    if error.hint:
        hint += f"; {error.hint}"
    return CheckResult.fails("process", _expected(limits), f"{error}, in phase {session.phase!r}", hint=hint)


def check_process(session: Session, limits: Limits) -> Iterator[CheckResult]:
    """What can be said of the process when it has done all that was asked."""
    yield CheckResult.passes("process", _expected(limits), "it answered to the end")
    written, tail = session.stdout()
    if written:
        yield CheckResult.fails(
            "stdout",
            _SILENT,
            f"{written:,} bytes, the last: {one_line(tail, LONGEST_MESSAGE)!r}",
            hint="a print left in the model's graph: remove it, a server would fill its log with it",
        )
    else:
        yield CheckResult.passes("stdout", _SILENT)
    isolated = "no network and no new processes for the model"
    if session.isolation:
        yield CheckResult.fails("isolation", isolated, session.isolation, hint="run the gate on Linux with seccomp")
    else:
        yield CheckResult.passes("isolation", isolated)


def _expected(limits: Limits) -> str:
    return (
        f"a process that answers within {limits.phase_seconds:g} s a phase, {limits.memory_mb} MiB and "
        f"{limits.cpu_seconds} s of processor time"
    )

"""The line for a person when one of Beam's engines ended a job: what was lost or refused, and the next step.

An engine says what happened in a Java stack trace of a page. What it means is told by words in it that Flink 1.19,
Spark 3.5 and Beam's job servers write.
"""

import re
from collections.abc import Iterator

_GO_ON = "run it again: what was finished comes from the cache"
_CAUSES: tuple[tuple[str, str, str], ...] = (
    # what the engine says, what it means, the next step
    (
        r"more than 64 outputs",
        "Flink can't take a step with more than 64 outputs",
        "use engine: spark, or leave Transform in its own process: beam.local_steps: [Transform]",
    ),
    (
        r"NoRestartBackoffTimeStrategy",
        "a task manager of Flink was lost, and Flink's restart strategy is off",
        "set restart-strategy.type: exponential-delay in Flink's configuration; " + _GO_ON,
    ),
    (
        r"TaskManager .{0,80}(no longer reachable|timed out)|Connection unexpectedly closed by remote task manager"
        r"|heartbeat of TaskManager",
        "a task manager of Flink was lost",
        "see its log for the reason, memory above all; " + _GO_ON,
    ),
    (
        r"ExecutorLostFailure|Lost executor|all masters are unresponsive|Master removed our application",
        "Spark lost the machines that did the work",
        "see Spark's page for the reason, memory above all; " + _GO_ON,
    ),
    (
        r"Insufficient number of network buffers",
        "Flink's task managers have too little network memory for this parallelism",
        "raise taskmanager.memory.network.max (640 MB for two slots), or lower beam.parallelism",
    ),
    (
        r"NoResourceAvailableException|Initial job has not accepted any resources",
        "the engine has no free slot for the job",
        "start more workers, or lower beam.parallelism; then run it again",
    ),
    (
        r"(Cannot run program|error=2, No such file)[^\n]{0,200}|Process died with exit code -?\d+",
        "the engine could not start Beam's Python workers",
        "beam.worker_command has to be on the engine's machines, with the version of Lockgate that runs here",
    ),
    (
        r"(Timed out|timed out) while waiting for environment|Failed to connect to /?[\w.]+:\d+.*worker",
        "Beam's Python workers did not start",
        "see the engine's log; with workers: external a worker pool has to run beside each of its machines",
    ),
    (
        r"Unable to fetch remote job server jar at \S+",
        "Beam's job server could not be downloaded",
        "download it yourself, in a version that there is for this engine, and name it in beam.job_server_jar",
    ),
    (
        r"Service failed to start up with error -?\d+",
        "Beam's job server ended as soon as it was started",
        "see its messages in the run's log: it needs Java 17, and a beam.job_server_jar that is for this engine",
    ),
    (
        r"StatusCode\.UNAVAILABLE|DEADLINE_EXCEEDED|FutureTimeoutError|Socket closed|Stream removed",
        "Beam's job server does not answer",
        "see whether it still runs (beam.endpoint); " + _GO_ON,
    ),
)
_FAILED = re.compile(r"Pipeline \S+ failed in state (FAILED|CANCELLED|STOPPED|UNKNOWN)")
_NO_SERVER = re.compile(r"^(Unable to fetch remote job server jar|Service failed to start up with error)")
_OURS = re.compile(r"preprocessing\.errors\.UserError: (?P<message>.+)")
_FROM_PYTHON = "Traceback (most recent call last)"


def engine_failure(error: BaseException) -> str | None:
    """The message where an engine, or its job server, is behind the error; None for any other.

    Args:
      error: what Beam raised.
    """
    # Some of grpc's errors have no message.
    text = str(error) or type(error).__name__
    of_job = isinstance(error, RuntimeError) and _FAILED.search(text) is not None
    if not of_job and type(error).__module__.partition(".")[0] != "grpc" and _NO_SERVER.search(text) is None:
        return None
    if (ours := _OURS.search(text)) is not None:
        return ours["message"]
    return next(_messages(text), None) or (None if _FROM_PYTHON in text else _unknown(text) if of_job else None)


def _messages(text: str) -> Iterator[str]:
    for words, meaning, step in _CAUSES:
        if (said := re.search(words, text)) is not None:
            yield f"{meaning} ({said.group(0)[:200]})\n  next: {step}"


def _unknown(text: str) -> str:
    said = _FAILED.sub("", text, count=1).lstrip(": ").splitlines() or [""]
    return f"the engine ended the job: {said[0][:400]}\n  next: see the engine's log; {_GO_ON}"

"""What an engine of Beam's says is told in one line, and a bug stays a bug."""

import grpc
import pytest

from pipeline.failures.mistakes import explain

FAILED = "Pipeline BeamApp-root-1130-1_5b failed in state FAILED: "


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # What Spark 3.5 and Flink 1.19 wrote, by way of Beam's job servers of 2.62, shortened.
        ("java.lang.IllegalStateException: Process died with exit code 1", "could not start Beam's Python workers"),
        (
            'java.io.IOException: Cannot run program "/opt/worker": error=2, No such file or directory',
            "could not start Beam's Python workers",
        ),
        (
            "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy",
            "restart strategy is off",
        ),
        ("Cannot currently handle nodes with more than 64 outputs.", "more than 64 outputs"),
        (
            "Job aborted: ExecutorLostFailure (executor 1 exited caused by one of the running tasks)",
            "Spark lost the machines",
        ),
        ("java.io.IOException: Insufficient number of network buffers: required 17", "too little network memory"),
        (
            "java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.\nThis stopped",
            "the engine ended the job: java.lang.IllegalStateException: Cannot call methods on a stopped SparkContext.",
        ),
    ],
)
def test_one_line_and_the_next_step(said: str, expected: str) -> None:
    message = explain(RuntimeError(FAILED + said))
    assert message is not None
    what, *rest = message.splitlines()
    assert expected in what
    assert [each.startswith("  next: ") for each in rest] == [True]


def test_a_users_mistake_in_a_worker_is_told_in_its_own_words() -> None:
    said = f"{FAILED}java.lang.RuntimeException: Traceback (most recent call last):\n  File ...\n"
    said += "preprocessing.errors.UserError: data.path: birds.csv: row 7: expected a number\n"
    assert explain(RuntimeError(said)) == "data.path: birds.csv: row 7: expected a number"


def test_a_bug_in_a_worker_stays_one() -> None:
    said = f"{FAILED}java.lang.RuntimeException: Traceback (most recent call last):\n  File ...\nKeyError: 'x'\n"
    assert explain(RuntimeError(said)) is None
    assert explain(RuntimeError("failed in a way of our own")) is None


def test_a_job_server_that_is_gone() -> None:
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/nobody/there")(b"", timeout=5)
    message = explain(caught.value)
    assert message is not None
    assert message.startswith("Beam's job server does not answer")


def test_a_job_server_that_takes_the_connection_and_says_nothing() -> None:
    # Beam waits for the channel, and grpc's error has no message.
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.FutureTimeoutError) as caught:
        grpc.channel_ready_future(channel).result(timeout=0.01)
    message = explain(caught.value)
    assert message is not None
    assert message.startswith("Beam's job server does not answer")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # As apache_beam.utils.subprocess_server writes them.
        (
            "Unable to fetch remote job server jar at https://example.com/x.jar: HTTP Error 404: Not Found. If no",
            "could not be downloaded",
        ),
        ("Service failed to start up with error 1", "ended as soon as it was started"),
    ],
)
def test_a_job_server_of_the_steps_own_that_does_not_start(said: str, expected: str) -> None:
    message = explain(RuntimeError(said))
    assert message is not None
    assert expected in message.splitlines()[0]

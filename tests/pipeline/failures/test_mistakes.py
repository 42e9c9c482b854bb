import errno
import os
import sqlite3
import traceback
from pathlib import Path

import pytest

from pipeline.failures.mistakes import explain
from preprocessing.errors import UserError

ROOT = Path("/data/out")
FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"


def _os_error(number, path):
    return OSError(number, os.strerror(number), path)


def _wrapped(cause):
    """As Beam and TFX do: an error of their own around the one that matters."""
    error = RuntimeError("[while running 'Write']")
    error.__cause__ = cause
    return error


def _raised(action):
    try:
        action()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def test_a_users_mistake_is_found_below_what_wraps_it():
    assert explain(_wrapped(UserError("a: expected b, received c", hint="do d"))) == (
        "a: expected b, received c\n  next: do d"
    )


@pytest.mark.parametrize(
    ("number", "what", "in_root", "elsewhere"),
    [
        (errno.ENOSPC, "the disk is full", "set root", "free some space"),
        (errno.EACCES, "no permission", "set root", "give yourself the permission"),
        (errno.EROFS, "the file system is read-only", "set root", "another folder"),
    ],
)
def test_errors_of_the_surroundings_name_the_file_and_a_next_step_that_fits_it(number, what, in_root, elsewhere):
    for path in ("/data/out/runs/1", "/data/out", "/data"):  # a root in a folder that can't be written, too
        message = explain(_wrapped(_os_error(number, path)), ROOT)
        assert message.startswith(f"{path}: {what}\n  next: ")
        assert in_root in message
    for root, path in ((ROOT, "/home/table.csv"), (ROOT, "/data/out2"), (None, "/data/out/x")):
        message = explain(_wrapped(_os_error(number, path)), root)
        assert message.startswith(f"{path}: {what}\n  next: ")
        assert elsewhere in message
        assert "root" not in message


@pytest.mark.parametrize("number", [errno.EEXIST, errno.ENOTDIR])
def test_a_file_in_the_way_is_the_users_where_the_root_should_be_and_a_bug_elsewhere(number):
    assert explain(_os_error(number, "/data/out"), ROOT) == (
        "/data/out: there is a file where a folder is needed\n  next: set root to a folder"
    )
    assert explain(_os_error(number, "/home/x"), ROOT) is None
    assert explain(_os_error(number, None), ROOT) is None


def test_an_error_without_a_file_concerns_the_root_in_a_run():
    assert "set root" in explain(_os_error(errno.ENOSPC, None), ROOT)
    assert "root" not in explain(_os_error(errno.ENOSPC, None))


def test_a_bug_in_the_handling_of_an_error_is_a_bug():
    def slip():
        try:
            raise _os_error(errno.EEXIST, "/data/out/x")
        except FileExistsError:
            {}["bug"]

    assert explain(_raised(slip), ROOT) is None


def test_an_error_that_was_put_aside_does_not_count():
    def replaced():
        try:
            raise _os_error(errno.EACCES, "/data/out/x")
        except PermissionError:
            raise RuntimeError("something else") from None

    def wrapped():
        try:
            raise _os_error(errno.EACCES, "/data/out/x")
        except PermissionError:
            raise RuntimeError("as Beam does")  # noqa: B904

    assert explain(_raised(replaced), ROOT) is None
    assert "no permission" in explain(_raised(wrapped), ROOT)


def test_words_count_only_where_a_library_has_nothing_else():
    assert explain(RuntimeError("git@host: Permission denied (publickey)"), ROOT) is None
    assert explain(ValueError("No space left on device"), ROOT) is None
    for said in ("database or disk is full", "cannot commit - no transaction is active"):
        assert "disk is full" in explain(sqlite3.OperationalError(said), ROOT)
    # HDF5, behind Keras' checkpoints.
    assert "disk is full" in explain(OSError("Can't write data (error message = 'No space left on device')"), ROOT)
    # A worker process of Beam sends its trace as text.
    sent = "".join(traceback.format_exception(_os_error(errno.ENOSPC, None))) + " [while running 'Write']"
    assert "disk is full" in explain(RuntimeError(sent), ROOT)


def test_sqlite_on_a_read_only_file_system(tmp_path):
    sqlite3.connect(tmp_path / "db").execute("create table t (x)")
    connection = sqlite3.connect(f"file:{tmp_path / 'db'}?mode=ro", uri=True)
    error = _raised(lambda: connection.execute("insert into t values (1)"))
    assert "read-only" in explain(error, ROOT)


@pytest.mark.slow
def test_a_full_disk_as_beam_and_tensorflow_report_it():
    import apache_beam as beam
    import tensorflow as tf

    def write(_):
        with Path("/dev/full").open("w") as file:
            file.write("x")

    def run():
        with beam.Pipeline(runner=FN_API_RUNNER) as pipeline:
            pipeline | beam.Create([1]) | beam.Map(write)  # type: ignore[unused-expression]

    assert "disk is full" in explain(_raised(run), ROOT)
    assert "disk is full" in explain(_raised(lambda: tf.io.write_file("/dev/full", b"x")), ROOT)


@pytest.mark.parametrize("bug", [KeyError("x"), RuntimeError("odd"), OSError(errno.EIO, "I/O error", "/x")])
def test_anything_else_is_a_bug(bug):
    assert explain(bug) is None


def test_an_error_that_is_its_own_cause_does_not_loop():
    error = RuntimeError("a")
    error.__context__ = error
    assert explain(error) is None

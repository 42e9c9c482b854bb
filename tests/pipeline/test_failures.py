import errno
import os

import pytest

from pipeline.failures import explain
from preprocessing.errors import UserError


def _wrapped(cause):
    """As Beam and TFX do: an error of their own around the one that matters."""
    error = RuntimeError("[while running 'Write']")
    error.__cause__ = cause
    return error


def test_a_users_mistake_is_found_below_what_wraps_it():
    assert explain(_wrapped(UserError("a: expected b, received c", hint="do d"))) == (
        "a: expected b, received c\n  next: do d"
    )


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission"), (errno.EROFS, "read-only")],
)
def test_errors_of_the_surroundings_name_the_file_and_the_next_step(number, said):
    message = explain(_wrapped(OSError(number, os.strerror(number), "/data/out")))
    assert message.startswith("/data/out: ")
    assert said in message
    assert "next: " in message


def test_an_error_number_that_became_text_is_recognised():
    assert "disk is full" in explain(RuntimeError("ResourceExhausted: /x; No space left on device"))


@pytest.mark.parametrize("bug", [KeyError("x"), RuntimeError("odd"), OSError(errno.EIO, "I/O error", "/x")])
def test_anything_else_is_a_bug(bug):
    assert explain(bug) is None


def test_an_error_that_is_its_own_cause_does_not_loop():
    error = RuntimeError("a")
    error.__context__ = error
    assert explain(error) is None

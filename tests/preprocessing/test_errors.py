"""The error for people: its parts are data, and its text is put together in one place."""

import pickle

import pytest

from preprocessing.errors import UserError
from preprocessing.nearest import nearest


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("the disk is full"), "the disk is full"),
        (UserError("the disk is full", hint="free some space"), "the disk is full\n  next: free some space"),
        (UserError("is not there", field=("data", "spans")), "data.spans: is not there"),
        (
            UserError(field=("features", "numeric", 0, "clip"), expected="[lowest, highest]", received=[2, 1]),
            "features.numeric.0.clip: expected [lowest, highest], received [2, 1]",
        ),
        (
            UserError("unknown encoding", expected="one of Python's", received="", hint="for example utf-8"),
            "unknown encoding; expected one of Python's, received ''\n  next: for example utf-8",
        ),
        (UserError(received="v"), "received 'v'"),
        (UserError(field=("data", "path"), received="v"), "data.path: received 'v'"),
        (
            UserError("is not there", field=("root",), received="gs://u:secret@h/x"),
            "root: is not there, received 'gs://u:***@h/x'",
        ),
    ],
)
def test_the_text_is_made_of_the_parts(error: UserError, text: str) -> None:
    assert str(error) == text


def test_the_parts_reach_another_process() -> None:
    error = UserError("m", field=("a", 1), expected="e", received=[2], hint="h")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_the_whole_text_reaches_the_error_that_beam_makes_of_it() -> None:
    error = UserError("m", field=("a", 1), expected="e", received=[2], hint="h")
    assert str(type(error)(error.args[0] + " [while running 'Read']", *error.args[1:])) == (
        "a.1: m; expected e, received [2]\n  next: h [while running 'Read']"
    )


@pytest.mark.parametrize(
    ("name", "allowed", "expected"),
    [
        ("learning_rat", ["epochs", "learning_rate"], "learning_rate"),
        ("PRICE", ["price_usd", "Price"], "Price"),
        ("colour", ["width", "height"], ""),
        ("anything", [], ""),
    ],
)
def test_the_nearest_name(name: str, allowed: list[str], expected: str) -> None:
    assert nearest(name, allowed) == expected

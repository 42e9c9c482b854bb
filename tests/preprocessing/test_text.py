"""Text for people: the examples in the module's docstrings, and what they leave open."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing import text
from preprocessing.text import (
    either,
    first_line,
    listed,
    named,
    one_line,
    printable,
    quoted,
    sentences,
    shortened,
    without_passwords,
)


def test_the_examples_of_the_docstrings_hold() -> None:
    result = doctest.testmod(text)
    assert (result.failed, result.attempted) == (0, 12)


@given(st.text(), st.integers(0, 40))
def test_a_shortened_text_is_its_beginning_and_never_too_long(whole: str, most: int) -> None:
    short = shortened(whole, most)
    assert len(short) <= most
    assert short == whole or (len(whole) > most and short == whole[: max(0, most - 3)] + "..."[:most])


@given(st.text())
def test_one_line_is_one_line_and_loses_no_word(whole: str) -> None:
    line = one_line(whole)
    assert len(line.splitlines()) <= 1
    assert "\t" not in line
    assert line.split() == whole.split()
    assert one_line(line) == line


def test_spaces_in_a_line_are_kept() -> None:
    assert one_line("received 'a  b',\r\n  \t expected 'a b'\n\n") == "received 'a  b', expected 'a b'"
    assert one_line("a" * 10, most=8) == "aaaaa..."
    assert one_line(KeyError("x")) == "'x'"


@given(st.text())
def test_what_is_printable_is_safe_and_stays(whole: str) -> None:
    safe = printable(whole + "\x1b\x9b\u202e\ud800\n")
    assert safe.isprintable()
    assert safe.encode().decode() == safe
    assert printable(safe) == safe
    assert printable("a\nb\r", keep="\n") == "a\nb\\r"


@pytest.mark.parametrize("value", ["", "a'b\"c", "\x1b[2J", "a" * 60, "\n" * 60])
def test_a_value_of_at_most_60_characters_is_quoted_in_full(value: str) -> None:
    assert quoted(value) == repr(value)


def test_the_rest_of_a_list_is_counted_only_where_there_is_one() -> None:
    assert listed([], 2) == sentences([], 2) == ""
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(list(range(200)), 2) == "0, 1 and 198 more"
    assert listed([str(n) for n in range(31)]).endswith("28, 29 and 1 more")
    assert sentences(["a", "b"], 2) == "a; b"
    assert sentences(["a", "b", "c"], 1) == "a (and 2 more)"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("{'a': ['gs://u:secret@h/x']}", "{'a': ['gs://u:***@h/x']}"),
        ("u:secret@registry.example.com/image", "u:***@registry.example.com/image"),
        ("{url: postgresql://u:secret@localhost}", "{url: postgresql://u:***@localhost}"),
        ("{url: postgresql://u:secret@h/x, query: SELECT 1}", "{url: postgresql://u:***@h/x, query: SELECT 1}"),
        ("registry:orders@champion", "registry:orders@champion"),
        ("image:1.0@sha256:0123", "image:1.0@sha256:0123"),
        ("https://h:80/a@b", "https://h:80/a@b"),
    ],
)
def test_only_passwords_are_hidden(given: str, shown: str) -> None:
    assert without_passwords(given) == shown


def test_an_error_without_a_message_says_its_type() -> None:
    assert first_line(ValueError()) == "ValueError"
    assert first_line(ValueError("a\nb")) == "a"
    assert first_line(ValueError("\n \nb")) == named(ValueError("b")).removeprefix("ValueError: ") == "b"
    assert named(ValueError("\n")) == first_line(ValueError("\n")) == "ValueError"


def test_two_alternatives_have_no_comma() -> None:
    assert either(["a", "b"]) == "a or b"

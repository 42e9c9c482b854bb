"""What can be a bearer token, and how it is kept out of texts."""

import json
from urllib.parse import quote

import pytest

from components.cloud.tokens import checked, removed, removed_from_data
from preprocessing.errors import UserError

BEARER = "ya29.a-b_c~d/e+f/0123456789=="


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "trailing\n", "é", "\x00"])
def test_what_can_be_no_token(token: str) -> None:
    with pytest.raises(UserError, match="no token has") as caught:
        checked(token, "MY_TOKEN")
    assert caught.value.hint == "set MY_TOKEN to the token alone"
    assert not token or repr(token)[1:-1] not in str(caught.value)


def test_what_can_be_one() -> None:
    assert checked(BEARER, "MY_TOKEN") == BEARER


@pytest.mark.parametrize(
    "written",
    [
        BEARER,
        BEARER.replace("/", r"\/"),  # JSON, as PHP writes it
        BEARER.replace("=", r"\u003d").replace("+", r"\u002B"),  # JSON, as Gson writes it
        json.dumps(json.dumps(BEARER.replace("=", r"\u003d"))).strip('"\\'),  # JSON in JSON
        quote(BEARER, safe=""),
        quote(BEARER, safe="").lower(),
    ],
)
def test_a_token_is_found_however_it_is_written(written: str) -> None:
    assert removed(f"x {written}, y {written}", BEARER) == "x [token], y [token]"


def test_what_is_like_a_token_stays() -> None:
    assert removed("ya29_a-b", "ya29.a-b") == "ya29_a-b"
    assert removed("no token", None) == removed("no token", "") == "no token"


def test_a_word_is_kept_in_data_but_not_shown() -> None:
    content = '{"state": "RUNNING"}'
    assert removed_from_data(content, "state") == content
    assert removed("Bearer state", "state") == "Bearer [token]"
    assert removed_from_data(f'{{"error": "{BEARER}"}}', BEARER) == '{"error": "[token]"}'

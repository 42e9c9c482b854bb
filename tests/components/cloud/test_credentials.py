"""Tokens from the environment and from Google's library."""

import json
from pathlib import Path

import pytest

from components.cloud.credentials import Credentials, of_google
from components.cloud.google_login import TOKEN_VARIABLE
from preprocessing.errors import UserError


@pytest.mark.parametrize("given", ["a-secret\n", "  a-secret", "a-secret\r\n"])
def test_spaces_around_the_token_are_not_sent(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, given)
    assert of_google("log in").token() == "a-secret"


def test_googles_variable_is_named_and_what_can_be_no_token_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "a-secret\nanother")
    with pytest.raises(UserError, match=f"set {TOKEN_VARIABLE} to the token alone") as caught:
        of_google("log in").token()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["[]", "null", '"text"', "7", "no JSON", b"\xff", '{"type": "external_account"}', None]
)
def test_a_key_file_that_is_none(content: str | bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    key = tmp_path / "key.json"
    if content is None:
        key.mkdir()
    else:
        key.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(UserError, match="no credentials for Google Cloud: ") as caught:
        of_google("log in").token()
    assert caught.value.hint == "log in"
    assert "\n" not in caught.value.message


def test_certificates_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    key = tmp_path / "key.json"
    user = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    key.write_text(json.dumps(user))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/certificates.pem")
    with pytest.raises(UserError, match=r"no credentials for Google Cloud: .*/nowhere/certificates\.pem"):
        of_google("log in").token()


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "é"])
def test_what_can_be_no_token(token: str) -> None:
    with pytest.raises(UserError, match="no token has") as caught:
        Credentials(lambda: token).token()
    assert token not in str(caught.value)


def test_a_token_is_fetched_once_and_again_on_demand() -> None:
    tokens = iter(["a", "b", "b"])
    credentials = Credentials(lambda: next(tokens))
    assert [credentials.token(), credentials.token()] == ["a", "a"]
    assert credentials.renew()
    assert credentials.token() == "b"
    assert not credentials.renew()

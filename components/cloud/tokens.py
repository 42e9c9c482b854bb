"""Bearer tokens: what can be one, and how one is kept out of what is shown."""

import re

from preprocessing.errors import UserError

_SHORTEST_IN_DATA = 16
"""What is shorter may be a word that an answer has by chance: taking it out would change names and IDs."""


def checked(token: str, source: str) -> str:
    """The token, where a header can hold it.

    Args:
      token: what is to be sent.
      source: where it comes from, for the message.

    Raises:
      UserError: it holds what no token has; the message doesn't show it.
    """
    if not (token and token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            "the token is empty, or holds a space, a line break or another character that no token has",
            hint=f"set {source} to the token alone",
        )
    return token


def removed(text: str, token: str | None) -> str:
    """The text without the token: a server may repeat what it was sent.

    It is found as it is and as JSON or a URL may write it. To be called before the text is shortened: what is left of a
    token that was cut is not found.
    """
    return re.sub(_anyhow(token), "[token]", text) if token else text


def removed_from_data(content: str, token: str | None) -> str:
    """Removes the token from data that is processed further; one that is too short to be a secret stays."""
    return removed(content, token) if token and len(token) >= _SHORTEST_IN_DATA else content


def _anyhow(token: str) -> str:
    """The pattern of a token in which `=` may be an escape of JSON, also of JSON within JSON, or of a URL."""
    return "".join(c if c.isalnum() else rf"(?:\\*{re.escape(c)}|(?i:\\+u{ord(c):04x}|%{ord(c):02x}))" for c in token)

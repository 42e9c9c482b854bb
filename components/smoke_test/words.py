"""Texts of others, a model's errors for example, as parts of a report's line."""

_MOST = 400


def shortened(message: object, most: int = _MOST) -> str:
    """A text in one line, cut where it is longer than `most` characters: an error may hold the whole request."""
    text = " ".join(str(message).split())
    return text if len(text) <= most else f"{text[:most]}..."

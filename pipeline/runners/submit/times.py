"""Reads the times that the services give."""

import datetime


def seconds_between(start: str, end: str) -> float:
    """The seconds between two times in RFC 3339; 0 where one is missing or not set (Kubeflow says 1970 for that)."""
    try:
        first, last = datetime.datetime.fromisoformat(start), datetime.datetime.fromisoformat(end)
        return max(0.0, (last - first).total_seconds()) if first.timestamp() > 0 else 0.0
    except (ValueError, TypeError):
        return 0.0

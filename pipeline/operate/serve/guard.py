"""Whose requests are taken: on the loopback address only those that mean this machine.

A page in a browser can send requests to 127.0.0.1 under a name of its own (DNS rebinding), or from another site. Both
show in the headers.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pipeline.operate.serve.errors import RefusalError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERY_INTERFACE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_FORBIDDEN = 403


class Guard:
    """Checks the headers of requests."""

    def __init__(self, host: str) -> None:
        """Takes what is meant for a host.

        Args:
          host: the one of `--host`. Every interface takes requests under any name.
        """
        self._allowed = None if host in EVERY_INTERFACE else _LOOPBACK | {host.lower()}

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuses requests that mean another host, or come from another site.

        Raises:
          RefusalError: with HTTP status 403.
        """
        if self._allowed is None:
            return
        for name, address in (("Host", f"//{headers.get('host', '')}"), ("Origin", headers.get("origin"))):
            if address is not None and _host(address) not in self._allowed:
                message = f"{name} {headers.get(name.lower(), '')!r} is not this server's; see --host"
                raise RefusalError("PermissionDenied", message, _FORBIDDEN)


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""

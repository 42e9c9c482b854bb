"""The address of a server, checked before anything is sent to it."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

import httpx

from preprocessing.errors import UserError


def check(address: str, *, token: bool) -> None:
    """Refuses an address that nothing may be sent to.

    Args:
      address: a server's.
      token: whether a token would be sent along.

    Raises:
      UserError: it is not a URL, it holds a user or a password, or the token would go over the network in the clear.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
        # What can't be asked for: a label that is empty or too long, a character that no host has.
        httpx.URL(address)
        (host or "").encode("idna")
    except (ValueError, httpx.InvalidURL):
        host = port = None
    if not host or port == 0 or re.search(r"\s", address):
        raise UserError(f"the address {_without_user(address)!r} is not a URL", hint="write it as https://HOST/PATH")
    if parts.username is not None:
        raise UserError(
            f"the address {_without_user(address)} holds a user or a password",
            hint="remove it; a token is read from the environment",
        )
    if token and parts.scheme != "https" and not _loopback(address):
        raise UserError(
            f"the token would go to {urlunsplit(parts)} unencrypted",
            hint="use the server's https:// address, or unset the token's environment variable if it needs none",
        )


def _without_user(address: str) -> str:
    return re.sub("//[^/]*@", "//", address)


def _loopback(address: str) -> bool:
    """Whether a URL leads to this machine itself."""
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

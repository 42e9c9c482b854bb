"""HTTP clients that take the proxy and the certificates of the environment, and say what is wrong with these."""

import os
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx

from preprocessing.errors import UserError

_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def client(address: str, timeout: httpx.Timeout) -> httpx.Client:
    """A client for one server, which follows no redirects: a token is meant for this server.

    Args:
      address: the server's. Only what is encrypted goes through the environment's proxy.
      timeout: see httpx.

    Raises:
      UserError: the environment's proxy or certificates can't be used. The message names the variables; their values,
        which may hold a password, are not even in a trace.
    """
    encrypted = urlsplit(address).scheme == "https"
    try:
        if encrypted:
            _check_proxies()
        return httpx.Client(timeout=timeout, trust_env=encrypted, follow_redirects=False)
    except OSError as error:
        if not (names := _set(_CERTIFICATES)):
            raise
        reason = error.strerror or str(error)
        raise UserError(
            f"{names}: expected certificates as PEM, received something that can't be read: {reason}",
            hint=f"correct or unset {names}",
        ) from None
    except (ImportError, ValueError, httpx.InvalidURL):
        # httpx has no error of its own for a proxy that it doesn't take; without a proxy it is a bug.
        if not (names := _set(_PROXIES)):
            raise
        raise UserError(
            f"the environment's proxy can't be used (set: {names}): expected http://HOST:PORT or "
            "http://USER:PASSWORD@HOST:PORT, and hosts in NO_PROXY; received another kind (SOCKS is not supported)",
            hint=f"correct or unset {names}; write special characters of a password as %XX, such as %23 for #",
        ) from None


def next_step(error: httpx.HTTPError) -> str:
    """What to do about a connection that fails each time; empty where the next try may succeed."""
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in _chain(error)):
        return (
            "check the address; where the certificate is your organisation's own, set SSL_CERT_FILE to a file with the "
            "certificate of its authority"
        )
    if isinstance(error, httpx.ProxyError) and str(error).startswith("407"):
        return f"put the proxy's user and password into {_set(_PROXIES)}, as http://USER:PASSWORD@HOST:PORT"
    if isinstance(error, httpx.ProxyError) and str(error).startswith("4"):
        return f"ask whoever runs the proxy ({_set(_PROXIES)}) to let this through, or name the server in NO_PROXY"
    return ""


def _check_proxies() -> None:
    """A ValueError for a proxy whose host can be none: httpx would fail at it only when it connects."""
    for scheme, proxy in getproxies().items():
        if scheme in ("http", "https", "all"):
            host = urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname
            (host or "").encode("idna")


def _set(names: tuple[str, ...]) -> str:
    """Which of these variables are set, also in small letters, in words."""
    return ", ".join(each for name in names for each in (name, name.lower()) if os.environ.get(each))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

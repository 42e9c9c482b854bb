"""What an HTTP client reads from the environment, for tests that set it."""

from pathlib import Path

import pytest

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")

BROKEN = [
    ("ALL_PROXY", "socks5://127.0.0.1:1080"),
    ("all_proxy", "socks4://127.0.0.1:1080"),
    ("HTTP_PROXY", "ftp://127.0.0.1:21"),
    ("NO_PROXY", "fe80::/64"),
    ("HTTPS_PROXY", "http://me:hunter2@127.0.0.1:http"),
    ("HTTPS_PROXY", "http://me:hunter#2@127.0.0.1:3128"),
    ("https_proxy", "http://me:hunter2@proxy..example.com:3128"),
    ("SSL_CERT_FILE", "/nowhere/hunter2.pem"),
    ("SSL_CERT_FILE", __file__),
    ("SSL_CERT_FILE", str(Path(__file__).parent)),
]
"""What no client can be made with; `hunter2` may not be shown."""


def clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and the certificates that come with the client."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

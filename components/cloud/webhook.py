"""A webhook: one JSON object to an address of the user's about how a run ended.

Address, token and key come from the environment, and none of them is shown or logged: the address of a chat's webhook
is a secret too. Sending is an afterthought of a run and never fails it.
"""

import contextlib
import hashlib
import hmac
import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from components.cloud import tokens
from components.cloud.credentials import Credentials, in_environment
from components.cloud.http import Api, HttpRequest, Patience
from components.cloud.notify_config import Event, NotifyConfig
from preprocessing.errors import UserError
from preprocessing.text import one_line

Lookup = Callable[[str], str | None]
"""Gives the value of an environment variable, None where it is unset or empty; or raises UserError."""

VERSION = 1
"""The version of the object's format."""
SIGNATURE_HEADER = "X-Lockgate-Signature"
_SHORTEST_SECRET = 4
"""Shorter parts of an address, such as `/` and `/v1`, stand in many texts by chance."""
_URL_OR_PATH = re.compile(r"[A-Za-z][\w+.-]*://\S+|(?<![\w./:~-])~?/(?:[^\s/'\":,;()]+/)*([^\s/'\":,;()]+)/?")


@dataclass(frozen=True)
class Notification:
    """What the webhook is told. Nothing in it names a machine, a user or a folder.

    Attributes:
      event: how the run ended.
      pipeline: its name.
      run: its id, or its name on a cluster; "" where it ended before it had one.
      runner: `local`, `kubeflow` or `vertex`.
      reason: of a refusal or a failure, in one line; "" for a push.
      gates: `name`, `passed` and `reason` of each verdict; empty where the step that sends does not know them.
      metrics: on the test split; empty likewise.
      pushed_version: the name of the version's folder; None where nothing was pushed.
    """

    event: Event
    pipeline: str
    run: str
    runner: str
    reason: str = ""
    gates: Sequence[Mapping[str, Any]] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    pushed_version: str | None = None

    def to_json(self, moment: str) -> bytes:
        """The body: UTF-8, on one line. A metric that is not finite becomes null.

        Args:
          moment: UTC, ISO 8601.
        """
        content = asdict(self) | {
            "lockgate": "notification",
            "version": VERSION,
            "id": f"{self.pipeline}/{self.run}/{self.event}",
            "time": moment,
            "reason": without_paths(self.reason),
            "gates": [{**each, "reason": without_paths(str(each.get("reason", "")))} for each in self.gates],
            "metrics": {name: value if math.isfinite(value) else None for name, value in self.metrics.items()},
        }
        return json.dumps(content, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()


def without_paths(text: str) -> str:
    """The text on one line, with the last name alone of each absolute path; URLs stay."""
    return _URL_OR_PATH.sub(lambda match: match[1] or match[0], one_line(text))


def send(
    config: NotifyConfig,
    notification: Notification,
    *,
    lookup: Lookup = in_environment,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Tells the webhook, where it wants to hear of the event.

    Args:
      config: the section.
      notification: what happened.
      lookup: gives the secrets.
      sleep: waits between tries.

    Returns:
      Why it was not told, in one line without secrets; "" where it was, or did not want to be.
    """
    if notification.event not in config.events:
        return ""
    secrets: dict[str, str] = {}
    for variable in config.variables():
        try:
            value = lookup(variable)
        except UserError as error:
            return one_line(f"{variable}: {error.message}")
        if value is None:
            return f"{variable} is not set"
        secrets[variable] = value
    hidden = _Hidden(config, secrets)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    try:
        _deliver(config, secrets, hidden, notification.to_json(moment), sleep)
    except (UserError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        said = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return hidden.removed(one_line(said))
    return ""


def _deliver(
    config: NotifyConfig, secrets: Mapping[str, str], hidden: "_Hidden", body: bytes, sleep: Callable[[float], None]
) -> None:
    address = secrets[config.url_env]
    headers = {}
    if config.signature_env is not None:
        # Of the bytes as the environment has them, whatever their encoding.
        digest = hmac.new(os.fsencode(secrets[config.signature_env]), body, hashlib.sha256).hexdigest()
        headers[SIGNATURE_HEADER] = f"sha256={digest}"
    seconds = config.timeout_seconds
    patience = Patience(seconds, seconds, seconds, config.tries, config.first_wait_seconds, sleep=sleep)
    request = HttpRequest("POST", address, body=body, headers=headers, name="the webhook")
    with _quiet(), Api(address, hidden, {}, patience) as api:
        api.deliver(request)


class _Hidden(Credentials):
    """The token, and the address and the key with it where something is shown."""

    def __init__(self, config: NotifyConfig, secrets: Mapping[str, str]) -> None:
        token = None if config.token_env is None else secrets[config.token_env]
        super().__init__(lambda: token, config.token_env or "")
        self._secrets = [*_parts(secrets[config.url_env]), *(secrets[each] for each in config.variables()[1:])]

    def removed(self, text: str) -> str:
        """The text without any of them."""
        for secret in self._secrets:
            text = tokens.removed(text, secret)
        return text

    def removed_from_data(self, content: str) -> str:
        """What the webhook answers is only ever shown."""
        return self.removed(content)


def _parts(address: str) -> Iterator[str]:
    """What may stand of an address in a message, the longest first."""
    yield address
    with contextlib.suppress(ValueError):
        parts = urlsplit(address)
        within = (parts._replace(scheme="", netloc="").geturl(), parts.path, parts.query, parts.password)
        yield from (each for each in within if each and len(each) >= _SHORTEST_SECRET)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the HTTP library from logging the address of each request, which a run's log would hold."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)

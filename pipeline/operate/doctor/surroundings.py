"""What a configuration needs of the world: variables, credentials, and servers that answer."""

import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import httpx

from components.cloud import connection
from components.cloud.address import check
from components.cloud.credentials import in_environment
from components.cloud.google_login import TOKEN_VARIABLE
from components.cloud.vertex import VertexProject
from pipeline.config.loader import LoadedConfig, load
from pipeline.config.problems import ConfigError
from pipeline.config.targets import TARGETS, Cluster, KubeflowTarget, TargetName, VertexTarget
from pipeline.operate.doctor.diagnosis import Check, Diagnosis, State
from preprocessing.errors import UserError
from preprocessing.text import one_line, shortened

_KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_GCLOUD_FILE = "application_default_credentials.json"
_SECONDS = 2.0
_LOG_IN = "gcloud auth application-default login"


def configuration(path: Path, overrides: Sequence[str]) -> tuple[LoadedConfig | None, Diagnosis]:
    """Reads the configuration, which decides what else is looked at.

    Args:
      path: its file.
      overrides: as `--set` takes them.
    """
    gives = "what else to look at"
    try:
        loaded = load(path, overrides)
    except UserError as error:
        first, *more = error.problems if isinstance(error, ConfigError) else [error]
        found = shortened(one_line(str(first).partition("\n")[0]), 200) + (f" (and {len(more)} more)" if more else "")
        diagnosis = Diagnosis("configuration", "missing", found, gives, f"lockgate validate {path}", required=True)
        return None, diagnosis
    return loaded, Diagnosis("configuration", "ok", f"{path} is valid", gives, required=True)


def surroundings(loaded: LoadedConfig, target: TargetName | None) -> list[Check]:
    """The checks of what a configuration needs.

    Args:
      loaded: the configuration.
      target: where it is to run, which is then required; None looks at every configured target, as at something that
        may be there.
    """
    checks = [Check("variables", partial(_variables, loaded))]
    for name in TARGETS if target is None else (target,):
        place: Cluster | None = getattr(loaded.config.targets, name)
        if place is None:
            if target is not None:
                checks.append(Check(f"target {name}", partial(_unconfigured, name)))
            continue
        checks.append(Check(f"credentials for {name}", partial(_credentials, name, place, target is not None)))
        checks.append(Check(f"target {name}", partial(_reachable, name, place, target is not None)))
    return checks


def google() -> Sequence[Diagnosis]:
    """Whether there are credentials for Google Cloud; nothing is asked for with them."""
    return [_google("Google credentials", required=False)]


def _unconfigured(name: str) -> Sequence[Diagnosis]:
    install = f"add targets.{name} to the configuration"
    return [Diagnosis(f"target {name}", "missing", "not configured", "runs there", install, required=True)]


def _variables(loaded: LoadedConfig) -> Sequence[Diagnosis]:
    """The environment variables that the configuration names, by what they are for."""
    config = loaded.config
    found = []
    if config.notify is not None:
        for variable in config.notify.variables():
            found.append(_variable(variable, "the webhook of notify", required=False))
    if config.data.sql is not None and config.data.sql.url_env is not None:
        found.append(_variable(config.data.sql.url_env, "the database of data.sql", required=True))
    if config.metadata.mysql is not None:
        found += [
            _variable(each, "the database of metadata", required=True) for each in config.metadata.mysql.variables()
        ]
    return found


def _variable(name: str, gives: str, *, required: bool) -> Diagnosis:
    there = in_environment(name) is not None
    install = "" if there else f"export {name}=..."
    return Diagnosis(f"${name}", "ok" if there else "missing", "set" if there else "not set", gives, install, required)


def _credentials(name: TargetName, target: Cluster, required: bool) -> Sequence[Diagnosis]:
    if isinstance(target, VertexTarget):
        return [_google(f"credentials for {name}", required=required)]
    variable = target.token_env
    there = in_environment(variable) is not None
    # Some servers want none: only the server can say.
    state: State = "ok" if there else "warning"
    found = "set" if there else "not set: nothing is sent"
    install = "" if there else f"export {variable}=..., where the server wants a token"
    return [
        Diagnosis(f"credentials for {name}", state, f"${variable} is {found}", "submitting", install),
        _kubernetes(),
    ]


def _kubernetes() -> Diagnosis:
    named = os.environ.get("KUBECONFIG", "")
    files = [Path(each) for each in named.split(os.pathsep) if each] or [Path.home() / ".kube/config"]
    there = any(each.is_file() for each in files)
    found = "there" if there else "not there"
    install = "" if there else "get one from whoever runs the cluster"
    state: State = "ok" if there else "missing"
    return Diagnosis("kubeconfig", state, found, "kubectl; lockgate itself needs none", install)


def _google(name: str, *, required: bool) -> Diagnosis:
    state: State = "ok"
    found, install = "", ""
    key = os.environ.get(_KEY_FILE)
    if in_environment(TOKEN_VARIABLE) is not None:
        found = f"a token in ${TOKEN_VARIABLE}"
    elif key:
        found = f"${_KEY_FILE} names a file"
        if not Path(key).is_file():
            state, found, install = "missing", f"{found} that is not there", f"correct or unset {_KEY_FILE}"
    elif (_google_folder() / _GCLOUD_FILE).is_file():
        found = "application default credentials"
    else:
        state, found, install = "missing", "none in a file or the environment", _LOG_IN
    return Diagnosis(name, state, found, "Vertex AI, BigQuery, gs://", install, required)


def _google_folder() -> Path:
    """The folder in which gcloud keeps its files."""
    stated = os.environ.get("CLOUDSDK_CONFIG")
    return Path(stated) if stated else Path.home() / ".config/gcloud"


def _reachable(name: TargetName, target: Cluster, required: bool) -> Sequence[Diagnosis]:
    return [_answer(f"target {name}", _address(target), required=required)]


def _address(target: Cluster) -> str:
    if isinstance(target, KubeflowTarget):
        return target.host
    return VertexProject(target.project, target.region, target.api_endpoint or "").address


def _answer(name: str, address: str, *, required: bool) -> Diagnosis:
    """Any answer will do, also one that wants a login: no token is sent, and nothing is asked of the service."""
    gives, install = "submitting", "check the address, the network, and a proxy in HTTPS_PROXY"
    try:
        check(address, token=False)
        with connection.client(address, httpx.Timeout(_SECONDS)) as client, client.stream("GET", address) as response:
            return Diagnosis(name, "ok", f"{address} answers (HTTP {response.status_code})", gives)
    except httpx.HTTPError as error:
        reason = f"no answer within {_SECONDS:g} s" if isinstance(error, httpx.TimeoutException) else _why(error)
        return Diagnosis(
            name, "missing", f"{address}: {reason}", gives, connection.next_step(error) or install, required
        )
    except UserError as error:
        return Diagnosis(name, "missing", one_line(error.message), gives, error.hint, required)


def _why(error: httpx.HTTPError) -> str:
    return shortened(one_line(re.sub(r"^\[Errno -?\d+\] ", "", str(error))), 120) or type(error).__name__

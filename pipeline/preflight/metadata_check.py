"""Whether runs on this machine can sign in to the database of `metadata.mysql`, as far as no server has to be asked."""

from collections.abc import Iterator

from components.cloud.credentials import in_environment
from pipeline.config.loader import LoadedConfig
from pipeline.config.problems import Problem, brief
from pipeline.config.targets import TargetName
from preprocessing.errors import FieldPath

_SECTION: FieldPath = ("metadata", "mysql")


def metadata_problems(loaded: LoadedConfig) -> Iterator[Problem]:
    """Variables that are not set, and files that are not there.

    Args:
      loaded: the configuration.
    """
    mysql = loaded.config.metadata.mysql
    if mysql is None:
        return
    for field, what in (("user_env", "user"), ("password_env", "password")):
        variable: str = getattr(mysql, field)
        if in_environment(variable) is None:
            yield loaded.problem(
                (*_SECTION, field),
                f"the environment variable is not set; it holds the {what} of the database",
                received=brief(variable),
                hint=f"export {variable}=...",
            )
    files = {} if mysql.tls is None else mysql.tls.model_dump(exclude_none=True)
    for name, file in files.items():
        if not loaded.resolve(file).is_file():
            yield loaded.problem((*_SECTION, "tls", name), "no such file", received=brief(file))


def on_cluster(loaded: LoadedConfig, target: TargetName) -> list[str]:
    """Says that a target does not use the database."""
    if loaded.config.metadata.mysql is None:
        return []
    return [f"metadata.mysql: for runs on this machine; {target} has a metadata store of its own"]

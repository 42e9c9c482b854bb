"""The `metadata:` section: where runs on this machine keep their records."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from preprocessing.rules import broken_rule, matching
from preprocessing.settings import EnvironmentVariable, Settings

_POSTGRES = ("postgresql", "postgres")
_WHY_NOT_POSTGRES = (
    "ml-metadata 1.17.1 does not work on PostgreSQL: it refuses a value with a backslash (syntax error at or near), "
    "which every schema and path may have, and one of more than about 2,700 bytes "
    "(github.com/google/ml-metadata/issues/194, open)"
)
_File = Annotated[str, Field(min_length=1)]


class TlsFiles(Settings):
    """How the connection to the database is encrypted. The paths are relative to this file."""

    ca: _File
    """The certificates of the authorities that the server's own may be signed by, in PEM."""
    cert: _File | None = None
    """The certificate that the server knows this machine by, where it asks for one."""
    key: _File | None = None
    """Its private key."""

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.cert is None) != (self.key is None):
            missing = "cert" if self.cert is None else "key"
            raise broken_rule("cert and key go together", field=(missing,), hint=f"give {missing} too, or neither")
        return self


class MysqlStore(Settings):
    """A database of MySQL or MariaDB, which may hold the records of many pipelines on many machines."""

    host: Annotated[str, matching(r"^[^\s/:@]+$", "a host name or an address, without a port")]
    """Not `localhost`, which means a socket there: `127.0.0.1` is the same machine."""
    port: Annotated[int, Field(ge=1, le=65535)] = 3306
    database: Annotated[str, matching(r"^[A-Za-z0-9_$-]{1,64}$", "at most 64 letters, digits, _, $ and -")]
    """Made beforehand, for ml-metadata's tables alone."""
    user_env: EnvironmentVariable
    """The environment variable that holds the user's name."""
    password_env: EnvironmentVariable
    """The environment variable that holds the password."""
    tls: TlsFiles | None = None
    """Encrypts the connection; none sends everything but the password as it is."""
    patience_seconds: Annotated[float, Field(ge=0, le=3600)] = 60
    """How long a run waits for a server that does not answer, such as one that is being restarted."""

    @model_validator(mode="after")
    def _check_host(self) -> Self:
        if self.host.lower() == "localhost":
            message = "means a socket of this machine to the database's client, not its network address"
            raise broken_rule(message, field=("host",), received=self.host, hint="write 127.0.0.1")
        return self

    def variables(self) -> tuple[str, ...]:
        """The environment variables that have to be set."""
        return (self.user_env, self.password_env)

    def address(self) -> str:
        """The database as messages name it."""
        return f"{self.host}:{self.port}/{self.database}"


class MetadataConfig(Settings):
    """Where runs on this machine keep their records: a file of SQLite in the root, unless a database is named.

    Kubeflow and Vertex AI have metadata stores of their own, which their runs use in any case.
    """

    mysql: MysqlStore | None = None
    """One database for several pipelines and machines; none keeps `metadata.sqlite` in the root."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_postgres(cls, given: Any) -> Any:
        for name in _POSTGRES:
            if isinstance(given, dict) and name in given:
                raise broken_rule(_WHY_NOT_POSTGRES, field=(name,), hint="use metadata.mysql, or remove it for SQLite")
        return given

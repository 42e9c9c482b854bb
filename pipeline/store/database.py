"""The database itself, without ml-metadata: whether it answers and why not, and work that one process does alone.

ml-metadata says of every failure only "mysql_real_connect failed: errno: , error:", and can't verify a certificate.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pymysql

from components.cloud.credentials import in_environment
from pipeline.config.metadata import MysqlStore
from preprocessing.errors import UserError

if TYPE_CHECKING:
    from pymysql.connections import Connection

_SECONDS_TO_CONNECT = 5
_ACCESS_DENIED, _NOT_ALLOWED, _NO_DATABASE, _NO_PERMISSION = 1045, 1130, 1049, 1044
_FOR_GOOD = (_ACCESS_DENIED, _NOT_ALLOWED, _NO_DATABASE, _NO_PERMISSION)
_HINTS = {
    _ACCESS_DENIED: "correct the content of {user} and {password}, or the account on the server",
    _NOT_ALLOWED: "allow this machine on the server: CREATE USER 'NAME'@'HOST'",
    _NO_DATABASE: "make it first: CREATE DATABASE {database}",
    _NO_PERMISSION: "GRANT ALL ON {database}.* TO the account that {user} names",
}
_SECONDS_ALONE = 60
_LOCK = "lockgate"


class UnreachableError(Exception):
    """The server does not answer now, and may later."""


def secrets(mysql: MysqlStore) -> tuple[str, str]:
    """User and password, from the environment.

    Raises:
      UserError: one is not set.
    """
    found = []
    for field in ("user_env", "password_env"):
        variable: str = getattr(mysql, field)
        value = in_environment(variable)
        if value is None:
            raise UserError(
                f"the environment variable {variable} is not set; expected the {field.partition('_')[0]} of the "
                f"database {mysql.address()} in it",
                field=("metadata", "mysql", field),
                hint=f"export {variable}=... and run again",
            )
        found.append(value)
    return found[0], found[1]


def connect(mysql: MysqlStore, *, exact: bool = False) -> Connection:
    """Opens a connection, with the server's certificate verified where `tls` is set.

    Args:
      mysql: the database.
      exact: texts are bytes, as ml-metadata wrote them: its own connections say latin1 and send UTF-8.

    Raises:
      UserError: the server refuses, and will go on to.
      UnreachableError: it does not answer.
    """
    user, password = secrets(mysql)
    try:
        return pymysql.connect(
            host=mysql.host,
            port=mysql.port,
            user=user,
            password=password,
            database=mysql.database,
            connect_timeout=_SECONDS_TO_CONNECT,
            charset="latin1" if exact else "utf8mb4",
            use_unicode=not exact,
            ssl=_context(mysql),
            ssl_disabled=mysql.tls is None,
        )
    except pymysql.MySQLError as error:
        number, *said = error.args or (0,)
        words = f"the database {mysql.address()}: {' '.join(map(str, said)) or error}"
        if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError):
            hint = "give metadata.mysql.tls.ca the authority that signed the server's certificate, or its right host"
            raise UserError(words, field=("metadata", "mysql", "tls"), hint=hint) from None
        if number in _FOR_GOOD or "SSL" in words.upper():
            hint = _HINTS.get(number, "enable TLS on the server, or correct metadata.mysql.tls")
            hint = hint.format(user=mysql.user_env, password=mysql.password_env, database=mysql.database)
            raise UserError(words, field=("metadata", "mysql"), hint=hint) from None
        raise UnreachableError(words) from None


def _context(mysql: MysqlStore) -> ssl.SSLContext | None:
    if mysql.tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=mysql.tls.ca)
        if mysql.tls.cert is not None:
            context.load_cert_chain(mysql.tls.cert, mysql.tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (mysql.tls.ca, mysql.tls.cert, mysql.tls.key)))
        raise UserError(
            f"metadata.mysql.tls: can't be used: {error} ({files})",
            field=("metadata", "mysql", "tls"),
            hint="give files in PEM, a certificate with its own key",
        ) from None
    return context


@contextlib.contextmanager
def alone(mysql: MysqlStore) -> Iterator[None]:
    """What is done within is done by one process at a time, of all that use the database.

    ml-metadata makes tables and types by looking first and then writing, so that two first runs at once break each
    other or leave types twice (github.com/kubeflow/pipelines/issues/14353).

    Raises:
      UserError: the server refuses, or another process has held it for a minute.
      UnreachableError: it does not answer.
    """
    with contextlib.closing(connect(mysql)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, %s)", (f"{_LOCK} {mysql.database}"[:64], _SECONDS_ALONE))
        if cursor.fetchone() != (1,):
            raise UserError(
                f"the database {mysql.address()}: another run has been making tables or types there for "
                f"{_SECONDS_ALONE} s",
                hint="run again; SHOW PROCESSLIST names the connection that holds the lock",
            )
        # The server gives the lock back with the connection, also that of a process that is killed.
        yield

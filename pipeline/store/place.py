"""Where the metadata store of a root is. Light: who only has to know that there is one imports nothing heavy.

A root with a file of SQLite needs no more than that file. One whose records are in a database has a small file that
names it, for commands that are given a root and no configuration. It names environment variables, never their content.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.config.loader import LoadedConfig
from pipeline.config.metadata import MysqlStore
from pipeline.files.whole_file import write_whole
from pipeline.selection import METADATA_FILE
from preprocessing.errors import UserError

PLACE_FILE = "metadata.json"
"""In the root: which database has its records, and which of the database's pipelines are the root's."""


@dataclass(frozen=True)
class StorePlace:
    """The metadata store of one root.

    Attributes:
      root: the folder.
      mysql: the database; None for a file of SQLite in the root.
      identity: of the root in that database; "" for SQLite.
      pipelines: those of the database that are the root's; empty for SQLite, whose file holds no others.
    """

    root: Path
    mysql: MysqlStore | None = None
    identity: str = ""
    pipelines: tuple[str, ...] = ()

    def exists(self) -> bool:
        """Whether a run was made in the root."""
        return self.mysql is not None or (self.root / METADATA_FILE).is_file()

    def name(self) -> str:
        """The store as messages name it."""
        return str(self.root / METADATA_FILE) if self.mysql is None else f"the database {self.mysql.address()}"

    def owns(self, pipeline: str) -> bool:
        """Whether what the store has of a pipeline belongs to this root."""
        return self.mysql is None or pipeline in self.pipelines

    def write(self) -> None:
        """Writes the file that names the database.

        Raises:
          OSError: the root can't be written.
        """
        if self.mysql is not None:
            content = {
                "mysql": self.mysql.model_dump(mode="json"),
                "identity": self.identity,
                "pipelines": sorted(self.pipelines),
            }
            write_whole(self.root / PLACE_FILE, json.dumps(content, indent=1) + "\n")


def place_of(root: Path) -> StorePlace:
    """The store of a root, as its last run left it.

    Raises:
      UserError: the file that names a database can't be understood.
    """
    file = root / PLACE_FILE
    if not file.is_file():
        return StorePlace(root)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        mysql = MysqlStore.model_validate_json(json.dumps(content["mysql"]))
        return StorePlace(root, mysql, str(content["identity"]), tuple(map(str, content["pipelines"])))
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        message = f"{file}: expected the database of the root's records, as lockgate run writes it: {error}"
        raise UserError(message, hint="lockgate run CONFIG in this root writes it anew, once it is removed") from error


def place_for(loaded: LoadedConfig) -> StorePlace:
    """The store that a configuration names, as its next run will use it.

    Raises:
      UserError: the root has records in another kind of store.
    """
    root, asked = loaded.root(), loaded.config.metadata.mysql
    known = place_of(root)
    if asked is None:
        if known.mysql is not None:
            raise UserError(
                f"{root}: its records are in {known.name()}, and metadata.mysql is not set: a run would begin without "
                "champion, baseline and cache",
                hint=f"set metadata.mysql as before, or another root; or remove {PLACE_FILE} there to begin anew",
            )
        return known
    if (root / METADATA_FILE).is_file():
        raise UserError(
            f"{root}: its records are in {METADATA_FILE}, and metadata.mysql names a database: a run would begin "
            "without champion, baseline and cache",
            hint=f"remove metadata.mysql, or set another root; or move {METADATA_FILE} away to begin anew",
        )
    identity = known.identity or uuid.uuid4().hex
    return StorePlace(root, _located(asked, loaded), identity, known.pipelines)


def _located(mysql: MysqlStore, loaded: LoadedConfig) -> MysqlStore:
    """The database with absolute paths: commands that read the root's file start anywhere."""
    if mysql.tls is None:
        return mysql
    files = {name: str(loaded.resolve(path)) for name, path in mysql.tls.model_dump(exclude_none=True).items()}
    return mysql.model_copy(update={"tls": mysql.tls.model_copy(update=files)})

"""What a run is made from, as two short keys: by them it is known later whether the same was tried before."""

import hashlib
import json
from dataclasses import asdict, dataclass

from components.example_gen.changes import TableState, table_state
from pipeline.config.loader import LoadedConfig
from preprocessing.errors import UserError

OF_NO_MODEL = ("predict", "watch", "notify", "targets", "serving", "gc", "card", "metadata")
"""Sections that change nothing about what a run on this machine trains, tests and pushes."""


@dataclass(frozen=True)
class InputKeys:
    """The keys of one moment.

    Attributes:
      data: of the table's files, see `components.example_gen.changes`; "" where it can't be told.
      settings: of the configuration with every default filled in, and of the curated schema's content.
    """

    data: str
    settings: str

    def to_json(self) -> dict[str, str]:
        """As plain data."""
        return asdict(self)


def input_keys(loaded: LoadedConfig, state: TableState | None = None) -> InputKeys:
    """The keys of a configuration now.

    Args:
      loaded: the configuration.
      state: of the table, where it has been looked at; None looks, and has an empty key where that fails.
    """
    if state is None:
        try:
            state = table_state(loaded.config.data, str(loaded.base))
        except UserError:
            # The run itself says what is wrong with it.
            state = TableState("", "")
    stated = {name: value for name, value in loaded.config.resolved().items() if name not in OF_NO_MODEL}
    digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode())
    schema = loaded.config.data.schema_file
    if schema is not None and (file := loaded.resolve(schema)).is_file():
        digest.update(file.read_bytes())
    return InputKeys(state.key, digest.hexdigest())

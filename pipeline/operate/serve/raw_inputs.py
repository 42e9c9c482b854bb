"""The table's columns behind the inputs of a served version, for the request log; each version has its own."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow.python.framework import errors
from tensorflow.python.lib.io import file_io

from components.artifacts.golden import GoldenContract
from components.artifacts.pushed_version import CONTRACT
from pipeline.operate.serve.example_row import SIGNATURE
from preprocessing.features import argument_names
from preprocessing.missing import MissingWords


@dataclass(frozen=True)
class RawInputs:
    """What a version reads of the table.

    Attributes:
      columns: the column behind each input of `serve_features`, as far as one is known.
      words: that mean missing, by column.
    """

    columns: Mapping[str, str]
    words: MissingWords


class InputsByVersion:
    """Finds them, once for each version. Any thread may use it."""

    def __init__(self, base: str, columns: Mapping[str, str], words: MissingWords) -> None:
        """Nothing is read yet.

        Args:
          base: the push destination.
          columns: the configured column of each input; for versions that don't say it themselves.
          words: that mean missing in the table, likewise.
        """
        self._base, self._columns, self._words = base, columns, words
        self._found: dict[int, RawInputs] = {}

    def of(self, version: int, signatures: Mapping[str, Any]) -> RawInputs:
        """The inputs of a version: by the contract that it brings along, else by its signature.

        Args:
          version: its number.
          signatures: its SignatureDefs by name.
        """
        if version not in self._found:
            contract = self._contract(version)
            self._found[version] = self._by_signature(signatures) if contract is None else _by_contract(contract)
        return self._found[version]

    def _contract(self, version: int) -> GoldenContract | None:
        try:
            with file_io.FileIO(posixpath.join(self._base, str(version), CONTRACT.version), "r") as file:
                return GoldenContract.model_validate_json(file.read())
        except (errors.OpError, ValueError):
            return None  # the version of a local run has none; of a damaged one the signature tells the columns too

    def _by_signature(self, signatures: Mapping[str, Any]) -> RawInputs:
        inputs = signatures[SIGNATURE].inputs if SIGNATURE in signatures else ()
        columns: dict[str, str] = {}
        for name in inputs:
            # The configuration may have changed since the version was pushed.
            if name in self._columns or argument_names([name])[name] == name:
                columns[name] = self._columns.get(name, name)
        return RawInputs(columns, self._words)


def _by_contract(contract: GoldenContract) -> RawInputs:
    columns = {each.argument: column for column, each in contract.inputs.items()}
    return RawInputs(columns, MissingWords(columns=contract.missing_words or {}))
